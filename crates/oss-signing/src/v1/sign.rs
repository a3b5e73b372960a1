use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, DATE, HeaderValue};
use http::request::Parts;

use crate::check::prepare;
use crate::credentials::Credentials;
use crate::header::{X_OSS_DATE, X_OSS_SECURITY_TOKEN, carries, replace_token, sensitive};
use crate::mac;
use crate::post::{PostFields, PostPolicy};
use crate::query;
use crate::resource::Resource;
use crate::signer::{SignError, Signer};

use super::PREFIX;
use super::string_to_sign::StringToSign;

/// Signs with V1 (HMAC-SHA1), for buckets and clients that do not know V4 yet.
///
/// Header authentication sets `Date`, `x-oss-security-token` and `Authorization`. A V1 signature does not cover
/// `Content-Length`, `Range`, `Host` and other ordinary headers; V4 can.
#[derive(Clone, Debug, Default)]
pub struct V1Signer {
    x_oss_date: bool,
}

impl V1Signer {
    /// A signer that sends the time in `Date`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends the time in `x-oss-date` instead, for browsers and workers, which may not set `Date`.
    #[must_use]
    pub fn with_x_oss_date(mut self) -> Self {
        self.x_oss_date = true;
        self
    }
}

impl Signer for V1Signer {
    fn sign(
        &self,
        request: &mut Parts,
        resource: Resource<'_>,
        credentials: &Credentials,
        time: SystemTime,
    ) -> Result<(), SignError> {
        let Some((stamp, token)) = prepare(request, credentials, time)? else {
            return Ok(());
        };
        let date = stamp.rfc1123();
        // A request that carries x-oss-date is dated by it, so both have to be the same.
        let x_oss_date = self.x_oss_date || carries(&request.headers, &X_OSS_DATE);
        let authorization = authorization(request, resource, credentials, &date, x_oss_date)?;
        let date = HeaderValue::from_bytes(&date).map_err(|_| SignError::TimeOutOfRange)?;

        let headers = &mut request.headers;
        if x_oss_date {
            headers.insert(&X_OSS_DATE, date.clone());
        }
        if !self.x_oss_date || carries(headers, &DATE) {
            headers.insert(DATE, date);
        }
        replace_token(headers, token);
        headers.insert(AUTHORIZATION, authorization);
        Ok(())
    }

    fn presign(
        &self,
        request: &mut Parts,
        resource: Resource<'_>,
        credentials: &Credentials,
        time: SystemTime,
        expires_in: Duration,
    ) -> Result<(), SignError> {
        request.uri = super::presign::presigned(request, resource, credentials, time, expires_in)?;
        Ok(())
    }

    fn sign_post(
        &self,
        policy: &PostPolicy,
        credentials: &Credentials,
        time: SystemTime,
    ) -> Result<PostFields, SignError> {
        Self::post_fields(policy, credentials, time)
    }
}

fn authorization(
    request: &Parts,
    resource: Resource<'_>,
    credentials: &Credentials,
    date: &[u8],
    x_oss_date: bool,
) -> Result<HeaderValue, SignError> {
    let query = query::of(&request.uri);
    let mut message = StringToSign::new(request, resource, query, date, |role| !role.is_replaced())?;
    if x_oss_date {
        message.headers.push(X_OSS_DATE.as_str(), date);
    }
    if let Some(token) = credentials.security_token() {
        message.headers.push(X_OSS_SECURITY_TOKEN.as_str(), token.as_bytes());
    }
    let message = message.into_bytes()?;
    let id = credentials.access_key_id();
    let mut out = String::with_capacity(PREFIX.len() + id.len() + 1 + SIGNATURE_LENGTH);
    out.push_str(PREFIX);
    out.push_str(id);
    out.push(':');
    write_signature(&mut out, credentials.access_key_secret(), &message);
    HeaderValue::try_from(out)
        .map(sensitive)
        .map_err(|_| SignError::InvalidCredential { part: "access key id" })
}

/// Characters of the standard base64 of an HMAC-SHA1.
const SIGNATURE_LENGTH: usize = 28;

pub(crate) fn write_signature(out: &mut String, secret: &str, message: &[u8]) {
    STANDARD.encode_string(mac::finish(mac::hmac_sha1(secret.as_bytes()), message), out);
}
