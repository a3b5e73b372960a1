//! Requests come in, answers go out: over sockets, and without.

mod connection;
mod handle;
mod listener;
mod wire;

pub(crate) use handle::{Arrival, error_document, handle};
pub(crate) use listener::serve;
