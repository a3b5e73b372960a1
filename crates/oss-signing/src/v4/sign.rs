use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, DATE, HeaderName, HeaderValue};
use http::request::Parts;

use crate::check::prepare;
use crate::credentials::Credentials;
use crate::header::{
    CanonicalHeaders, Role, X_OSS_CONTENT_SHA256, X_OSS_DATE, X_OSS_SECURITY_TOKEN, replace_token, sensitive,
    sent_value, single,
};
use crate::name::Region;
use crate::post::{PostFields, PostPolicy};
use crate::query;
use crate::resource::Resource;
use crate::signer::{SignError, Signer};
use crate::stamp::Stamp;

use super::canonical::{CanonicalRequest, Scope, replace_by_string_to_sign};
use super::key::KeyRing;
use super::{ALGORITHM, UNSIGNED_PAYLOAD};

/// Signs with V4 (HMAC-SHA256), the version Alibaba Cloud recommends and new users must use.
///
/// Header authentication sets `x-oss-date`, `Date`, `x-oss-content-sha256` (to `UNSIGNED-PAYLOAD`, unless the request
/// carries a hash), `x-oss-security-token` and `Authorization`. The derived key is kept for the day, so a signature
/// costs one SHA-256 and one HMAC.
#[derive(Clone, Debug)]
pub struct V4Signer {
    pub(crate) keys: KeyRing,
    pub(super) additional_headers: Vec<HeaderName>,
}

/// The product in the scope of a V4 signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Product {
    /// `oss`
    #[default]
    Oss,
    /// `oss-cloudbox`; the region is then the id of the CloudBox, `cb-…`.
    OssCloudbox,
}

impl Product {
    /// The product's name in a scope.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oss => "oss",
            Self::OssCloudbox => "oss-cloudbox",
        }
    }
}

impl V4Signer {
    /// A signer for one region: the region of the bucket, also when requests go through an acceleration host.
    pub fn new(region: Region) -> Self {
        Self { keys: KeyRing::new(region, Product::Oss), additional_headers: Vec::new() }
    }

    /// Signs for another product; the default is [`Product::Oss`].
    #[must_use]
    pub fn with_product(mut self, product: Product) -> Self {
        self.keys = KeyRing::new(self.keys.region().clone(), product);
        self
    }

    /// Also signs these headers, where a request carries them; the default is none.
    ///
    /// Names that V4 signs anyway (`content-type`, `content-md5`, `x-oss-*`) and `authorization` itself are left out,
    /// as OSS requires. `host` is taken from the URL when the request has no such header, which is what HTTP clients
    /// send.
    #[must_use]
    pub fn with_additional_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.additional_headers = names
            .into_iter()
            .filter(|name| !Role::of(name).is_default_signed() && *name != AUTHORIZATION)
            .collect();
        self.additional_headers.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        self.additional_headers.dedup();
        self
    }

    /// The region requests are signed for.
    pub fn region(&self) -> &Region {
        self.keys.region()
    }

    pub(crate) fn scope<'a>(&'a self, date: &'a [u8; 8]) -> Scope<'a> {
        self.keys.scope(date)
    }

    /// The hex signature of a canonical request, whose buffer is used up.
    pub(super) fn signature(
        &self,
        request: &CanonicalRequest<'_>,
        secret: &str,
        datetime: &[u8; 16],
        date: &[u8; 8],
    ) -> Result<[u8; 64], SignError> {
        let mut buffer = request.to_bytes()?;
        replace_by_string_to_sign(&mut buffer, datetime, self.scope(date));
        Ok(self.keys.get(secret, date).hex_signature(&buffer))
    }

    /// The additional headers the request really carries, joined with `;`.
    pub(super) fn carried(&self, request: &Parts) -> (Vec<&HeaderName>, Vec<u8>) {
        let carried: Vec<_> =
            self.additional_headers.iter().filter(|name| sent_value(request, name).is_some()).collect();
        let mut joined = Vec::new();
        for name in &carried {
            if !joined.is_empty() {
                joined.push(b';');
            }
            joined.extend_from_slice(name.as_str().as_bytes());
        }
        (carried, joined)
    }
}

