use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A stream of chunks as a body. The length is only declared here; `Declared` enforces it.
    pub(super) struct StreamBody<S> {
        #[pin]
        stream: S,
        remaining: Option<u64>,
    }
}

impl<S> StreamBody<S> {
    pub(super) fn new(stream: S, len: Option<u64>) -> Self {
        Self { stream, remaining: len }
    }
}

impl<S, E> HttpBody for StreamBody<S>
where
    S: Stream<Item = Result<Bytes, E>>,
{
    type Data = Bytes;
    type Error = E;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        let this = self.project();
        let item = ready!(this.stream.poll_next(cx));
        if let (Some(remaining), Some(Ok(chunk))) = (this.remaining, &item) {
            *remaining = remaining.saturating_sub(chunk.len() as u64);
        }
        Poll::Ready(item.map(|chunk| chunk.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.remaining.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
