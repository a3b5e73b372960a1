use http::StatusCode;

use super::headers::{AUTHORIZATION, CONTENT_LENGTH};
use super::target::TargetError;

/// Why a request is not a callback from OSS, or not one for this application.
///
/// Nothing of the request's body can be read when this is returned. [`status`](Self::status) and
/// [`code`](Self::code) are what may be answered; the text is for the application's own log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// OSS always uses POST.
    #[error("the method is not POST; OSS sends every callback as POST")]
    Method,
    /// A header without which no callback can be verified is missing.
    #[error("the header {name} is missing{}", missing_hint(name))]
    MissingHeader {
        /// The header's name.
        name: &'static str,
    },
    /// A header that may be there once is there more than once.
    #[error("the header {name} is there more than once")]
    DuplicateHeader {
        /// The header's name.
        name: &'static str,
    },
    /// `Content-Length` is no number.
    #[error("the header content-length is not a decimal number")]
    ContentLength,
    /// The body is not as long as `Content-Length` says.
    #[error("the body has {actual} bytes, but content-length says {declared}")]
    LengthMismatch {
        /// What the header says.
        declared: u64,
        /// What arrived.
        actual: usize,
    },
    /// The body is longer than the verifier's limit.
    #[error("the body is longer than {limit} bytes: raise `body_limit` if the template can be that long")]
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// `Authorization` has a scheme word; OSS sends the bare signature.
    #[error(
        "the header authorization has a scheme word; OSS sends the signature alone, so this comes from elsewhere"
    )]
    AuthorizationScheme,
    /// `Authorization` is not canonical standard base64.
    #[error("the header authorization is not canonical base64")]
    SignatureEncoding,
    /// The signature is not as long as the key.
    #[error("the signature has {actual} bytes; the key named by the request makes {expected}")]
    SignatureLength {
        /// Length of the key's modulus in bytes.
        expected: usize,
        /// Length of the signature in bytes.
        actual: usize,
    },
    /// `x-oss-pub-key-url` is not the canonical base64 of an ASCII text of at most 512 bytes.
    #[error("the header x-oss-pub-key-url is not canonical base64 of a URL")]
    KeyUrlEncoding,
    /// `x-oss-pub-key-url` names a key that is not trusted.
    #[error(
        "the key URL {url:?} is not a trusted one: the official key is built in, others are added with `trust`"
    )]
    UntrustedKey {
        /// The URL the request named.
        url: String,
    },
    /// The request target is refused.
    #[error("the request target is refused")]
    Target {
        /// Why.
        #[source]
        reason: TargetError,
    },
    /// The content type is not the one the application expects.
    #[error("the content type is not the one set with `expect_body_type`")]
    BodyType,
    /// The signature was made by the key the request names, but for another target or body.
    #[error("the signature is genuine, but made for another target or body{}", body.hint())]
    OtherContent {
        /// What `Content-MD5` says about the body.
        body: BodyCheck,
    },
    /// The signature was not made by the key the request names.
    #[error("the signature was not made by the key that the request names{}", body.hint())]
    ForeignSignature {
        /// What `Content-MD5` says about the body.
        body: BodyCheck,
    },
}

/// What the unsigned header `Content-MD5` says about a body whose signature does not fit. A hint for whoever
/// looks for the cause, not evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyCheck {
    /// The header is absent.
    Unknown,
    /// The body is the one the header was made for: look at the target (proxies, prefixes, decoding).
    Intact,
    /// The body is not the one the header was made for: it was altered on the way (parsed and written again?).
    Altered,
}

impl BodyCheck {
    fn hint(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Intact => "; content-md5 fits the body, so look at the target",
            Self::Altered => "; content-md5 does not fit: the body was altered on the way",
        }
    }
}

impl VerifyError {
    /// The status to answer with. OSS takes everything but 200 as a failed callback and tells the uploader so.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::MissingHeader { name: CONTENT_LENGTH } => StatusCode::LENGTH_REQUIRED,
            Self::MissingHeader { name: AUTHORIZATION } => StatusCode::UNAUTHORIZED,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::MissingHeader { .. }
            | Self::DuplicateHeader { .. }
            | Self::ContentLength
            | Self::LengthMismatch { .. }
            | Self::AuthorizationScheme
            | Self::SignatureEncoding
            | Self::SignatureLength { .. }
            | Self::KeyUrlEncoding => StatusCode::BAD_REQUEST,
            Self::UntrustedKey { .. }
            | Self::Target { .. }
            | Self::OtherContent { .. }
            | Self::ForeignSignature { .. } => StatusCode::FORBIDDEN,
        }
    }

    /// A word for the answer: coarse on purpose, so that it says nothing a stranger could use.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.status() {
            StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
            StatusCode::LENGTH_REQUIRED => "length_required",
            StatusCode::UNAUTHORIZED => "signature_required",
            StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
            StatusCode::BAD_REQUEST => "malformed_callback",
            _ => "not_a_trusted_callback",
        }
    }
}

fn missing_hint(name: &str) -> &'static str {
    match name {
        AUTHORIZATION => ": some servers drop it before the application sees it (Apache with CGI does)",
        CONTENT_LENGTH => {
            ": OSS sends it; if a proxy takes it away, say `allow_missing_content_length(true)`"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn why_a_target_is_refused_is_the_cause() {
        let error = VerifyError::Target { reason: TargetError::Unregistered };
        let cause = error.source().unwrap().to_string();
        assert_eq!(cause, TargetError::Unregistered.to_string());
        assert!(!error.to_string().contains(&cause), "{error}");
    }
}
