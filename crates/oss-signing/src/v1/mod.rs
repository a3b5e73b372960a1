//! Signature V1: HMAC-SHA1.
//!
//! Source: OSS documentation, "Include signatures in the Authorization header" and "Add signatures to URLs"; pinned
//! by `tests/vectors/signing.json`. Alibaba Cloud has announced the end of V1 for new users (error code page
//! 0002-00000080): it is here for existing buckets and for POST policies and URLs that are still in use.

mod presign;
pub(crate) mod sign;
pub(crate) mod string_to_sign;
pub(crate) mod sub_resource;

pub use sign::V1Signer;

pub(crate) const PREFIX: &str = "OSS ";
