//! Signature V4: OSS4-HMAC-SHA256.
//!
//! Source: OSS documentation, "Include a V4 signature in the Authorization header" and "Include a V4 signature in a
//! URL"; every rule is pinned by `tests/vectors/signing.json`, which official SDKs agree on.

pub(crate) mod canonical;
pub(crate) mod key;
mod presign;
mod sign;

pub use key::SigningKey;
pub use sign::{Product, V4Signer};

pub(crate) const ALGORITHM: &str = "OSS4-HMAC-SHA256";
pub(crate) const TERMINATOR: &str = "aliyun_v4_request";
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// Seven days, in seconds: the longest life of a V4 URL (error code 0002-00000232).
pub(crate) const MAX_LIFETIME: u64 = 604_800;
