//! The verdict on an application server's answer, with the texts OSS answers the uploader.

use bytes::Bytes;
use http::StatusCode;

use crate::xml::Element;

/// The longest answer: the error pages say 1 MB, the Callback page 3 MB; the smaller is assumed.
pub(crate) const LONGEST_ANSWER: u64 = 1 << 20;

/// Why a callback failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) ec: &'static str,
}

impl Failure {
    fn new(message: impl Into<String>, ec: &'static str) -> Self {
        Self { message: message.into(), ec }
    }

    pub(crate) fn status(status: StatusCode) -> Self {
        Self::new(format!("Error status : {}.", status.as_u16()), "0007-00000203")
    }

    pub(crate) fn no_connection(why: &str) -> Self {
        let hint = if why.is_empty() { String::new() } else { format!(" ({why})") };
        Self::new(
            format!("Error status : -1.OSS can not connect to your callbackUrl, please check it.{hint}"),
            "0007-00000203",
        )
    }

    pub(crate) fn timeout(peer: &str, millis: u128) -> Self {
        Self::new(
            format!(
                "Error status : -1 {peer} reply timeout, cost:{millis}ms, timeout:{millis}ms (err -4, errno115)."
            ),
            "0007-00000202",
        )
    }

    pub(crate) fn missing_length() -> Self {
        Self::new("Error Status : 400.User server missing content-length.", "0007-00000203")
    }

    /// The misspelling is OSS's own.
    pub(crate) fn invalid_length() -> Self {
        Self::new("Error Status : 400.User server return invalid conent-length value.", "0007-00000203")
    }

    pub(crate) fn too_long() -> Self {
        Self::new("Error Status : 400.User server return too long content-length value.", "0007-00000203")
    }

    pub(crate) fn not_json() -> Self {
        Self::new("Response body is not valid json format.", "0007-00000205")
    }
}

/// Judges the head of an answer; gives the length of the body that must follow.
pub(crate) fn judge_head(head: &http::response::Parts) -> Result<u64, Failure> {
    if head.status != StatusCode::OK {
        return Err(Failure::status(head.status));
    }
    let Some(length) = head.headers.get(http::header::CONTENT_LENGTH) else {
        return Err(Failure::missing_length());
    };
    let length: u64 =
        length.to_str().ok().and_then(|text| text.trim().parse().ok()).ok_or_else(Failure::invalid_length)?;
    match length {
        0 => Err(Failure::invalid_length()),
        length if length > LONGEST_ANSWER => Err(Failure::too_long()),
        length => Ok(length),
    }
}

/// Judges the body: JSON, or XML if the answer says that it is.
pub(crate) fn judge_body(content_type: &str, body: &Bytes) -> Result<(), Failure> {
    let kind = content_type.split(';').next().unwrap_or("").trim();
    let valid = if kind.eq_ignore_ascii_case("application/xml") {
        Element::is_well_formed(body)
    } else {
        serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
    };
    if valid { Ok(()) } else { Err(Failure::not_json()) }
}
