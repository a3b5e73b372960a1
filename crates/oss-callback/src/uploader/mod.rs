//! The uploader's end: build, check and encode a callback.

pub(crate) mod builder;
pub(crate) mod callback;
pub(crate) mod custom;
pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod error;
pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod limits;
pub(crate) mod render;
pub(crate) mod scan;
pub(crate) mod template;
pub(crate) mod url;
pub(crate) mod variable;
