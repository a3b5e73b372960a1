use std::time::{Duration, SystemTime};

use http::Uri;
use http::header::HeaderName;

use crate::query;

use super::{Scheme, VerifyError, v1, v4};

/// What a presigned URL says about itself, read without the secret: who signed it, and how long it lives.
///
/// Nothing is checked but the form: only [`Verifier::verify`](crate::Verifier::verify) knows whether the signature is
/// right. Neither the signature nor a token is kept, so `Debug` may be logged.
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// # use oss_signing::{Credentials, PresignedUrl, Region, Resource, Scheme, Signer, V4Signer};
/// # let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_734_060_187);
/// # let (mut head, ()) = http::Request::put("https://b.example/k?callback=e30%3D").body(())?.into_parts();
/// # let signer = V4Signer::new("cn-hangzhou".parse::<Region>()?);
/// # let (credentials, lifetime) = (Credentials::new("id", "secret"), Duration::from_secs(900));
/// signer.presign(&mut head, Resource::object("examplebucket", "k"), &credentials, now, lifetime)?;
/// let presigned = PresignedUrl::read(&head.uri)?;
/// assert_eq!((presigned.scheme(), presigned.access_key_id()), (Scheme::V4Query, "id"));
/// assert_eq!(presigned.expires_at(), now + lifetime);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresignedUrl {
    scheme: Scheme,
    access_key_id: String,
    signed_at: Option<SystemTime>,
    expires_at: SystemTime,
    additional_headers: Vec<HeaderName>,
    has_security_token: bool,
    has_callback: bool,
}

impl PresignedUrl {
    /// Reads the query of a URL.
    ///
    /// # Errors
    /// [`VerifyError::NotSigned`] for a URL without a signature, and the error of its kind for one that no server could
    /// read. An expired URL is none of them.
    pub fn read(url: &Uri) -> Result<Self, VerifyError> {
        let query = query::of(url);
        let holds = |name| query::first(query, name).is_some();
        let read = Self {
            scheme: Scheme::in_query(query)?.ok_or(VerifyError::NotSigned)?,
            access_key_id: String::new(),
            signed_at: None,
            expires_at: SystemTime::UNIX_EPOCH,
            additional_headers: Vec::new(),
            has_security_token: holds("security-token") || holds("x-oss-security-token"),
            has_callback: holds("callback") || holds("x-oss-callback"),
        };
        if read.scheme == Scheme::V1Query {
            let claim = v1::QueryClaim::read(query)?;
            let expires_at = claim.expires_at.time();
            return Ok(Self { access_key_id: claim.access_key_id.into_owned(), expires_at, ..read });
        }
        let claim = v4::QueryClaim::read(query)?;
        let signed_at = claim.stamp.time();
        Ok(Self {
            access_key_id: claim.credential()?.access_key_id.to_owned(),
            signed_at: Some(signed_at),
            expires_at: signed_at + Duration::from_secs(claim.lifetime),
            additional_headers: claim.additional()?,
            ..read
        })
    }

    /// [`Scheme::V1Query`] or [`Scheme::V4Query`].
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Who claims to have signed the URL.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// When the URL was signed; a V1 URL does not say.
    pub fn signed_at(&self) -> Option<SystemTime> {
        self.signed_at
    }

    /// The last second in which the URL can be used.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// The headers that must be sent as they were signed, besides those no URL lists: `Content-Type`, `Content-MD5` and
    /// every `x-oss-*`, which are signed in both versions, their absence included.
    pub fn additional_headers(&self) -> &[HeaderName] {
        &self.additional_headers
    }

    /// Whether the URL was signed with temporary credentials (STS), and so ends with them at the latest.
    pub fn has_security_token(&self) -> bool {
        self.has_security_token
    }

    /// Whether the query holds an upload callback.
    pub fn has_callback(&self) -> bool {
        self.has_callback
    }
}
