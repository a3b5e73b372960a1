use std::fmt;

use serde::de::{self, Expected, Unexpected};

/// Why the body of a verified callback cannot be read as the wanted type. Values of the body are not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The content type is neither a form nor JSON.
    #[error("the content type is neither application/x-www-form-urlencoded nor application/json")]
    ContentType,
    /// The body is no form: a broken percent-escape, or bytes that are not UTF-8.
    #[error("the form is malformed at byte {offset}")]
    Form {
        /// Where the faulty pair begins.
        offset: usize,
    },
    /// The body is no JSON.
    #[error("the body is not JSON: fault at line {line}, column {column}")]
    Json {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
    },
    /// A field is there twice, so it is not clear which one counts.
    #[error("field {name:?} is there twice")]
    DuplicateField {
        /// The field's name.
        name: String,
    },
    /// The body is well-formed, but not of the wanted shape.
    #[error("{}{message}", at(path))]
    Shape {
        /// Names of the fields that lead to the fault, joined by `.`; empty for the whole body.
        path: String,
        /// What was wanted and what was there.
        message: String,
    },
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("field {path:?}: ") }
}

impl PayloadError {
    /// Puts the name of an enclosing field before the path.
    pub(super) fn within(self, field: &str) -> Self {
        match self {
            Self::Shape { path, message } if path.is_empty() => {
                Self::Shape { path: field.to_owned(), message }
            }
            Self::Shape { path, message } => Self::Shape { path: format!("{field}.{path}"), message },
            other => other,
        }
    }
}

impl de::Error for PayloadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Shape { path: String::new(), message: message.to_string() }
    }

    // The default would print the value, which may be secret.
    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("expected {expected}, found {}", kind(&unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("expected {expected}, found another {}", kind(&unexpected)))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("expected one of {expected:?}, found another text"))
    }
}

fn kind(unexpected: &Unexpected<'_>) -> &'static str {
    match unexpected {
        Unexpected::Bool(_) => "truth value",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "number",
        Unexpected::Char(_) | Unexpected::Str(_) => "text",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "list",
        Unexpected::Map => "object",
        _ => "value",
    }
}
