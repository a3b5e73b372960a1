//! Requests come in, answers go out: over sockets, and without.

mod connection;
mod handle;
mod listener;
mod plan;
mod refusal;
mod wire;

pub(crate) use handle::{Arrival, handle};
pub(crate) use listener::serve;
pub(crate) use refusal::error_document;
pub(crate) use wire::{Peer, unless_gone};