impl Signer for V4Signer {
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
        let signed = self.authorize(request, resource, credentials, stamp)?;

        let headers = &mut request.headers;
        headers.insert(&X_OSS_DATE, signed.datetime);
        headers.insert(DATE, signed.date);
        if let Some(payload_hash) = signed.payload_hash {
            headers.insert(&X_OSS_CONTENT_SHA256, payload_hash);
        }
        replace_token(headers, token);
        headers.insert(AUTHORIZATION, signed.authorization);
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
        request.uri = self.presigned(request, resource, credentials, time, expires_in)?;
        Ok(())
    }

    fn sign_post(
        &self,
        policy: &PostPolicy,
        credentials: &Credentials,
        time: SystemTime,
    ) -> Result<PostFields, SignError> {
        self.post_fields(policy, credentials, time)
    }
}

/// The header values of a signed request.
struct Signed {
    datetime: HeaderValue,
    date: HeaderValue,
    payload_hash: Option<HeaderValue>,
    authorization: HeaderValue,
}

impl V4Signer {
    fn authorize(
        &self,
        request: &Parts,
        resource: Resource<'_>,
        credentials: &Credentials,
        stamp: Stamp,
    ) -> Result<Signed, SignError> {
        let (datetime, date) = (stamp.compact(), stamp.rfc1123());
        let (additional, additional_joined) = self.carried(request);
        let given_hash = single(&request.headers, &X_OSS_CONTENT_SHA256)?;
        let mut headers = CanonicalHeaders::of_request(request, &additional, |role| !role.is_replaced());
        headers.push(X_OSS_DATE.as_str(), &datetime);
        if let Some(token) = credentials.security_token() {
            headers.push(X_OSS_SECURITY_TOKEN.as_str(), token.as_bytes());
        }
        if additional.contains(&&DATE) {
            headers.push(DATE.as_str(), &date);
        }
        if given_hash.is_none() {
            headers.push(X_OSS_CONTENT_SHA256.as_str(), UNSIGNED_PAYLOAD.as_bytes());
        }
        headers.sort();
        let canonical = CanonicalRequest {
            method: request.method.as_str(),
            resource,
            query: query::of(&request.uri),
            headers,
            additional_headers: &additional_joined,
            payload_hash: given_hash.unwrap_or(UNSIGNED_PAYLOAD.as_bytes()),
        };
        let day = stamp.day();
        let signature = self.signature(&canonical, credentials.access_key_secret(), &datetime, &day)?;
        let authorization =
            authorization(credentials.access_key_id(), self.scope(&day), &additional_joined, &signature);
        let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).map_err(|_| SignError::TimeOutOfRange);
        Ok(Signed {
            datetime: value(&datetime)?,
            date: value(&date)?,
            payload_hash: given_hash.is_none().then(|| HeaderValue::from_static(UNSIGNED_PAYLOAD)),
            authorization: HeaderValue::try_from(authorization)
                .map(sensitive)
                .map_err(|_| SignError::InvalidCredential { part: "access key id" })?,
        })
    }
}

fn authorization(access_key_id: &str, scope: Scope<'_>, additional: &[u8], signature: &[u8]) -> Vec<u8> {
    const CREDENTIAL: &[u8] = b" Credential=";
    const ADDITIONAL: &[u8] = b",AdditionalHeaders=";
    const SIGNATURE: &[u8] = b",Signature=";
    let listed = if additional.is_empty() { 0 } else { ADDITIONAL.len() + additional.len() };
    let mut out = Vec::with_capacity(
        ALGORITHM.len()
            + CREDENTIAL.len()
            + access_key_id.len()
            + 1
            + scope.len()
            + listed
            + SIGNATURE.len()
            + signature.len(),
    );
    out.extend_from_slice(ALGORITHM.as_bytes());
    out.extend_from_slice(CREDENTIAL);
    out.extend_from_slice(access_key_id.as_bytes());
    out.push(b'/');
    scope.write(&mut out);
    if !additional.is_empty() {
        out.extend_from_slice(ADDITIONAL);
        out.extend_from_slice(additional);
    }
    out.extend_from_slice(SIGNATURE);
    out.extend_from_slice(signature);
    out
}
