//! The emulator's own XML: a writer of documents and a reader of small ones.

mod read;
mod write;

pub(crate) use read::{Element, malformed};
pub(crate) use write::Document;
