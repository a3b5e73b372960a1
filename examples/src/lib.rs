//! Scenarios live one per file beside this folder; this library is what they share.

#[cfg(doctest)]
mod guides;
mod place;

pub use place::{Failure, Place, finish, needed, or_unknown, variable};
