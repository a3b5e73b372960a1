//! The callback parameter of a request: found, decoded and checked before anything is stored.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde_json::{Map, Value};

use super::template::{BodyType, Template};
use super::url::CallbackUrl;
use crate::encoding::base64_decode;
use crate::error::OssError;
use crate::query::Query;

/// The longest value of either parameter in a header or a query.
const LONGEST_PARAMETER: usize = 5 * 1024;
const MOST_URLS: usize = 5;
const MOST_ADDITIONAL_HEADERS: usize = 10;

/// A callback that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Callback {
    pub(crate) urls: Vec<CallbackUrl>,
    pub(crate) host: Option<String>,
    pub(crate) template: Template,
    pub(crate) body_type: BodyType,
    pub(crate) sni: bool,
    pub(crate) additional_headers: Vec<(String, String)>,
    pub(crate) variables: BTreeMap<String, String>,
}

/// The two parameters of a request as they were sent.
struct Raw {
    callback: Option<String>,
    variables: Option<String>,
}

/// Refuses a parameter that stands both in a header and in the query, whatever the operation.
pub(crate) fn check_transport(headers: &HeaderMap, query: &Query) -> Result<(), OssError> {
    for (header, parameter, ec) in [
        ("x-oss-callback", "callback", "0007-00000027"),
        ("x-oss-callback-var", "callback-var", "0007-00000028"),
    ] {
        if headers.contains_key(header) && query.has(parameter) {
            return Err(OssError::invalid_argument(
                parameter,
                "",
                format!("The {parameter} parameter is in the header and in the query; use one of them."),
            )
            .ec(ec));
        }
    }
    Ok(())
}

impl Callback {
    /// Takes the callback out of headers or query; `None` when the request has none.
    pub(crate) fn of_request(headers: &HeaderMap, query: &Query) -> Result<Option<Self>, OssError> {
        check_transport(headers, query)?;
        let text = |header: &str, parameter: &str| {
            let in_header =
                headers.get(header).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            in_header.or_else(|| query.value(parameter).map(str::to_owned)).filter(|text| !text.is_empty())
        };
        let raw = Raw {
            callback: text("x-oss-callback", "callback"),
            variables: text("x-oss-callback-var", "callback-var"),
        };
        for (name, value, ec) in
            [("callback", &raw.callback, "0007-00000001"), ("callback-var", &raw.variables, "0007-00000101")]
        {
            if let Some(value) = value
                && value.len() > LONGEST_PARAMETER
            {
                return Err(refused(name, "", format!("The {name} is longer than 5 KB."), ec));
            }
        }
        let variables = raw.variables.as_deref().map(variables).transpose()?.unwrap_or_default();
        let Some(callback) = raw.callback else { return Ok(None) };
        Self::decode(&callback, variables)
    }

    /// Decodes the base64 of a callback; `None` when it names no URL.
    pub(crate) fn decode(text: &str, variables: BTreeMap<String, String>) -> Result<Option<Self>, OssError> {
        let Some(json) = base64_decode(text.trim()) else {
            return Err(refused(
                "callback",
                text,
                "The callback configuration is not base64 encoded.",
                "0007-00000002",
            ));
        };
        let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(&json) else {
            return Err(refused(
                "callback",
                text,
                "The callback configuration is not json format.",
                "0007-00000003",
            ));
        };
        if let Some(policy) = fields.get("callbackPolicy") {
            return Err(OssError::new(
                http::StatusCode::NOT_FOUND,
                "BucketCallbackPolicyNotExist",
                "The specified callback policy does not exist.",
            )
            .with("CallbackPolicy", policy.as_str().unwrap_or_default()));
        }
        let fields = Fields { fields, raw: text };
        let urls = fields.urls()?;
        if urls.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            urls,
            host: fields.host()?,
            template: fields.template()?,
            body_type: fields.body_type()?,
            sni: fields.sni()?,
            additional_headers: fields.additional_headers()?,
            variables,
        }))
    }
}

/// Decodes the base64 of the custom variables.
fn variables(text: &str) -> Result<BTreeMap<String, String>, OssError> {
    let Some(json) = base64_decode(text.trim()) else {
        return Err(refused(
            "callback-var",
            text,
            "The callback-var is not base64 encoded.",
            "0007-00000102",
        ));
    };
    let Ok(value) = serde_json::from_slice::<Value>(&json) else {
        return Err(refused("callback-var", text, "The callback-var is not json format.", "0007-00000103"));
    };
    let shape = || {
        refused(
            "callback-var",
            text,
            "The callback-var is not a map of x: names to strings.",
            "0007-00000104",
        )
    };
    let Value::Object(fields) = value else { return Err(shape()) };
    fields
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(value) if name.starts_with("x:") => Ok((name, value)),
            _ => Err(shape()),
        })
        .collect()
}

