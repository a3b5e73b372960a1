use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::builder::assemble;
use super::callback::Callback;
use super::custom::Custom;
use super::error::CallbackError;
use super::limits;
use super::template::{BodyTemplate, BodyType};
use super::url::CallbackUrl;
use crate::json::{Value, parse};

/// An encoded callback taken apart again: for looking at what a client sends, whichever client that is.
///
/// Decoding asks only what OSS must ask: base64, JSON, and fields of the right type. Whether the parts are
/// good is what [`to_callback`](Self::to_callback) says. `Debug` leaves out values that may be secret.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodedCallback {
    /// `callbackUrl`, as it is: one URL or several separated by `;`.
    pub url: Option<String>,
    /// `callbackBody`: the template.
    pub body: Option<String>,
    /// `callbackBodyType`.
    pub body_type: Option<String>,
    /// `callbackHost`.
    pub host: Option<String>,
    /// `callbackSNI`.
    pub sni: Option<bool>,
    /// `callbackPolicy`: the name of a callback stored with the bucket, in place of the fields above.
    pub policy: Option<String>,
    /// Names of further fields; `additionalHeaders` is the only one OSS is known to take.
    pub other_fields: Vec<String>,
    /// The custom variables of `callback-var`.
    pub customs: Vec<Custom>,
}

/// Why a text is no encoded callback.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer than OSS takes.
    #[error("`{parameter}` has {length} bytes; OSS takes at most {max}", max = limits::ENCODED_BYTES)]
    TooLong {
        /// `callback` or `callback-var`.
        parameter: &'static str,
        /// Length of the text in bytes.
        length: usize,
    },
    /// Not canonical base64 of the standard alphabet.
    #[error(
        "`{parameter}` is not base64 of the standard alphabet (`+`, `/`, padded, no line breaks); \
         from a URL it must be percent-decoded first"
    )]
    Base64 {
        /// `callback` or `callback-var`.
        parameter: &'static str,
    },
    /// Not a JSON object, or one that names a field twice.
    #[error("`{parameter}` is not a JSON object with distinct fields")]
    Json {
        /// `callback` or `callback-var`.
        parameter: &'static str,
    },
    /// A field is of the wrong type.
    #[error("field {name:?} must be {expected}")]
    FieldType {
        /// The field's name.
        name: String,
        /// What it must be.
        expected: &'static str,
    },
}

impl DecodeError {
    /// The code OSS would have answered with, where it is known.
    #[must_use]
    pub fn ec(&self) -> Option<&'static str> {
        match self {
            Self::TooLong { parameter: VAR, .. } => Some("0007-00000101"),
            Self::TooLong { .. } => Some("0007-00000001"),
            Self::Base64 { parameter: VAR } => Some("0007-00000102"),
            Self::Base64 { .. } => Some("0007-00000002"),
            Self::Json { parameter: VAR } => Some("0007-00000103"),
            Self::Json { .. } => Some("0007-00000003"),
            Self::FieldType { name, .. } => match name.as_str() {
                "callbackHost" => Some("0007-00000009"),
                "callbackBody" => Some("0007-00000010"),
                "callbackBodyType" => Some("0007-00000012"),
                name if name.starts_with(super::custom::PREFIX) => Some("0007-00000104"),
                _ => None,
            },
        }
    }
}

const CALLBACK: &str = "callback";
const VAR: &str = "callback-var";

impl DecodedCallback {
    /// Takes apart the base64 texts of `callback` and, if there is one, `callback-var`, as a header or a form
    /// field has them.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if OSS could not read them either; [`DecodeError::ec`] is what it would answer.
    pub fn decode(callback: &str, callback_var: Option<&str>) -> Result<Self, DecodeError> {
        let mut decoded = Self {
            url: None,
            body: None,
            body_type: None,
            host: None,
            sni: None,
            policy: None,
            other_fields: Vec::new(),
            customs: Vec::new(),
        };
        for (name, value) in object(CALLBACK, callback)? {
            match name.as_str() {
                "callbackUrl" => decoded.url = Some(text(name, value)?),
                "callbackBody" => decoded.body = Some(text(name, value)?),
                "callbackBodyType" => decoded.body_type = Some(text(name, value)?),
                "callbackHost" => decoded.host = Some(text(name, value)?),
                "callbackPolicy" => decoded.policy = Some(text(name, value)?),
                "callbackSNI" => match value {
                    Value::Bool(sni) => decoded.sni = Some(sni),
                    _ => {
                        return Err(DecodeError::FieldType { name, expected: "true or false, not a string" });
                    }
                },
                _ => decoded.other_fields.push(name),
            }
        }
        for (name, value) in callback_var.map_or(Ok(Vec::new()), |var| object(VAR, var))? {
            let value = text(name.clone(), value)?;
            // Not `Custom::new`, which would add a missing prefix.
            decoded.customs.push(Custom { name, value });
        }
        Ok(decoded)
    }

