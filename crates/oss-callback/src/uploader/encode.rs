use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

use super::custom::Custom;
use super::error::CallbackError;
use super::limits;

/// The header that carries a callback.
pub(crate) const CALLBACK_HEADER: HeaderName = HeaderName::from_static("x-oss-callback");
/// The header that carries the custom variables.
pub(crate) const CALLBACK_VAR_HEADER: HeaderName = HeaderName::from_static("x-oss-callback-var");

/// A callback as the three kinds of upload take it: as headers, as query parameters, as form fields.
///
/// Use exactly one of them for an upload; OSS refuses a request that carries a callback in two places
/// (EC 0007-00000027). `Debug` leaves the values out.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedCallback {
    callback: String,
    callback_var: Option<String>,
    callback_header: HeaderValue,
    callback_var_header: Option<HeaderValue>,
    customs: Vec<Custom>,
}

impl EncodedCallback {
    pub(crate) fn new(parameter: &Parameter<'_>, customs: Vec<Custom>) -> Result<Self, CallbackError> {
        let callback = encode("callback", parameter)?;
        let callback_var = match customs.as_slice() {
            [] => None,
            some => Some(encode("callback-var", &CustomMap(some))?),
        };
        let callback_header = header("callback", &callback)?;
        let callback_var_header =
            callback_var.as_deref().map(|text| header("callback-var", text)).transpose()?;
        Ok(Self { callback, callback_var, callback_header, callback_var_header, customs })
    }

    /// The base64 text of `callback`: standard alphabet, padded, one line.
    #[must_use]
    pub fn callback(&self) -> &str {
        &self.callback
    }

    /// The base64 text of `callback-var`, if there are custom variables.
    #[must_use]
    pub fn callback_var(&self) -> Option<&str> {
        self.callback_var.as_deref()
    }

    /// `x-oss-callback` and, if there are custom variables, `x-oss-callback-var`.
    ///
    /// Both belong to the headers that a request signature covers. The values are marked sensitive.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> + '_ {
        let callback = (CALLBACK_HEADER, self.callback_header.clone());
        let var = self.callback_var_header.clone().map(|value| (CALLBACK_VAR_HEADER, value));
        std::iter::once(callback).chain(var)
    }

    /// `callback` and, if there are custom variables, `callback-var`, for a presigned URL.
    ///
    /// The values are not percent-encoded yet. In a V1 signature both are sub-resources, in a V4 signature
    /// ordinary query parameters.
    pub fn query_pairs(&self) -> impl Iterator<Item = (&'static str, &str)> + '_ {
        let var = self.callback_var().map(|value| ("callback-var", value));
        std::iter::once(("callback", self.callback())).chain(var)
    }

    /// The fields of a browser upload (PostObject): `callback`, and one field per custom variable with its
    /// plain value.
    ///
    /// A policy should pin each of them with an `eq` condition, or the browser can change them.
    pub fn form_fields(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        let customs = self.customs.iter().map(|custom| (custom.name(), custom.value()));
        std::iter::once(("callback", self.callback())).chain(customs)
    }
}

impl fmt::Debug for EncodedCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedCallback")
            .field("callback_bytes", &self.callback.len())
            .field("customs", &self.customs)
            .finish_non_exhaustive()
    }
}

/// The JSON object of the parameter `callback`, in the key order of the reference SDK.
#[derive(Serialize)]
pub(crate) struct Parameter<'a> {
    #[serde(rename = "callbackUrl")]
    pub(crate) url: &'a str,
    #[serde(rename = "callbackBody")]
    pub(crate) body: &'a str,
    #[serde(rename = "callbackBodyType")]
    pub(crate) body_type: &'a str,
    #[serde(rename = "callbackHost", skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<&'a str>,
    #[serde(rename = "callbackSNI", skip_serializing_if = "Option::is_none")]
    pub(crate) sni: Option<bool>,
}

struct CustomMap<'a>(&'a [Custom]);

impl Serialize for CustomMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|custom| (custom.name(), custom.value())))
    }
}

fn encode(parameter: &'static str, value: &impl Serialize) -> Result<String, CallbackError> {
    let json = serde_json::to_vec(value).map_err(|_| CallbackError::Encoding { parameter })?;
    let text = STANDARD.encode(json);
    if text.len() > limits::ENCODED_BYTES {
        return Err(CallbackError::TooLong { parameter, length: text.len() });
    }
    Ok(text)
}

fn header(parameter: &'static str, text: &str) -> Result<HeaderValue, CallbackError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| CallbackError::Encoding { parameter })?;
    value.set_sensitive(true);
    Ok(value)
}