fn refused(
    name: &str,
    value: &str,
    message: impl Into<std::borrow::Cow<'static, str>>,
    ec: &'static str,
) -> OssError {
    OssError::invalid_argument(name, value, message).ec(ec)
}

struct Fields<'a> {
    fields: Map<String, Value>,
    raw: &'a str,
}

impl Fields<'_> {
    fn refused(&self, message: &'static str, ec: &'static str) -> OssError {
        refused("callback", self.raw, message, ec)
    }

    fn text(&self, name: &str, message: &'static str, ec: &'static str) -> Result<Option<&str>, OssError> {
        match self.fields.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.refused(message, ec)),
        }
    }

    fn urls(&self) -> Result<Vec<CallbackUrl>, OssError> {
        let invalid = || self.refused("The callback url is invalid.", "0007-00000004");
        let Some(text) = self.text("callbackUrl", "The callback url is invalid.", "0007-00000004")? else {
            return Ok(Vec::new());
        };
        let urls: Vec<&str> = text.split(';').filter(|url| !url.trim().is_empty()).collect();
        if urls.len() > MOST_URLS {
            return Err(self.refused("The number of callback urls is more than 5.", "0007-00000005"));
        }
        urls.into_iter().map(|url| CallbackUrl::parse(url).ok_or_else(invalid)).collect()
    }

    fn host(&self) -> Result<Option<String>, OssError> {
        let message = "The callback host is not a string.";
        let host = self.text("callbackHost", message, "0007-00000009")?.filter(|host| !host.is_empty());
        match host {
            Some(host) if http::HeaderValue::from_str(host).is_err() => {
                Err(self.refused("The callback host is invalid.", "0007-00000009"))
            }
            host => Ok(host.map(str::to_owned)),
        }
    }

    fn template(&self) -> Result<Template, OssError> {
        let body = self.text("callbackBody", "The callback body is not a string.", "0007-00000010")?;
        match body {
            None | Some("") => Err(self.refused("The callback body is empty.", "0007-00000011")),
            Some(body) => Template::parse(body),
        }
    }

    fn body_type(&self) -> Result<BodyType, OssError> {
        match self.text("callbackBodyType", "The callback body type is not a string.", "0007-00000012")? {
            None | Some("" | "application/x-www-form-urlencoded") => Ok(BodyType::Form),
            Some("application/json") => Ok(BodyType::Json),
            Some(_) => Err(self.refused("The callback body type is invalid.", "0007-00000013")),
        }
    }

    fn sni(&self) -> Result<bool, OssError> {
        match self.fields.get("callbackSNI") {
            None => Ok(false),
            Some(Value::Bool(sni)) => Ok(*sni),
            Some(_) => Err(OssError::invalid_argument("callback", self.raw, "The callback sni is invalid.")),
        }
    }

    fn additional_headers(&self) -> Result<Vec<(String, String)>, OssError> {
        let Some(headers) = self.fields.get("additionalHeaders") else { return Ok(Vec::new()) };
        let shape = "The additionalHeaders is not a map of strings.";
        let Value::Object(headers) = headers else { return Err(self.refused(shape, "0007-00000021")) };
        if headers.len() > MOST_ADDITIONAL_HEADERS {
            return Err(self.refused("The additionalHeaders has more than 10 entries.", "0007-00000022"));
        }
        let mut additional = Vec::new();
        for (name, value) in headers {
            let Value::String(value) = value else { return Err(self.refused(shape, "0007-00000021")) };
            let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if name.is_empty() {
                return Err(self.refused("A key of additionalHeaders is empty.", "0007-00000023"));
            }
            if !name.bytes().all(legal) {
                return Err(
                    self.refused("A key of additionalHeaders has illegal characters.", "0007-00000024")
                );
            }
            if http::HeaderValue::from_str(value).is_err() {
                return Err(
                    self.refused("A value of additionalHeaders has illegal characters.", "0007-00000025")
                );
            }
            if name.starts_with("x-oss-") {
                return Err(self.refused("A key of additionalHeaders starts with x-oss-.", "0007-00000026"));
            }
            additional.push((name.clone(), value.clone()));
        }
        Ok(additional)
    }
}