    /// The URLs, in the order OSS tries them.
    pub fn urls(&self) -> impl Iterator<Item = &str> + '_ {
        self.url.as_deref().unwrap_or_default().split(';').filter(|url| !url.is_empty())
    }

    /// Builds the callback again, with every check that [`CallbackBuilder::build`](crate::CallbackBuilder::build)
    /// makes: so it says what is wrong with a callback of unknown origin.
    ///
    /// URLs may have a query here. `allow_private_addresses` is as in
    /// [`CallbackBuilder::allow_private_addresses`](crate::CallbackBuilder::allow_private_addresses); the number
    /// of custom variables is not judged. Fields this crate cannot express are left out. A form in which every variable
    /// is percent-encoded is refused, because they would arrive as they are.
    ///
    /// # Errors
    ///
    /// The first fault found.
    pub fn to_callback(&self, allow_private_addresses: bool) -> Result<Callback, CallbackError> {
        let texts: Vec<_> = self.urls().collect();
        if texts.len() > limits::URLS {
            return Err(CallbackError::TooManyUrls { count: texts.len() });
        }
        if texts.is_empty() {
            return Err(CallbackError::Url { position: 1, reason: super::error::UrlError::Empty });
        }
        let mut urls = Vec::with_capacity(texts.len());
        for (at, text) in texts.into_iter().enumerate() {
            let url = CallbackUrl::parse_with_query(text, allow_private_addresses)
                .map_err(|reason| CallbackError::Url { position: at + 1, reason })?;
            urls.push(url);
        }
        let body = self.body.as_deref().ok_or(CallbackError::EmptyBody)?;
        let body = match self.body_type.as_deref() {
            None => BodyTemplate::decoded_form(body),
            Some(name) => match BodyType::ALL.iter().copied().find(|kind| kind.media_type() == name) {
                Some(BodyType::Form) => BodyTemplate::decoded_form(body),
                Some(BodyType::Json) => BodyTemplate::raw_json(body),
                None => return Err(CallbackError::BodyType { name: name.to_owned() }),
            },
        };
        assemble(urls, &body, &self.customs, self.host.clone(), self.sni, true)
    }
}

fn object(parameter: &'static str, text: &str) -> Result<Vec<(String, Value)>, DecodeError> {
    if text.len() > limits::ENCODED_BYTES {
        return Err(DecodeError::TooLong { parameter, length: text.len() });
    }
    let json = STANDARD.decode(text).map_err(|_| DecodeError::Base64 { parameter })?;
    match parse(&json) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(DecodeError::Json { parameter }),
    }
}

fn text(name: String, value: Value) -> Result<String, DecodeError> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(DecodeError::FieldType { name, expected: "a string" }),
    }
}

