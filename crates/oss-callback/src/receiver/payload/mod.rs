//! The body of a verified callback as a typed value.

mod coerce;
mod deserialize;
mod error;
mod form;

use serde::de::DeserializeOwned;

pub use error::PayloadError;
pub(crate) use form::form_fields;

use crate::json::{JsonFault, Value, parse};

pub(crate) fn from_form<T: DeserializeOwned>(body: &[u8]) -> Result<T, PayloadError> {
    let fields = form_fields(body)?.into_iter().map(|(name, value)| (name, Value::Text(value))).collect();
    T::deserialize(Value::Object(fields))
}

pub(crate) fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, PayloadError> {
    let value = parse(body).map_err(|fault| match fault {
        JsonFault::Duplicate { name } => PayloadError::DuplicateField { name },
        JsonFault::Syntax { line, column } => PayloadError::Json { line, column },
    })?;
    T::deserialize(value)
}

#[cfg(test)]
mod tests;
