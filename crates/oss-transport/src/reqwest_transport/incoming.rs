use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::map_error::map_receive_error;
use super::outgoing::Progress;
use crate::{Body, TransportError};

/// Turns a response body of reqwest into one of this crate.
pub(super) fn incoming(body: reqwest::Body, request: Progress) -> Body {
    if body.is_end_stream() {
        request.stop();
        return Body::empty();
    }
    Body::wrap(Incoming { body, request })
}

/// A response body. When it ends or is dropped, the request body has no more purpose and ends too.
struct Incoming {
    body: reqwest::Body,
    request: Progress,
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
