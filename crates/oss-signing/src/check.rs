//! What every signer checks before it signs, whatever the version.

use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue};
use http::request::Parts;

use crate::credentials::Credentials;
use crate::header::{X_OSS_CONTENT_SHA256, X_OSS_DATE, X_OSS_SECURITY_TOKEN, sensitive};
use crate::query;
use crate::signer::SignError;
use crate::stamp::Stamp;
use crate::{v1, v4};

/// The signing time as a stamp and the token as a header value, once the request can be signed with the credentials at
/// all; `None` for anonymous ones, which leave the request unsigned.
pub(crate) fn prepare(
    request: &mut Parts,
    credentials: &Credentials,
    time: SystemTime,
) -> Result<Option<(Stamp, Option<HeaderValue>)>, SignError> {
    if credentials.is_anonymous() {
        unsign(&mut request.headers);
        return Ok(None);
    }
    check_key(credentials)?;
    let token = match credentials.security_token() {
        None => None,
        // Surrounding white space would be lost on the wire, but not in the signature.
        Some(token) if token.trim().len() != token.len() => {
            return Err(SignError::InvalidCredential { part: "security token" });
        }
        Some(token) => Some(
            HeaderValue::from_str(token)
                .map(sensitive)
                .map_err(|_| SignError::InvalidCredential { part: "security token" })?,
        ),
    };
    let stamp = Stamp::new(time).ok_or(SignError::TimeOutOfRange)?;
    check_signable(request)?;
    Ok(Some((stamp, token)))
}

pub(crate) fn check_key(credentials: &Credentials) -> Result<(), SignError> {
    if credentials.access_key_id().is_empty() {
        return Err(SignError::EmptyCredential { part: "access key id" });
    }
    if credentials.access_key_secret().is_empty() {
        return Err(SignError::EmptyCredential { part: "access key secret" });
    }
    if !credentials.is_sendable() {
        return Err(SignError::InvalidCredential { part: "access key id" });
    }
    Ok(())
}

/// Takes back what an earlier signing added, for a request that is to go out anonymously.
///
/// Whether there was one, only the `Authorization` header tells: without it, a date is the caller's own.
fn unsign(headers: &mut HeaderMap) {
    let authorization = headers.remove(AUTHORIZATION);
    headers.remove(&X_OSS_SECURITY_TOKEN);
    let is_signed = |value: HeaderValue| {
        let schemes = [v1::PREFIX, v4::ALGORITHM];
        schemes.iter().any(|scheme| value.as_bytes().starts_with(scheme.as_bytes()))
    };
    if authorization.is_some_and(is_signed) {
        headers.remove(DATE);
        headers.remove(&X_OSS_DATE);
        if headers.get(&X_OSS_CONTENT_SHA256).is_some_and(|hash| hash == v4::UNSIGNED_PAYLOAD) {
            headers.remove(&X_OSS_CONTENT_SHA256);
        }
    }
}

/// The query parameters of a presigned URL of either version. Presigning replaces all of them: what another version
/// left would make the URL one that is signed twice.
pub(crate) const SIGNATURE_PARAMETERS: [&str; 11] = [
    "Expires",
    "OSSAccessKeyId",
    "Signature",
    "security-token",
    "x-oss-additional-headers",
    "x-oss-credential",
    "x-oss-date",
    "x-oss-expires",
    "x-oss-security-token",
    "x-oss-signature",
    "x-oss-signature-version",
];

/// Header names of one request. OSS takes far fewer; beyond some tens of thousands a header map panics.
const MAX_HEADERS: usize = 4_096;

/// What header signing cannot do: a signature in the header and one in the query are refused by OSS (400
/// InvalidArgument), and the header map must have room.
fn check_signable(request: &Parts) -> Result<(), SignError> {
    let count = request.headers.keys_len();
    if count > MAX_HEADERS {
        return Err(SignError::TooManyHeaders { count, limit: MAX_HEADERS });
    }
    let query = query::of(&request.uri);
    if query.is_empty() {
        return Ok(());
    }
    // Each of them makes a server look for a signature in the query.
    let telling =
        ["x-oss-signature", "Signature", "x-oss-signature-version", "x-oss-credential", "OSSAccessKeyId"];
    match telling.into_iter().find(|name| query::first(query, name).is_some()) {
        Some(found) => Err(SignError::AlreadySigned { found }),
        None => Ok(()),
    }
}

/// The checks of a presigned URL: no header signature, a lifetime in bounds, and none beyond that of the credentials.
pub(crate) fn check_presign(
    request: &Parts,
    credentials: &Credentials,
    time: SystemTime,
    expires_in: Duration,
    max: u64,
) -> Result<(Stamp, u64), SignError> {
    if credentials.is_anonymous() {
        return Err(SignError::Anonymous);
    }
    check_key(credentials)?;
    if request.headers.contains_key(AUTHORIZATION) {
        return Err(SignError::AlreadySigned { found: "an Authorization header" });
    }
    if request.headers.contains_key(&X_OSS_SECURITY_TOKEN) {
        return Err(SignError::ConflictingHeader { name: "x-oss-security-token" });
    }
    let seconds = expires_in.as_secs();
    if !(1..=max).contains(&seconds) {
        return Err(SignError::LifetimeOutOfRange { given: seconds, min: 1, max });
    }
    let stamp = Stamp::new(time).ok_or(SignError::TimeOutOfRange)?;
    let end =
        stamp.unix().checked_add(seconds).and_then(Stamp::from_unix).ok_or(SignError::TimeOutOfRange)?;
    check_outlives(credentials, end.time())?;
    Ok((stamp, seconds))
}

pub(crate) fn check_outlives(credentials: &Credentials, end: SystemTime) -> Result<(), SignError> {
    let excess = credentials.expires_at().and_then(|expiry| end.duration_since(expiry).ok());
    match excess {
        Some(excess) if !excess.is_zero() => Err(SignError::OutlivesCredentials {
            excess: excess.as_secs() + u64::from(excess.subsec_nanos() > 0),
        }),
        _ => Ok(()),
    }
}
