//! Checking signatures: identify the scheme, read the claim, rebuild the string to sign, compare.

mod error;
mod scheme;
mod v4;

use std::time::{Duration, SystemTime};

use http::request::Parts;
use zeroize::Zeroizing;

use crate::name::Region;
use crate::resource::Resource;
use crate::stamp::Stamp;
use crate::v4::Product;
use crate::v4::key::KeyRing;

pub use error::{Mismatch, VerifyError};
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
    /// business. `secret_for` answers the secret of an access key id, or `None` for an unknown one.
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
            Scheme::V4Header => self.verify_v4(v4::Claim::from_headers(request)?, resource, now, secret_for),
            scheme => Err(VerifyError::UnsupportedScheme { scheme: format!("{scheme:?}") }),
        }
    }

    fn verify_v4(
        &self,
        claim: v4::Claim<'_>,
        resource: Resource<'_>,
        now: SystemTime,
        secret_for: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Verified, VerifyError> {
        claim.check_scope(self.keys.region().as_str(), self.keys.product().as_str())?;
        claim.check_time(now, self.max_skew)?;
        let secret = secret(secret_for, &claim.access_key_id)?;
        let (canonical_request, string_to_sign) = claim.rebuild(resource)?;
        let day = claim.stamp.day();
        if self.keys.get(&secret, &day).verify(&string_to_sign, &claim.signature) {
            return Ok(claim.into_verified());
        }
        Err(claim.mismatch(canonical_request, string_to_sign))
    }
}

/// A request whose signature is right.
#[derive(Clone, Debug, PartialEq, Eq)]
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

fn secret(
    secret_for: &dyn Fn(&str) -> Option<String>,
    access_key_id: &str,
) -> Result<Zeroizing<String>, VerifyError> {
    secret_for(access_key_id)
        .map(Zeroizing::new)
        .ok_or_else(|| VerifyError::UnknownAccessKeyId { access_key_id: access_key_id.to_owned() })
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
