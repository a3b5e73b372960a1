#![doc = include_str!("../README.md")]

pub mod guide;

mod binding;
mod json;
mod percent;
mod receiver;
mod uploader;

pub use binding::claims::KeyPattern;
pub use binding::freshness::{AdmitError, Freshness, FreshnessError};
pub use binding::replay::{Claim, MemoryReplayGuard, ReplayError, ReplayGuard};
pub use binding::token::{Granted, TokenError, TokenKey};
pub use receiver::error::{BodyCheck, VerifyError};
#[cfg(feature = "axum")]
pub use receiver::extract::{CallbackRejection, VerifiedCallback};
pub use receiver::key::{KeyError, PublicKey};
#[cfg(feature = "key-source")]
pub use receiver::key_source::{KEY_BYTES, KeySource, KeySourceError};
pub use receiver::keyring::{OFFICIAL_KEY_PEM, OFFICIAL_KEY_URLS};
pub use receiver::payload::PayloadError;
pub use receiver::pending::Pending;
pub use receiver::reply::{Reply, ReplyError};
pub use receiver::target::{ExternalTarget, TargetError, string_to_sign};
pub use receiver::verified::{Unsigned, Verified};
pub use receiver::verifier::Verifier;
pub use uploader::builder::CallbackBuilder;
pub use uploader::callback::Callback;
pub use uploader::custom::Custom;
pub use uploader::decode::{DecodeError, DecodedCallback};
pub use uploader::encode::EncodedCallback;
pub use uploader::error::{CallbackError, UrlError};
pub use uploader::form::{FormTemplate, FormValue};
pub use uploader::json::{JsonTemplate, JsonValue};
pub use uploader::template::{BodyTemplate, BodyType};
pub use uploader::variable::Variable;
