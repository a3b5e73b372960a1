//! Callbacks as OSS sends them: parameter, template, signature, request, verdict on the answer.

mod image;
mod key;
mod parameter;
mod running;
mod send;
mod template;
#[cfg(feature = "https")]
mod tls;
mod url;
mod verdict;

pub(crate) use image::{HEAD as IMAGE_HEAD, identify as identify_image};
pub(crate) use key::CallbackKey;
pub use key::CallbackKeyError;
pub(crate) use parameter::Callback;
pub(crate) use running::Running;
pub(crate) use send::{Reply, Sender};
pub(crate) use template::{Facts, Image};
pub(crate) use verdict::Failure;
