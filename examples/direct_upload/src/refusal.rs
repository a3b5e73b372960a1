//! What the page is told when something does not work, in words a person can act on.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use crate::database::DatabaseError;

/// Why a request of the page is not fulfilled.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// The id is unknown, or another user's: the two look alike from outside.
    pub(crate) fn no_such_upload() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no_such_upload",
            "This upload is not known here. Choose the file again.",
        )
    }

    pub(crate) fn already_recorded() -> Self {
        Self::new(StatusCode::CONFLICT, "already_recorded", "This file is stored and recorded already.")
    }
}

/// A fault of the database is the server's; its text stays in the log.
impl From<DatabaseError> for Refusal {
    fn from(error: DatabaseError) -> Self {
        log(&error);
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "database",
            "The server could not reach its database. Try again in a moment.",
        )
    }
}

/// So is a fault between this server and OSS.
impl From<oss::Error> for Refusal {
    fn from(error: oss::Error) -> Self {
        log(&error);
        Self::new(
            StatusCode::BAD_GATEWAY,
            "storage",
            "The server could not reach the storage. Try again in a moment.",
        )
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.code, "message": self.message }))).into_response()
    }
}

/// Writes an error and its causes to the log.
#[allow(clippy::print_stderr, reason = "the log of an example is its standard error")]
pub fn log(error: &dyn std::error::Error) {
    eprintln!("{error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
}
