#![doc = include_str!("../README.md")]

mod check;
mod credentials;
mod endpoint;
mod header;
mod mac;
mod name;
mod percent;
mod post;
mod query;
mod resource;
mod rewrite;
mod signer;
mod stamp;
mod url;
mod v1;
mod v4;
mod verify;

pub use credentials::Credentials;
pub use endpoint::{Addressing, Endpoint, EndpointError, EndpointKind};
pub use name::{BucketName, NameError, ObjectKey, Region};
pub use post::{PolicyError, PostFields, PostPolicy};
pub use resource::Resource;
pub use signer::{SignError, Signer};
pub use url::UrlError;
pub use v1::V1Signer;
pub use v4::{Product, SigningKey, V4Signer};
pub use verify::{Explanation, PresignedUrl, Scheme, Verified, VerifiedPost, Verifier, VerifyError, explain};

#[doc = include_str!("../docs/signature_does_not_match.md")]
///
/// # Items named here
///
/// [`explain`], [`Credentials::new`], [`Credentials::with_security_token`], [`Addressing::Cname`],
/// [`Endpoint::url`], [`Region`], [`VerifyError`].
pub mod signature_does_not_match {}
