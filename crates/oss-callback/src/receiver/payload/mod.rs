//! The body of a verified callback as a typed value.

mod deserialize;
mod error;
mod form;
mod json;
mod value;

use serde::de::DeserializeOwned;

pub use error::PayloadError;
pub(crate) use form::form_fields;

use value::Value;

pub(crate) fn from_form<T: DeserializeOwned>(body: &[u8]) -> Result<T, PayloadError> {
    let fields = form_fields(body)?.into_iter().map(|(name, value)| (name, Value::Text(value))).collect();
    T::deserialize(Value::Object(fields))
}

pub(crate) fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, PayloadError> {
    T::deserialize(json::parse(body)?)
}

#[cfg(test)]
mod tests;
