//! What a V1 request claims, read from its headers or its query.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use http::header::{AUTHORIZATION, DATE};
use http::request::Parts;

use crate::header::{X_OSS_DATE, X_OSS_SECURITY_TOKEN, single};
use crate::mac;
use crate::query;
use crate::resource::Resource;
use crate::stamp::Stamp;
use crate::v1::PREFIX;
use crate::v1::string_to_sign::StringToSign;

use super::{Explanation, Scheme, Verified, VerifyError, decimal, lossy, required, text};

pub(super) struct Claim<'a> {
    request: &'a Parts,
    scheme: Scheme,
    pub(super) access_key_id: Cow<'a, str>,
    /// What stands in the date line: a date, or the Unix time at which a URL expires.
    date_line: Cow<'a, [u8]>,
    /// The same as an instant.
    date: Stamp,
    pub(super) signature: Cow<'a, [u8]>,
    security_token: Option<Cow<'a, str>>,
}

impl<'a> Claim<'a> {
    pub(super) fn from_headers(request: &'a Parts) -> Result<Self, VerifyError> {
        let headers = &request.headers;
        let malformed = |problem| VerifyError::MalformedAuthorization { scheme: Scheme::V1Header, problem };
        let authorization = single(headers, &AUTHORIZATION)?.unwrap_or_default();
        let authorization = std::str::from_utf8(authorization).map_err(|_| malformed("it is not UTF-8"))?;
        let (access_key_id, signature) = authorization
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.rsplit_once(':'))
            .ok_or(malformed("it does not have the form \"OSS ID:SIGNATURE\""))?;
        if access_key_id.is_empty() {
            return Err(malformed("the access key id is empty"));
        }
        // x-oss-date wins over Date, as browsers cannot set the latter.
        let date_line = match single(headers, &X_OSS_DATE)? {
            Some(date) => date,
            None => single(headers, &DATE)?.ok_or(VerifyError::MissingDate)?,
        };
        let date =
            Stamp::parse_rfc1123(date_line).or_else(|| Stamp::parse_compact(date_line)).ok_or_else(|| {
                VerifyError::MalformedDate { scheme: Scheme::V1Header, value: lossy(date_line) }
            })?;
        Ok(Self {
            request,
            scheme: Scheme::V1Header,
            access_key_id: Cow::Borrowed(access_key_id),
            date_line: Cow::Borrowed(date_line),
            date,
            signature: Cow::Borrowed(signature.as_bytes()),
            security_token: single(headers, &X_OSS_SECURITY_TOKEN)?
                .map(|token| text("x-oss-security-token", Cow::Borrowed(token)))
                .transpose()?,
        })
    }

    pub(super) fn from_query(request: &'a Parts) -> Result<Self, VerifyError> {
        let QueryClaim { access_key_id, expires, expires_at, signature, security_token } =
            QueryClaim::read(query::of(&request.uri))?;
        Ok(Self {
            request,
            scheme: Scheme::V1Query,
            access_key_id,
            date_line: expires,
            date: expires_at,
            signature,
            security_token,
        })
    }

    pub(super) fn check_time(&self, now: SystemTime, max_skew: Duration) -> Result<(), VerifyError> {
        if self.scheme == Scheme::V1Header {
            return super::check_skew(self.date, now, max_skew);
        }
        // V1 does not say when a URL was signed, so it has an end, but no beginning.
        super::check_window(
            self.scheme,
            SystemTime::UNIX_EPOCH,
            Duration::from_secs(self.date.unix()),
            now,
            max_skew,
        )
    }

    pub(super) fn rebuild(&self, resource: Resource<'_>) -> Result<Vec<u8>, VerifyError> {
        let query = query::of(&self.request.uri);
        Ok(StringToSign::new(self.request, resource, query, &self.date_line, |_| true)?.into_bytes()?)
    }

    pub(super) fn verified(&self) -> Verified {
        Verified {
            scheme: self.scheme,
            access_key_id: self.access_key_id.clone().into_owned(),
            security_token: self.security_token.as_deref().map(str::to_owned),
        }
    }

    pub(super) fn explain(&self, string_to_sign: Vec<u8>) -> Explanation {
        Explanation::new(self.scheme, &self.access_key_id, &self.signature, string_to_sign)
    }
}

/// The parameters of a presigned URL. The first of repeated ones counts, as the documentation says.
pub(super) struct QueryClaim<'a> {
    pub(super) access_key_id: Cow<'a, str>,
    expires: Cow<'a, [u8]>,
    pub(super) expires_at: Stamp,
    signature: Cow<'a, [u8]>,
    security_token: Option<Cow<'a, str>>,
}

impl<'a> QueryClaim<'a> {
    pub(super) fn read(query: &'a [u8]) -> Result<Self, VerifyError> {
        let access_key_id = text("OSSAccessKeyId", required(query, "OSSAccessKeyId")?)?;
        let expires = required(query, "Expires")?;
        let expires_at =
            decimal(&expires).and_then(Stamp::from_unix).ok_or(VerifyError::MalformedParameter {
                name: "Expires",
                problem: "it is not a Unix time in seconds",
            })?;
        let security_token =
            query::first(query, "security-token").map(|token| text("security-token", token)).transpose()?;
        let signature = required(query, "Signature")?;
        Ok(Self { access_key_id, expires, expires_at, signature, security_token })
    }
}

/// Compares in constant time. Only the one standard base64 text of a signature is right.
pub(super) fn matches(secret: &str, message: &[u8], signature: &[u8]) -> bool {
    let mut mac = mac::hmac_sha1(secret.as_bytes());
    mac.update(message);
    STANDARD.decode(signature).is_ok_and(|bytes| mac.verify_slice(&bytes).is_ok())
}
