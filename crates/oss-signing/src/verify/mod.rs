//! Checking signatures: identify the scheme, read the claim, rebuild the string to sign, compare.

mod error;
mod explain;
mod post;
mod presigned;
mod scheme;
mod v1;
mod v4;

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use http::request::Parts;
use zeroize::Zeroizing;

use crate::name::Region;
use crate::query;
use crate::resource::Resource;
use crate::stamp::Stamp;
use crate::v4::Product;
use crate::v4::key::KeyRing;

pub use error::VerifyError;
pub use explain::{Explanation, explain};
pub use post::VerifiedPost;
pub use presigned::PresignedUrl;
pub use scheme::Scheme;

/// Checks the signatures of requests, as a gateway or an emulator of OSS does.
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// # use oss_signing::{Credentials, Region, Resource, Signer, V4Signer, Verifier};
/// let region: Region = "cn-hangzhou".parse()?;
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_734_060_187);
/// # let url = "https://examplebucket.oss-cn-hangzhou.aliyuncs.com/hello";
/// # let (mut request, ()) = http::Request::put(url).body(())?.into_parts();
/// # let resource = Resource::object("examplebucket", "hello");
/// # V4Signer::new(region.clone()).sign(&mut request, resource, &Credentials::new("id", "secret"), now)?;
/// let verifier = Verifier::new(region);
/// let secret_for = |id: &str| (id == "id").then(|| "secret".to_owned());
/// let verified = verifier.verify(&request, resource, now, &secret_for)?;
/// assert_eq!(verified.access_key_id(), "id");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: KeyRing,
    max_skew: Duration,
}

impl Verifier {
    /// A verifier for one region, with a largest clock difference of 15 minutes (error code 0002-00000504).
    pub fn new(region: Region) -> Self {
        Self { keys: KeyRing::new(region, Product::Oss), max_skew: Duration::from_secs(900) }
    }

    /// Accepts signatures for another product; the default is [`Product::Oss`].
    #[must_use]
    pub fn with_product(mut self, product: Product) -> Self {
        self.keys = KeyRing::new(self.keys.region().clone(), product);
        self
    }

    /// Sets the largest difference between the request's date and now, in either direction.
    #[must_use]
    pub fn with_max_skew(mut self, max_skew: Duration) -> Self {
        self.max_skew = max_skew;
        self
    }

