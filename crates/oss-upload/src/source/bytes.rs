use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use oss_transport::Body;

use super::chunks::Chunks;
use super::{CHUNK, Source, SourceError, SummedBody};

/// Bytes in memory.
#[derive(Clone)]
pub struct BytesSource(Bytes);

impl BytesSource {
    /// Uploads these bytes; they are shared, not copied.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    fn body(&self, range: Range<u64>) -> Result<Body, SourceError> {
        let len = self.0.len() as u64;
        if range.end > len || range.start > range.end {
            return Err(SourceError::Shrank { expected: range.end, actual: len });
        }
        let bytes = self.0.slice(range.start as usize..range.end as usize);
        if bytes.len() <= CHUNK {
            return Ok(Body::from(bytes));
        }
        let left = bytes.len() as u64;
        let chunks = (0..bytes.len())
            .step_by(CHUNK)
            .map(move |start| bytes.slice(start..bytes.len().min(start + CHUNK)));
        Ok(Body::wrap(Chunks { chunks, left }))
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
        self.body(range)
    }

    // The default would be one allocation more for each small object.
    async fn open_summed(&self, range: Range<u64>) -> Result<SummedBody, SourceError> {
        self.body(range).map(SummedBody::from)
    }
}
