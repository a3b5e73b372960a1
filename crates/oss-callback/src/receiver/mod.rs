//! The receiver's end: verify a callback, read it, answer it.

pub(crate) mod error;
#[cfg(feature = "axum")]
pub(crate) mod extract;
pub(crate) mod headers;
pub(crate) mod key;
#[cfg(feature = "key-source")]
pub(crate) mod key_source;
pub(crate) mod keyring;
pub(crate) mod modpow;
pub(crate) mod payload;
pub(crate) mod pending;
pub(crate) mod reply;
pub(crate) mod target;
pub(crate) mod verified;
pub(crate) mod verifier;