    /// Checks the signature of a request as it was received.
    ///
    /// The caller names what the request is about: how a bucket is found in a host name or a path is the server's
    /// business. `secret_for` answers the secret of an access key id, or `None` for an unknown one; an empty secret counts
    /// as none.
    ///
    /// A verified request is one that the holder of the secret made. Whether its security token is the right one for
    /// the access key, and whether the body fits `x-oss-content-sha256`, is for the caller to check.
    ///
    /// # Errors
    /// [`VerifyError`] has one variant per reason and knows OSS's status, code and EC for it.
    pub fn verify(
        &self,
        request: &Parts,
        resource: Resource<'_>,
        now: SystemTime,
        secret_for: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Verified, VerifyError> {
        match Scheme::identify(request)?.ok_or(VerifyError::NotSigned)? {
            Scheme::V4Header => self.verify_v4(&v4::Claim::from_headers(request)?, resource, now, secret_for),
            Scheme::V4Query => self.verify_v4(&v4::Claim::from_query(request)?, resource, now, secret_for),
            Scheme::V1Header => self.verify_v1(&v1::Claim::from_headers(request)?, resource, now, secret_for),
            // The signature of a form is in its fields, and never found by `identify`.
            Scheme::V1Post | Scheme::V4Post => Err(VerifyError::NotSigned),
            Scheme::V1Query => self.verify_v1(&v1::Claim::from_query(request)?, resource, now, secret_for),
        }
    }

    fn verify_v4(
        &self,
        claim: &v4::Claim<'_>,
        resource: Resource<'_>,
        now: SystemTime,
        secret_for: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Verified, VerifyError> {
        claim.check_scope(self.keys.region().as_str(), self.keys.product().as_str())?;
        claim.check_time(now, self.max_skew)?;
        let secret = secret(secret_for, &claim.access_key_id)?;
        let stages = claim.rebuild(resource)?;
        let key = self.keys.get(&secret, &claim.stamp.day());
        if key.verify(&stages.string_to_sign, &claim.signature) {
            return Ok(claim.verified());
        }
        Err(VerifyError::SignatureDoesNotMatch(Box::new(claim.explain(stages))))
    }

    fn verify_v1(
        &self,
        claim: &v1::Claim<'_>,
        resource: Resource<'_>,
        now: SystemTime,
        secret_for: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Verified, VerifyError> {
        claim.check_time(now, self.max_skew)?;
        let secret = secret(secret_for, &claim.access_key_id)?;
        let string_to_sign = claim.rebuild(resource)?;
        if v1::matches(&secret, &string_to_sign, &claim.signature) {
            return Ok(claim.verified());
        }
        Err(VerifyError::SignatureDoesNotMatch(Box::new(claim.explain(string_to_sign))))
    }
}

/// A request whose signature is right. `Debug` does not show the token.
#[derive(Clone, PartialEq, Eq)]
pub struct Verified {
    scheme: Scheme,
    access_key_id: String,
    security_token: Option<String>,
}

impl Verified {
    /// How the request was signed.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Who signed it.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The STS token the request carries. It is signed, but whether it belongs to the access key is for the caller
    /// to check.
    pub fn security_token(&self) -> Option<&str> {
        self.security_token.as_deref()
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("scheme", &self.scheme)
            .field("access_key_id", &self.access_key_id)
            .field("security_token", &self.security_token.as_ref().map(|_| "[redacted]"))
            .finish()
    }
}

fn secret(
    secret_for: &dyn Fn(&str) -> Option<String>,
    access_key_id: &str,
) -> Result<Zeroizing<String>, VerifyError> {
    secret_for(access_key_id)
        .map(Zeroizing::new)
        // Everybody can sign with an empty secret.
        .filter(|secret| !secret.is_empty())
        .ok_or_else(|| VerifyError::UnknownAccessKeyId { access_key_id: access_key_id.to_owned() })
}

/// Text of a claim that is compared or looked up, so it must not be guessed from damaged bytes.
fn text<'a>(name: &'static str, bytes: Cow<'a, [u8]>) -> Result<Cow<'a, str>, VerifyError> {
    let malformed = || VerifyError::MalformedParameter { name, problem: "it is not UTF-8" };
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| malformed()),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| malformed()),
    }
}

/// A query parameter that the scheme needs.
fn required<'a>(query: &'a [u8], name: &'static str) -> Result<Cow<'a, [u8]>, VerifyError> {
    match query::first(query, name) {
        None => Err(VerifyError::MissingParameter { name }),
        Some(value) if value.is_empty() => Err(VerifyError::EmptyParameter { name }),
        Some(value) => Ok(value),
    }
}

/// Reads what must be digits and nothing else; `None` also when the number is too large to be meant.
fn decimal(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    if text.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    text.parse().ok()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn check_skew(date: Stamp, now: SystemTime, max_skew: Duration) -> Result<(), VerifyError> {
    let request_time = date.time();
    let difference = now.duration_since(request_time).unwrap_or_else(|early| early.duration());
    if difference > max_skew {
        return Err(VerifyError::RequestTimeTooSkewed { request_time, server_time: now, max_skew });
    }
    Ok(())
}

/// A URL lives from `start`, less the difference clocks may have, to `start + lifetime`, that second included.
fn check_window(
    scheme: Scheme,
    start: SystemTime,
    lifetime: Duration,
    now: SystemTime,
    max_skew: Duration,
) -> Result<(), VerifyError> {
    if start.duration_since(now).is_ok_and(|early| early > max_skew) {
        return Err(VerifyError::NotYetValid { valid_from: start, server_time: now });
    }
    if now.duration_since(start).is_ok_and(|age| age > lifetime) {
        return Err(VerifyError::Expired { scheme, expired_at: start + lifetime, server_time: now });
    }
    Ok(())
}
