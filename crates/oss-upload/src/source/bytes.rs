use std::convert::Infallible;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use oss_transport::Body;

use super::{CHUNK, Source, SourceError};

/// Bytes in memory.
#[derive(Clone)]
pub struct BytesSource(Bytes);

impl BytesSource {
    /// Uploads these bytes; they are shared, not copied.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }
}

impl std::fmt::Debug for BytesSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BytesSource({} bytes)", self.0.len())
    }
}

#[async_trait]
impl Source for BytesSource {
    fn length(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }

    async fn open(&self, range: Range<u64>) -> Result<Body, SourceError> {
        let len = self.0.len() as u64;
        if range.end > len || range.start > range.end {
            return Err(SourceError::Shrank { expected: range.end, actual: len });
        }
        let bytes = self.0.slice(range.start as usize..range.end as usize);
        if bytes.len() <= CHUNK {
            return Ok(Body::from(bytes));
        }
        Ok(Body::wrap(Chunks(bytes)))
    }
}

/// Bytes handed out in chunks, so that progress and time limits see them move.
struct Chunks(Bytes);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        let len = self.0.len().min(CHUNK);
        let chunk = self.0.split_to(len);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}
