//! Callbacks as OSS sends them: parameter, template, signature, request, verdict on the answer.

mod key;
mod parameter;
mod send;
mod template;
mod url;
mod verdict;

pub(crate) use key::CallbackKey;
pub use key::CallbackKeyError;
pub(crate) use parameter::Callback;
pub(crate) use send::Sender;
pub(crate) use template::Facts;
