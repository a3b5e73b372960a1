//! The typed form of a 203: the object is stored, its callback failed.

use std::fmt;

use bytes::Bytes;

use crate::server_error::ServerError;
use crate::uploaded::{StoredObject, Uploaded};

/// An upload whose object is stored and whose callback failed: OSS answered 203 `CallbackFailed`.
///
/// Do not upload again: the object is there, as [`uploaded`](Self::uploaded) says, and a second upload would only call
/// the application server a second time. OSS does not repeat the call; let the application server learn of the object
/// another way, or mend what [`failure`](CallbackFailure) says and put again on purpose.
#[derive(Debug)]
#[non_exhaustive]
pub struct CallbackFailed {
    /// The stored object and what the run did; its `callback` holds a copy of the failure.
    pub uploaded: Uploaded,
    /// What OSS said of the callback.
    pub failure: CallbackFailure,
}

impl CallbackFailed {
    /// The object that is stored in spite of the failed callback.
    #[must_use]
    pub fn object(&self) -> &StoredObject {
        &self.uploaded.object
    }
}

impl fmt::Display for CallbackFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StoredObject { location, etag, .. } = self.object();
        write!(f, "the object {location} is stored")?;
        if let Some(etag) = etag {
            write!(f, " (ETag {etag})")?;
        }
        write!(f, ", but its callback failed: {}", self.failure)
    }
}

impl std::error::Error for CallbackFailed {}

/// What OSS said of a failed callback.
#[derive(Clone)]
#[non_exhaustive]
pub struct CallbackFailure {
    /// The HTTP status of OSS's answer, 203.
    pub status: u16,
    /// `CallbackFailed`; empty if the answer was not OSS's error XML.
    pub code: String,
    /// OSS's explanation, such as `Error status : 502.`
    pub message: String,
    /// OSS's detailed error code, such as `0007-00000203`. Its numbers may change; do not build logic on them.
    pub ec: Option<String>,
    /// The id of the upload request.
    pub request_id: Option<String>,
    /// The status the application server answered with, as far as OSS's message tells; -1 if OSS could not reach it.
    pub application_status: Option<i32>,
    /// The answer as it came, at most 64 KiB.
    pub raw: Bytes,
}

impl CallbackFailure {
    pub(crate) fn from_answer(answer: ServerError) -> Self {
        Self {
            status: answer.status().as_u16(),
            application_status: application_status(answer.message()),
            code: answer.code().to_owned(),
            message: answer.message().to_owned(),
            ec: answer.ec().map(str::to_owned),
            request_id: answer.request_id().map(str::to_owned),
            raw: answer.into_raw(),
        }
    }
}

impl fmt::Display for CallbackFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = if self.message.is_empty() { "OSS gave no reason" } else { &self.message };
        f.write_str(message)?;
        if let Some(ec) = &self.ec {
            write!(f, " (EC {ec}")?;
            if let Some(id) = &self.request_id {
                write!(f, ", request id {id}")?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for CallbackFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackFailure")
            .field("status", &self.status)
            .field("code", &self.code)
            .field("message", &self.message)
            .field("ec", &self.ec)
            .field("request_id", &self.request_id)
            .field("application_status", &self.application_status)
            .field("raw", &format_args!("{} bytes", self.raw.len()))
            .finish()
    }
}

/// Reads the application server's status out of messages like `Error status : 301.` and `Error Status : -1 …`, in
/// whichever spelling of the word OSS uses.
fn application_status(message: &str) -> Option<i32> {
    let lower = message.to_ascii_lowercase();
    let (_, rest) = lower.split_once("error status")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let end = rest.char_indices().find(|&(n, c)| !(c.is_ascii_digit() || (n == 0 && c == '-')));
    rest[..end.map_or(rest.len(), |(n, _)| n)].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_servers_status_is_read_from_the_known_messages() {
        for (message, status) in [
            ("Error status : 301.", Some(301)),
            ("Error status : -1.OSS can not connect to your callbackUrl, please check it.", Some(-1)),
            (
                "Error status : -1 127.0.0.1:1 reply timeout, cost:5000ms, timeout:5000ms (err -4, errno115)",
                Some(-1),
            ),
            ("Error Status : 400.User server missing content-length.", Some(400)),
            ("Cost too long time.", None),
            ("Response body is not valid json format.", None),
            ("Error status : ", None),
            ("error status:200", Some(200)),
        ] {
            assert_eq!(application_status(message), status, "{message}");
        }
    }

    #[test]
    fn neither_debug_nor_display_shows_the_raw_answer() {
        let status = http::StatusCode::NON_AUTHORITATIVE_INFORMATION;
        let headers = http::HeaderMap::new();
        let raw = Bytes::from_static(
            b"<Error><Code>CallbackFailed</Code><StringToSign>hush</StringToSign></Error>",
        );
        let answer = ServerError::from_answer(crate::operation::Operation::PutObject, status, &headers, &raw);
        let failure = CallbackFailure::from_answer(answer);
        assert_eq!((failure.code.as_str(), &failure.raw), ("CallbackFailed", &raw));
        assert!(!format!("{failure:?} {failure}").contains("hush"));
    }
}
