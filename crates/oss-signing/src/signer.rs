use std::fmt;
use std::time::{Duration, SystemTime};

use http::request::Parts;

use crate::credentials::Credentials;
use crate::header::Unclear;
use crate::post::{PolicyError, PostFields, PostPolicy};
use crate::query::Repeated;
use crate::resource::Resource;

/// Signs requests. The seam between whoever builds requests and whoever knows the secret's use.
///
/// # Contract for implementers
///
/// - The request is ready for the wire. Its method, path, existing query and existing headers are never re-encoded.
/// - On error the request is unchanged.
/// - [`Signer::sign`] leaves a request without authentication when the credentials are anonymous, and replaces what
///   an earlier call added, so that each retry can be signed anew.
/// - [`Signer::presign`] and [`Signer::sign_post`] refuse anonymous credentials.
/// - No clock is read: `time` is the signing time, corrected for clock skew by the caller.
pub trait Signer: fmt::Debug + Send + Sync {
    /// Adds the headers that authenticate the request.
    ///
    /// # Errors
    /// [`SignError`] names the argument that cannot be signed with.
    fn sign(
        &self,
        request: &mut Parts,
        resource: Resource<'_>,
        credentials: &Credentials,
        time: SystemTime,
    ) -> Result<(), SignError>;

    /// Adds a signature to the query, valid from `time` for `expires_in` (whole seconds; a fraction is dropped).
    ///
    /// The headers the request carries now are part of the signature where the version signs them
    /// (`Content-Type`, `Content-MD5`, every `x-oss-*`): whoever uses the URL has to send exactly those.
    ///
    /// # Errors
    /// [`SignError`] names the argument that cannot be signed with.
    fn presign(
        &self,
        request: &mut Parts,
        resource: Resource<'_>,
        credentials: &Credentials,
        time: SystemTime,
        expires_in: Duration,
    ) -> Result<(), SignError>;

    /// Signs a form upload (PostObject) and returns every field the form has to send before its `file`.
    ///
    /// # Errors
    /// [`SignError::Policy`] names the part of the policy that OSS would refuse; otherwise as for a presigned URL.
    fn sign_post(
        &self,
        policy: &PostPolicy,
        credentials: &Credentials,
        time: SystemTime,
    ) -> Result<PostFields, SignError>;
}

/// Why a request was not signed. The request is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// A presigned URL or a POST policy needs credentials.
    #[error("anonymous credentials cannot presign: give an access key")]
    Anonymous,
    /// The access key id or secret is empty.
    #[error("the {part} is empty: check where the credentials come from, or use Credentials::anonymous()")]
    EmptyCredential {
        /// "access key id" or "access key secret".
        part: &'static str,
    },
    /// The access key id or token cannot be written into a request.
    #[error("the {part} holds a character that cannot be sent: check for line breaks, spaces and commas")]
    InvalidCredential {
        /// "access key id" or "security token".
        part: &'static str,
    },
    /// Signatures hold years from 1970 to 9999.
    #[error("the signing time lies outside the years 1970 to 9999: check the clock")]
    TimeOutOfRange,
    /// The lifetime of a presigned URL is out of bounds.
    #[error("a presigned URL of this version lives {min} to {max} seconds, not {given}")]
    LifetimeOutOfRange {
        /// Whole seconds asked for.
        given: u64,
        /// Fewest seconds.
        min: u64,
        /// Most seconds.
        max: u64,
    },
    /// A presigned URL or policy would outlive the temporary credentials it is made with.
    #[error(
        "the signature would outlive its credentials by {excess} s: ask for less, or refresh the credentials"
    )]
    OutlivesCredentials {
        /// Seconds, rounded up, by which the lifetime is too long.
        excess: u64,
    },
    /// The request is signed in another way already, and OSS refuses two signatures.
    #[error(
        "the request already carries {found}: a request has one signature, in its headers or in its query"
    )]
    AlreadySigned {
        /// The header or query parameter that was found.
        found: &'static str,
    },
    /// A header that belongs to header authentication and must not come with a presigned URL.
    #[error("the header {name} cannot be part of a presigned URL: remove it, the token goes into the query")]
    ConflictingHeader {
        /// Name of the header.
        name: &'static str,
    },
    /// A header that must be sent once is there twice.
    #[error("the header {name} is set more than once: keep one value")]
    RepeatedHeader {
        /// Name of the header.
        name: String,
    },
    /// A query parameter is there twice, which no two implementations sign alike.
    #[error("the query parameter {name:?} is set more than once: keep one value")]
    RepeatedParameter {
        /// Decoded name of the parameter.
        name: String,
    },
    /// The presigned URL is longer than any HTTP client takes.
    #[error("the presigned URL would have a path and query of {length} bytes; the limit is 65,534")]
    UrlTooLong {
        /// Bytes of path and query.
        length: usize,
    },
    /// The URL of the request has no path to append a query to, as in `OPTIONS *` or `CONNECT host:443`.
    #[error(
        "the request's URL has no path, so it cannot be presigned: give an absolute URL or one that begins with '/'"
    )]
    UrlWithoutPath,
    /// The request carries more headers than can be signed, or than any server takes.
    #[error("the request has {count} different headers; at most {limit} can be signed: remove some")]
    TooManyHeaders {
        /// Different header names of the request.
        count: usize,
        /// Most names.
        limit: usize,
    },
    /// A POST policy that OSS would not accept.
    #[error("the POST policy cannot be signed")]
    Policy(#[from] PolicyError),
}

impl From<Repeated> for SignError {
    fn from(repeated: Repeated) -> Self {
        Self::RepeatedParameter { name: repeated.0 }
    }
}

impl From<Unclear> for SignError {
    fn from(unclear: Unclear) -> Self {
        Self::RepeatedHeader { name: unclear.0.to_string() }
    }
}
