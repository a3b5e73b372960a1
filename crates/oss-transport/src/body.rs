mod declared;
mod read_to_end;
mod stream;

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::{TransportError, TransportErrorKind};
use declared::Declared;
use stream::StreamBody;

pub use declared::BodyError;

/// The bytes of a request or a response, in memory or still to come.
///
/// A body is read once. What can be sent again is not the body but its source: make a fresh body for each attempt.
/// Making one from [`Bytes`] copies nothing and allocates nothing.
///
/// A body that knows its length ([`exact_len`](Self::exact_len)) keeps its word: if the source ends early, or goes
/// on after the declared length, reading fails with [`TransportErrorKind::Body`] and a [`BodyError`] as its
/// source. The frame that would complete the length is held back until the source has confirmed its end, so a
/// server never holds a complete body made from a source that has grown.
///
/// Dropping a body drops its source.
pub struct Body {
    inner: Inner,
}

enum Inner {
    /// The one frame still to come; never empty.
    Once(Option<Bytes>),
    Streaming(Box<Declared>),
}

impl Body {
    /// Makes a body of no bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self { inner: Inner::Once(None) }
    }

    /// Wraps any body of [`Bytes`]; its size hint is kept, and an exact one is enforced.
    ///
    /// An error of `body` that is a [`TransportError`] stays as it is; any other becomes one of
    /// [`TransportErrorKind::Body`].
    pub fn wrap<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Self { inner: Inner::Streaming(Box::new(Declared::new(body))) }
    }

    /// Makes a body from a stream of chunks.
    ///
    /// `len` is the number of bytes the stream will give, if that is known; a transport then sends
    /// `Content-Length`, otherwise it sends the body in chunks. A declared length is enforced.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use oss_transport::{Body, TransportErrorKind};
    ///
    /// # async fn example() {
    /// let chunks = [Ok(Bytes::from("hel")), Ok(Bytes::from("lo"))];
    /// let body = Body::from_stream(futures_util::stream::iter(chunks.clone()).map_err(as_io), Some(5));
    /// assert_eq!(body.exact_len(), Some(5));
    /// assert_eq!(body.read_to_end(100).await.unwrap(), "hello");
    ///
    /// let short = Body::from_stream(futures_util::stream::iter(chunks).map_err(as_io), Some(6));
    /// assert_eq!(short.read_to_end(100).await.unwrap_err().kind(), TransportErrorKind::Body);
    /// # }
    /// # use futures_util::TryStreamExt as _;
    /// # fn as_io(never: std::convert::Infallible) -> std::io::Error { match never {} }
    /// # futures_executor::block_on(example());
    /// ```
    pub fn from_stream<S, E>(stream: S, len: Option<u64>) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::wrap(StreamBody::new(stream, len))
    }

    /// Gives the number of bytes still to come, if it is known.
    #[must_use]
    pub fn exact_len(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// Reads the rest of the body into memory.
    ///
    /// A body of one frame is returned without copying.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::TooLarge`] with a [`BodyError::OverLimit`] as its source if the body is longer than
    /// `limit` bytes; if the length is declared, before anything is read. Otherwise the error of the body itself.
    ///
    /// # Cancellation
    ///
    /// Dropping the future drops the body; for a response, this closes its connection.
    pub async fn read_to_end(self, limit: usize) -> Result<Bytes, TransportError> {
        read_to_end::read_to_end(self, limit).await
    }

    /// Gives the whole body if it is in memory already, without reading from any source.
    #[cfg(feature = "reqwest")]
    pub(crate) fn into_bytes(self) -> Result<Bytes, Self> {
        match self.inner {
            Inner::Once(bytes) => Ok(bytes.unwrap_or_default()),
            inner @ Inner::Streaming(_) => Err(Self { inner }),
        }
    }

    /// Whether no source has to be asked for the bytes.
    #[cfg(feature = "reqwest")]
    pub(crate) fn is_in_memory(&self) -> bool {
        matches!(self.inner, Inner::Once(_))
    }

    /// Declares the length of a body that did not know it.
    #[cfg(feature = "reqwest")]
    pub(crate) fn with_declared_len(self, len: u64) -> Self {
        Self::wrap(declared::WithLength { body: self, len })
    }

    fn once(bytes: Bytes) -> Self {
        Self { inner: Inner::Once((!bytes.is_empty()).then_some(bytes)) }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::once(bytes)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::once(bytes.into())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::once(text.into())
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Self::once(Bytes::from_static(bytes))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::once(Bytes::from_static(text.as_bytes()))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        match &mut self.get_mut().inner {
            Inner::Once(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Inner::Streaming(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Once(bytes) => bytes.is_none(),
            Inner::Streaming(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Once(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Inner::Streaming(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.inner {
            Inner::Once(_) => "bytes",
            Inner::Streaming(_) => "stream",
        };
        f.debug_struct("Body").field("kind", &kind).field("exact_len", &self.exact_len()).finish()
    }
}

/// Says which kind a source's own error gets.
fn source_error<E: Into<Box<dyn Error + Send + Sync>>>(error: E) -> TransportError {
    TransportError::from_boxed(TransportErrorKind::Body, error.into())
}

#[cfg(test)]
mod tests;
