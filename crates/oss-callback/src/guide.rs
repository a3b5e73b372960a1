//! Guides: pages to read, no items to use.

#[doc = include_str!("../docs/uploader.md")]
pub mod uploader {}

#[doc = include_str!("../docs/receiver.md")]
pub mod receiver {}

#[doc = include_str!("../docs/errors.md")]
pub mod errors {}
