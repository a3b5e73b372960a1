use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::map_error::map_receive_error;
use super::outgoing::Progress;
use crate::TransportError;

/// A response body. When it ends or is dropped, the request body has no more purpose and ends too.
pub(super) struct Incoming {
    body: reqwest::Body,
    request: Progress,
}

impl Incoming {
    pub(super) fn new(body: reqwest::Body, request: Progress) -> Self {
        if body.is_end_stream() {
            request.stop();
        }
        Self { body, request }
    }
}

impl HttpBody for Incoming {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) || self.body.is_end_stream() {
            self.request.stop();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(map_receive_error)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.request.stop();
    }
}
