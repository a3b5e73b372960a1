use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use oss_transport::Body;

use super::{Source, SourceError};

/// Bytes that can be read once: a pipe, a socket, another download.
///
/// An attempt that fails after it has taken the stream cannot be retried by [`put_object`](crate::Uploader::put_object);
/// the error then is the attempt's own.
pub struct StreamSource {
    len: Option<u64>,
    body: Mutex<Option<Body>>,
}

impl StreamSource {
    /// Uploads what the stream yields. With `len` the request says its length in bytes and the stream must yield
    /// exactly so many; without, it is sent in chunks of unknown total.
    pub fn new<S, E>(stream: S, len: Option<u64>) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        Self::from_body(Body::from_stream(stream, len))
    }

    /// Uploads what the body yields; its length is the body's exact length, if it has one.
    #[must_use]
    pub fn from_body(body: Body) -> Self {
        Self { len: body.exact_len(), body: Mutex::new(Some(body)) }
    }
}

impl fmt::Debug for StreamSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSource").field("len", &self.len).finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for StreamSource {
    fn length(&self) -> Option<u64> {
        self.len
    }

    async fn open(&self, range: Range<u64>) -> Result<Body, SourceError> {
        // A part of it cannot be had without giving the rest away.
        if range != (0..self.len.unwrap_or(u64::MAX)) {
            return Err(SourceError::NotReopenable);
        }
        let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        body.take().ok_or(SourceError::NotReopenable)
    }
}
