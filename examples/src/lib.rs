//! Scenarios live one per file beside this folder; this library is what they share.

mod place;

pub use place::{Failure, Place, finish, variable};
