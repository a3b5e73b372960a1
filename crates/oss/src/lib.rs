#![doc = include_str!("../README.md")]

mod bucket;
mod client;
#[cfg(feature = "credential-chain")]
mod credential_chain;
mod environment;
mod no_place;

/// Both ends of a callback: the crate `oss-callback`.
pub use oss_callback as callback;
/// Signatures and names: the crate `oss-signing`.
pub use oss_signing as signing;
/// The HTTP seam: the crate `oss-transport`.
pub use oss_transport as transport;
/// Uploads: the crate `oss-upload`.
pub use oss_upload as upload;

pub use bucket::Bucket;
#[cfg(feature = "reqwest")]
pub use client::presigned_uploader;
pub use client::{Client, ClientBuilder, ConfigError};
#[cfg(feature = "credential-chain")]
pub use credential_chain::CredentialChain;
pub use environment::EnvironmentCredentials;
pub use oss_callback::Callback;
pub use oss_upload::{
    CallbackOutcome, Content, Error, ObjectOptions, PresignedPut, PresignedUploader, Uploaded,
};
