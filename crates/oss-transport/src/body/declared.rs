use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;

use super::source_error;
use crate::{TransportError, TransportErrorKind};

/// How a [`Body`](crate::Body) broke its word about its length, or went over a reader's limit.
///
/// It is the [`source`](Error::source) of the [`TransportError`] that reports it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The source ended before the declared length.
    #[error(
        "the body ended after {actual} of its declared {declared} bytes; the source shrank or was cut off"
    )]
    #[non_exhaustive]
    TooShort {
        /// The length declared when the body was made, in bytes.
        declared: u64,
        /// The bytes that came, all of which may have been sent.
        actual: u64,
    },
    /// The source went on after the declared length. The frame that completed the length was not sent.
    #[error("the body goes on after its declared {declared} bytes; the source grew or the length was wrong")]
    #[non_exhaustive]
    TooLong {
        /// The length declared when the body was made, in bytes.
        declared: u64,
    },
    /// The body is longer than the reader allows; the reason for [`TransportErrorKind::TooLarge`].
    #[error("the body has at least {at_least} bytes, over the limit of {limit} bytes")]
    #[non_exhaustive]
    OverLimit {
        /// The limit given to [`Body::read_to_end`](crate::Body::read_to_end), in bytes.
        limit: usize,
        /// How long the body is known to be at least, in bytes.
        at_least: u64,
    },
}

/// A boxed body whose exact size hint is enforced.
pub(super) struct Declared {
    source: Source,
    length: Option<Length>,
    done: bool,
}

impl Declared {
    pub(super) fn new<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let length = body.size_hint().exact().map(Length::new);
        Self { source: Source::new(body), length, done: false }
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        if self.done {
            return Poll::Ready(None);
        }
        let frame = ready!(match &mut self.length {
            Some(length) => length.poll_frame(&mut self.source, cx),
            None => self.source.poll_frame(cx),
        });
        self.done = !matches!(frame, Ok(Some(_)));
        Poll::Ready(frame.transpose())
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.done || (self.source.ended && self.length.as_ref().is_none_or(Length::is_done))
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match &self.length {
            Some(length) => SizeHint::with_exact(length.remaining()),
            None => self.source.hint,
        }
    }
}

/// A boxed body that is `Sync` although the body inside is only `Send`.
struct Source {
    body: SyncWrapper<Pin<Box<dyn HttpBody<Data = Bytes, Error = TransportError> + Send>>>,
    // The wrapper gives out exclusive references only, so what the body says about itself is remembered.
    hint: SizeHint,
    ended: bool,
}

impl Source {
    fn new<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (hint, ended) = (body.size_hint(), body.is_end_stream());
        Self { body: SyncWrapper::new(Box::pin(MapError { body })), hint, ended }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, TransportError>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        let body = self.body.get_mut();
        let frame = ready!(body.as_mut().poll_frame(cx)).transpose();
        self.hint = body.size_hint();
        self.ended = !matches!(frame, Ok(Some(_))) || body.is_end_stream();
        Poll::Ready(frame)
    }
}

/// Counts a source against its declared length.
struct Length {
    declared: u64,
    seen: u64,
    /// The frame that completes the declared length, until the source has confirmed its end.
    last: Option<Bytes>,
}

impl Length {
    fn new(declared: u64) -> Self {
        Self { declared, seen: 0, last: None }
    }

    fn poll_frame(
        &mut self,
        source: &mut Source,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, TransportError>> {
        loop {
            let Some(frame) = ready!(source.poll_frame(cx))? else { return Poll::Ready(self.end()) };
            // A message with a length has no trailers, and an empty frame says nothing.
            let Ok(data) = frame.into_data() else { continue };
            if data.is_empty() {
                continue;
            }
            if data.len() as u64 > self.declared - self.seen {
                return Poll::Ready(Err(broken(BodyError::TooLong { declared: self.declared })));
            }
            self.seen += data.len() as u64;
            if self.seen == self.declared && !source.ended {
                self.last = Some(data);
                continue;
            }
            return Poll::Ready(Ok(Some(Frame::data(data))));
        }
    }

    fn end(&mut self) -> Result<Option<Frame<Bytes>>, TransportError> {
        if self.seen < self.declared {
            return Err(broken(BodyError::TooShort { declared: self.declared, actual: self.seen }));
        }
        Ok(self.last.take().map(Frame::data))
    }

    fn is_done(&self) -> bool {
        self.remaining() == 0
    }

    fn remaining(&self) -> u64 {
        self.declared - self.seen + self.last.as_ref().map_or(0, |last| last.len() as u64)
    }
}

fn broken(error: BodyError) -> TransportError {
    TransportError::new(TransportErrorKind::Body, error)
}

pin_project! {
    /// Gives the errors of any body the type of this crate.
    struct MapError<B> {
        #[pin]
        body: B,
    }
}

impl<B> HttpBody for MapError<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        self.project().body.poll_frame(cx).map_err(source_error)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body of unknown length for which somebody else knows the length.
#[cfg(feature = "reqwest")]
pub(super) struct WithLength {
    pub(super) body: super::Body,
    pub(super) len: u64,
}

#[cfg(feature = "reqwest")]
impl HttpBody for WithLength {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    // Read once, when the body is wrapped: `Declared` counts from there.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len)
    }
}
