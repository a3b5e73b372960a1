//! Callbacks as OSS sends them: parameter, template, signature, request, verdict on the answer.

mod key;
mod parameter;
mod send;
mod template;
mod url;
mod verdict;

pub use key::CallbackKeyError;
pub(crate) use key::CallbackKey;
pub(crate) use parameter::{Callback, check_transport};
pub(crate) use send::{Delivery, Sender};
pub(crate) use template::{BodyType, Facts};
