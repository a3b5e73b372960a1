use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::header::single;
use crate::query;
use crate::v4::ALGORITHM;

use super::VerifyError;

/// How a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `Authorization: OSS …` (HMAC-SHA1).
    V1Header,
    /// `Signature`, `Expires` and `OSSAccessKeyId` in the query.
    V1Query,
    /// `Authorization: OSS4-HMAC-SHA256 …`.
    V4Header,
    /// `x-oss-signature` and its companions in the query.
    V4Query,
    /// `Signature` and `OSSAccessKeyId` in a form upload.
    V1Post,
    /// `x-oss-signature` and its companions in a form upload.
    V4Post,
}

impl Scheme {
    /// Says how a request is signed; `None` is an anonymous request. The fields of a form upload are not looked at: OSS
    /// ignores signatures in its headers and query, and [`Verifier::verify_post`](crate::Verifier::verify_post) reads
    /// the form.
    ///
    /// # Errors
    /// [`VerifyError::SignedTwice`] when both the header and the query hold a signature,
    /// [`VerifyError::UnsupportedScheme`] and [`VerifyError::UnsupportedVersion`] for the superseded V2 and for what is
    /// no OSS scheme.
    pub fn identify(request: &Parts) -> Result<Option<Self>, VerifyError> {
        let authorization = single(&request.headers, &AUTHORIZATION)?;
        match (authorization, Self::in_query(query::of(&request.uri))?) {
            (None, in_query) => Ok(in_query),
            (Some(_), Some(_)) => Err(VerifyError::SignedTwice),
            (Some(authorization), None) => Self::in_header(authorization).map(Some),
        }
    }

    fn in_header(authorization: &[u8]) -> Result<Self, VerifyError> {
        let scheme = authorization.split(|byte| *byte == b' ').next().unwrap_or_default();
        match scheme {
            b"OSS" => Ok(Self::V1Header),
            _ if scheme == ALGORITHM.as_bytes() => Ok(Self::V4Header),
            _ => Err(VerifyError::UnsupportedScheme { scheme: shown(authorization) }),
        }
    }

    pub(super) fn in_query(query: &[u8]) -> Result<Option<Self>, VerifyError> {
        if query.is_empty() {
            return Ok(None);
        }
        if let Some(version) = query::first(query, "x-oss-signature-version") {
            return if *version == *ALGORITHM.as_bytes() {
                Ok(Some(Self::V4Query))
            } else {
                Err(VerifyError::UnsupportedVersion { version: token(&version) })
            };
        }
        let holds = |name| query::first(query, name).is_some();
        if holds("x-oss-signature") || holds("x-oss-credential") {
            return Err(VerifyError::MissingParameter { name: "x-oss-signature-version" });
        }
        Ok((holds("Signature") || holds("OSSAccessKeyId")).then_some(Self::V1Query))
    }
}

/// The scheme of an `Authorization` value, for an error. A value without a space is no scheme, but may be a whole
/// credential.
fn shown(authorization: &[u8]) -> String {
    match authorization.iter().position(|byte| *byte == b' ') {
        Some(end) => token(&authorization[..end]),
        None => String::new(),
    }
}

/// What an error may show of text that was to be one of a few names: its first characters that a name can have (RFC 9110,
/// section 5.6.2).
pub(super) fn token(text: &[u8]) -> String {
    const SHOWN: usize = 32;
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    text.iter().copied().take_while(is_token).take(SHOWN).map(char::from).collect()
}
