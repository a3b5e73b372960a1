use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body as HttpBody, Frame, SizeHint};

/// A stream of chunks as a body. The length is only declared here; `Declared` enforces it.
pub(super) struct StreamBody<S> {
    // Boxed so that the struct is `Unpin` without projecting pins; the one allocation is per body.
    stream: Pin<Box<S>>,
    remaining: Option<u64>,
}

impl<S> StreamBody<S> {
    pub(super) fn new(stream: S, len: Option<u64>) -> Self {
        Self { stream: Box::pin(stream), remaining: len }
    }
}

impl<S, E> HttpBody for StreamBody<S>
where
    S: Stream<Item = Result<Bytes, E>>,
{
    type Data = Bytes;
    type Error = E;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        let item = ready!(self.stream.as_mut().poll_next(cx));
        if let (Some(remaining), Some(Ok(chunk))) = (&mut self.remaining, &item) {
            *remaining = remaining.saturating_sub(chunk.len() as u64);
        }
        Poll::Ready(item.map(|chunk| chunk.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.remaining.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
