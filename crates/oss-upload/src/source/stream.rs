use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use oss_transport::Body;
use tokio::io::{AsyncRead, ReadBuf};

use super::{CHUNK, Source, SourceError};

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

    /// Uploads what the reader yields, read 256 KiB at a time: standard input, a socket, the output of a process. `len`
    /// is as in [`new`](Self::new).
    ///
    /// ```
    /// use oss_upload::{Content, StreamSource};
    ///
    /// let content = Content::from(StreamSource::from_reader(tokio::io::empty(), None));
    /// ```
    pub fn from_reader(reader: impl AsyncRead + Send + 'static, len: Option<u64>) -> Self {
        Self::new(Chunks { reader: Box::pin(reader), buffer: BytesMut::new() }, len)
    }

    /// Uploads what the body yields; its length is the body's exact length, if it has one.
    #[must_use]
    pub fn from_body(body: Body) -> Self {
        Self { len: body.exact_len(), body: Mutex::new(Some(body)) }
    }
}

/// A reader as a stream of chunks.
struct Chunks {
    reader: Pin<Box<dyn AsyncRead + Send>>,
    buffer: BytesMut,
}

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let this = &mut *self;
        if this.buffer.is_empty() {
            this.buffer = BytesMut::zeroed(CHUNK);
        }
        let mut unread = ReadBuf::new(&mut this.buffer);
        ready!(this.reader.as_mut().poll_read(cx, &mut unread))?;
        let len = unread.filled().len();
        // Small pieces share one buffer until it is used up.
        Poll::Ready((len > 0).then(|| Ok(this.buffer.split_to(len).freeze())))
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
