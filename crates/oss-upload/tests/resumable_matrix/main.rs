//! Everything that goes wrong around an upload in parts, one test a row of `docs/faults.md`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]

#[path = "../common/mod.rs"]
mod common;

mod aborts;
mod cancellation;
mod complete;
mod gone;
mod identity;
mod initiate;
mod journal;
mod leases;
mod listing;
mod parts;
mod source;
mod streams;