impl fmt::Debug for DecodedCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.urls().map(|url| url.split('?').next().unwrap_or_default()).collect();
        f.debug_struct("DecodedCallback")
            .field("urls", &urls)
            .field("body_bytes", &self.body.as_ref().map(String::len))
            .field("body_type", &self.body_type)
            .field("host", &self.host)
            .field("sni", &self.sni)
            .field("policy", &self.policy)
            .field("other_fields", &self.other_fields)
            .field("customs", &self.customs)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{UrlError, Variable};

    fn decode(json: &str) -> Result<DecodedCallback, DecodeError> {
        DecodedCallback::decode(&STANDARD.encode(json), None)
    }

    #[test]
    fn a_built_callback_comes_back() {
        let callback = Callback::builder("https://a.example/cb")
            .also_url("http://b.example/")
            .query("t", "s3cret")
            .host("c.example:8080")
            .body(BodyTemplate::json().field("o", Variable::Object).field("u", Custom::new("uid", "s3cret")))
            .build()
            .unwrap();
        let encoded = callback.encode();
        let decoded = DecodedCallback::decode(encoded.callback(), encoded.callback_var()).unwrap();
        assert_eq!(
            decoded.urls().collect::<Vec<_>>(),
            ["https://a.example/cb?t=s3cret", "http://b.example/?t=s3cret"]
        );
        assert_eq!(decoded.sni, Some(true));
        assert_eq!(decoded.customs, [Custom::new("x:uid", "s3cret")]);
        assert_eq!(decoded.to_callback(false), Ok(callback));
        assert!(!format!("{decoded:?}").contains("s3cret"));
    }

    #[test]
    fn what_oss_cannot_read_is_told_with_its_code() {
        let ec = |result: Result<DecodedCallback, DecodeError>| result.unwrap_err().ec();
        assert_eq!(ec(DecodedCallback::decode(&"A".repeat(5124), None)), Some("0007-00000001"));
        assert_eq!(ec(DecodedCallback::decode("e30", None)), Some("0007-00000002"));
        assert_eq!(ec(DecodedCallback::decode("e3\n0=", None)), Some("0007-00000002"));
        assert_eq!(ec(decode("[]")), Some("0007-00000003"));
        assert_eq!(ec(decode(r#"{"callbackBody":"a","callbackBody":"b"}"#)), Some("0007-00000003"));
        assert_eq!(ec(decode(r#"{"callbackHost":1}"#)), Some("0007-00000009"));
        assert_eq!(ec(decode(r#"{"callbackBody":{}}"#)), Some("0007-00000010"));
        assert_eq!(ec(decode(r#"{"callbackBodyType":null}"#)), Some("0007-00000012"));
        assert_eq!(ec(decode(r#"{"callbackSNI":"true"}"#)), None);
        let var = |json: &str| DecodedCallback::decode("e30=", Some(&STANDARD.encode(json)));
        assert_eq!(ec(DecodedCallback::decode("e30=", Some(&"A".repeat(5124)))), Some("0007-00000101"));
        assert_eq!(ec(DecodedCallback::decode("e30=", Some("!"))), Some("0007-00000102"));
        assert_eq!(ec(var("1")), Some("0007-00000103"));
        assert_eq!(ec(var(r#"{"x:a":1}"#)), Some("0007-00000104"));
    }

    #[test]
    fn a_callback_of_unknown_origin_is_judged() {
        let judge = |json: &str| decode(json).unwrap().to_callback(false);
        assert!(judge(r#"{"callbackUrl":"www.example.com","callbackBody":"a=${object}"}"#).is_ok());
        for (json, expected) in [
            (r"{}", CallbackError::Url { position: 1, reason: UrlError::Empty }),
            (
                r#"{"callbackUrl":"http://10.1.1.1","callbackBody":"a"}"#,
                CallbackError::Url { position: 1, reason: UrlError::Private { host: "10.1.1.1".into() } },
            ),
            (
                r#"{"callbackUrl":"a.example;b.example;c.example;d.example;e.example;f.example","callbackBody":"a"}"#,
                CallbackError::TooManyUrls { count: 6 },
            ),
            (
                r#"{"callbackUrl":"http://a.example","callbackBody":"o=%24%7Bobject%7D"}"#,
                CallbackError::EncodedVariable { offset: 2 },
            ),
            (r#"{"callbackUrl":"http://a.example"}"#, CallbackError::EmptyBody),
            (
                r#"{"callbackUrl":"http://a.example","callbackBody":"a=$(filename)"}"#,
                CallbackError::Dollar { offset: 2 },
            ),
            (
                r#"{"callbackUrl":"http://a.example","callbackBody":"a","callbackBodyType":"text/plain"}"#,
                CallbackError::BodyType { name: "text/plain".into() },
            ),
        ] {
            assert_eq!(judge(json), Err(expected), "{json}");
        }
    }

    #[test]
    fn fields_nobody_knows_are_named() {
        let decoded = decode(r#"{"callbackPolicy":"p","additionalHeaders":{"a":"b"},"x":1}"#).unwrap();
        assert_eq!(decoded.policy.as_deref(), Some("p"));
        assert_eq!(decoded.other_fields, ["additionalHeaders", "x"]);
    }
}
