//! What the fuzz targets share.

mod message;

pub use message::{request, response};
