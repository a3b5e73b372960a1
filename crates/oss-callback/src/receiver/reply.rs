use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::payload::PayloadError;

/// An answer that OSS passes on to the uploader: status 200, JSON, `Content-Length`.
///
/// OSS takes any other status, a missing length (a chunked or compressed answer), or a body that is not JSON
/// for a failed callback, and answers the uploader 203 although the object is stored. It waits five seconds in
/// all; do slow work after answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    status: StatusCode,
    body: Bytes,
}

/// Why a value cannot be a reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The value cannot be written as JSON.
    #[error("the reply cannot be written as JSON: {message}")]
    Json {
        /// What the serializer said.
        message: String,
    },
    /// The value is not a JSON object or array.
    #[error(
        "the reply must be a JSON object or array: OSS checks that it is JSON, and not every parser takes a bare value"
    )]
    NotAnObject,
    /// The reply is longer than OSS takes.
    #[error("the reply has {length} bytes; OSS takes at most {MAX_BYTES}")]
    TooLong {
        /// Length in bytes.
        length: usize,
    },
}

/// The documentation says 1 MB in one place and 3 MB in another; this is the stricter reading of the stricter.
const MAX_BYTES: usize = 1_000_000;

impl Reply {
    /// Answers with `value`, which must be an object or an array in JSON, at most 1,000,000 bytes long.
    ///
    /// # Errors
    ///
    /// [`ReplyError`] if OSS would not take the answer.
    pub fn json(value: &impl Serialize) -> Result<Self, ReplyError> {
        let body =
            serde_json::to_vec(value).map_err(|error| ReplyError::Json { message: error.to_string() })?;
        if !matches!(body.first(), Some(b'{' | b'[')) {
            return Err(ReplyError::NotAnObject);
        }
        if body.len() > MAX_BYTES {
            return Err(ReplyError::TooLong { length: body.len() });
        }
        Ok(Self { status: StatusCode::OK, body: body.into() })
    }

    /// Answers `{"status":"ok"}`.
    #[must_use]
    pub fn ok() -> Self {
        Self { status: StatusCode::OK, body: Bytes::from_static(br#"{"status":"ok"}"#) }
    }

    /// Refuses with `status` and `{"error":code}`. OSS then tells the uploader that the callback failed; the
    /// object stays. A status that is no error (below 400) becomes 403: 200 would be a success, and some others
    /// have no body.
    #[must_use]
    pub fn refuse(status: StatusCode, code: &str) -> Self {
        let is_error = status.is_client_error() || status.is_server_error();
        let status = if is_error { status } else { StatusCode::FORBIDDEN };
        let body = serde_json::json!({ "error": code }).to_string();
        Self { status, body: body.into() }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The JSON text.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The whole answer, for any HTTP server.
    #[must_use]
    pub fn into_response(self) -> Response<Bytes> {
        let length = HeaderValue::from(self.body.len());
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().insert(CONTENT_LENGTH, length);
        response
    }
}

impl From<&super::error::VerifyError> for Reply {
    fn from(error: &super::error::VerifyError) -> Self {
        Self::refuse(error.status(), error.code())
    }
}

impl From<&PayloadError> for Reply {
    fn from(error: &PayloadError) -> Self {
        match error {
            PayloadError::ContentType => {
                Self::refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            _ => Self::refuse(StatusCode::UNPROCESSABLE_ENTITY, "unexpected_payload"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_json_with_its_length() {
        let response = Reply::json(&serde_json::json!({"ä": 1})).unwrap().into_response();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(response.headers()[CONTENT_LENGTH], "8");
        assert_eq!(response.body().as_ref(), "{\"ä\":1}".as_bytes());
    }

    #[test]
    fn what_oss_would_refuse_is_refused_here() {
        assert_eq!(Reply::json(&"ok"), Err(ReplyError::NotAnObject));
        assert_eq!(Reply::json(&()), Err(ReplyError::NotAnObject));
        let long = vec!["x".repeat(1_000_000)];
        assert_eq!(Reply::json(&long), Err(ReplyError::TooLong { length: 1_000_004 }));
        let long_by_one = vec!["x".repeat(999_997)];
        assert_eq!(Reply::json(&long_by_one), Err(ReplyError::TooLong { length: 1_000_001 }));
        let fits = vec!["x".repeat(999_996)];
        assert_eq!(Reply::json(&fits).unwrap().body().len(), 1_000_000);
        let map = std::collections::HashMap::from([(vec![1_u8], 1)]);
        assert!(matches!(Reply::json(&map), Err(ReplyError::Json { .. })));
    }

    #[test]
    fn a_refusal_is_never_a_success() {
        for status in [StatusCode::OK, StatusCode::CONTINUE, StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED]
        {
            assert_eq!(Reply::refuse(status, "no").status(), StatusCode::FORBIDDEN);
        }
        let reply = Reply::refuse(StatusCode::SERVICE_UNAVAILABLE, "no\"");
        assert_eq!(reply.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(reply.body().as_ref(), br#"{"error":"no\""}"#);
    }
}
