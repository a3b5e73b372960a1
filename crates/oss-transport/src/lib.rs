#![doc = include_str!("../README.md")]

mod body;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod transport;

#[cfg(feature = "reqwest")]
mod reqwest_transport;

pub use body::{Body, BodyError};
pub use error::{TransportError, TransportErrorKind};
pub use transport::{Request, Response, Transport, TransportFn, transport_fn};

#[cfg(feature = "reqwest")]
pub use reqwest_transport::{ReqwestTransport, ReqwestTransportBuilder};
