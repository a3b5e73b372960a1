#![doc = include_str!("../README.md")]

mod access;
mod address;
mod admin;
mod answer;
mod body;
mod builder;
mod callback;
mod clock;
mod core;
mod emulator;
mod encoding;
mod error;
mod fault;
mod form;
mod journal;
mod key_file;
mod names;
mod operation;
mod operations;
mod query;
mod server;
mod start;
mod store;
mod transport;
mod xml;

pub use builder::{DEFAULT_ACCESS_KEY_ID, DEFAULT_ACCESS_KEY_SECRET, EmulatorBuilder};
pub use callback::CallbackKeyError;
pub use emulator::{Emulator, PartInProgress, StoredObject, UploadInProgress};
pub use fault::{Fault, FaultHandle, FaultPoint};
pub use journal::{CallbackRecord, JournalEntry};
pub use operation::Operation;
pub use start::StartError;
pub use store::{Acl, ObjectType, UnknownAcl};
pub use transport::InProcess;
