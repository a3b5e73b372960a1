use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_LENGTH;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::{Body, Request, TransportError, TransportErrorKind};

/// Bytes in memory up to this size go to the connection in one piece; larger ones in pieces of this size, so that
/// it is known how far the sending came.
const PIECE: usize = 256 * 1024;

/// Whether the body says that it has no bytes and could still turn out to have some. A connection never asks an empty
/// body for its bytes, so its source must confirm its end before.
pub(super) fn is_empty_by_its_word(request: &Request) -> bool {
    let body = request.body();
    let says_empty = || request.headers().get(CONTENT_LENGTH).is_some_and(|length| length == "0");
    !body.is_in_memory() && body.exact_len().map_or_else(says_empty, |len| len == 0)
}

/// Has the source of such a body confirm its end.
pub(super) async fn confirmed_empty(request: Request) -> Result<Request, TransportError> {
    let (parts, body) = request.into_parts();
    let nothing = body.with_declared_len(0).read_to_end(0).await?;
    Ok(Request::from_parts(parts, nothing.into()))
}

/// Makes the body and the `Content-Length` header say the same, before anything is sent.
pub(super) fn agree_on_length(body: Body, header: Option<&HeaderValue>) -> Result<Body, TransportError> {
    let declared = header.map(parse_length).transpose()?;
    match (body.exact_len(), declared) {
        (Some(actual), Some(declared)) if actual != declared => Err(TransportError::new(
            TransportErrorKind::InvalidRequest,
            format!("the header Content-Length says {declared}, but the body has {actual} bytes"),
        )),
        (None, Some(declared)) => Ok(body.with_declared_len(declared)),
        _ => Ok(body),
    }
}

fn parse_length(header: &HeaderValue) -> Result<u64, TransportError> {
    header.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
        TransportError::new(
            TransportErrorKind::InvalidRequest,
            format!("the header Content-Length is not a number: {header:?}"),
        )
    })
}

/// Turns a body into reqwest's, and gives the view of how far it got.
pub(super) fn outgoing(body: Body) -> (reqwest::Body, Progress) {
    match body.into_bytes() {
        Ok(bytes) if bytes.len() <= PIECE => (reqwest::Body::from(bytes), Progress::finished()),
        Ok(bytes) => observed(Pieces::Memory(bytes)),
        Err(body) => observed(Pieces::Body(body)),
    }
}

fn observed(pieces: Pieces) -> (reqwest::Body, Progress) {
    let shared = Arc::new(Shared::default());
    let progress = Progress { shared: Some(shared.clone()) };
    (reqwest::Body::wrap(Outgoing { pieces, shared }), progress)
}

/// How far a request body got, and the way to stop it.
#[derive(Debug)]
pub(super) struct Progress {
    /// Nothing to observe: the whole body was handed over at once.
    shared: Option<Arc<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    finished: AtomicBool,
    stopped: AtomicBool,
    waker: Mutex<Option<Waker>>,
    failure: Mutex<Option<TransportError>>,
}

impl Progress {
    /// The progress of a body that is no longer in the transport's hands.
    pub(super) fn finished() -> Self {
        Self { shared: None }
    }

    /// Says whether the connection has taken the whole body.
    pub(super) fn is_finished(&self) -> bool {
        self.shared.as_ref().is_none_or(|shared| shared.finished.load(Ordering::Acquire))
    }

    /// Gives the error with which the body ended, if that is how it ended.
    pub(super) fn take_failure(&self) -> Option<TransportError> {
        let shared = self.shared.as_ref()?;
        shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends a body that nobody waits for any longer, which closes its connection.
    ///
    /// A server may answer before it has read the body. Without this, the connection would go on asking the source
    /// for bytes after the answer was read or thrown away.
    pub(super) fn stop(&self) {
        let Some(shared) = &self.shared else { return };
        if shared.finished.load(Ordering::Acquire) {
            return;
        }
        shared.stopped.store(true, Ordering::Release);
        let waker = shared.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

enum Pieces {
    Memory(Bytes),
    Body(Body),
}

/// A request body that tells [`Progress`] how it fares.
struct Outgoing {
    pieces: Pieces,
    shared: Arc<Shared>,
}

/// What reqwest is told when the body ends early; the reason is in [`Shared`].
#[derive(Debug, thiserror::Error)]
#[error("the request body ended early")]
struct EndedEarly;

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = EndedEarly;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, EndedEarly>>> {
        if self.shared.stopped.load(Ordering::Acquire) {
            return Poll::Ready(Some(Err(EndedEarly)));
        }
        let frame = match &mut self.pieces {
            Pieces::Memory(bytes) => Poll::Ready(next_piece(bytes).map(|piece| Ok(Frame::data(piece)))),
            Pieces::Body(body) => Pin::new(body).poll_frame(cx),
        };
        match frame {
            Poll::Pending => self.shared.wait(cx),
            Poll::Ready(Some(Err(error))) => {
                *self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Poll::Ready(Some(Err(EndedEarly)))
            }
            Poll::Ready(frame) => {
                if frame.is_none() || self.is_end_stream() {
                    self.shared.finished.store(true, Ordering::Release);
                }
                Poll::Ready(frame.and_then(Result::ok).map(Ok))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.pieces {
            Pieces::Memory(bytes) => bytes.is_empty(),
            Pieces::Body(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.pieces {
            Pieces::Memory(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Pieces::Body(body) => body.size_hint(),
        }
    }
}

impl Shared {
    /// Waits for the source, and for [`Progress::stop`].
    fn wait<T>(&self, cx: &Context<'_>) -> Poll<Option<Result<T, EndedEarly>>> {
        {
            let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
            if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
        }
        // The stop may have come between the first look and the waker's arrival.
        if self.stopped.load(Ordering::Acquire) {
            return Poll::Ready(Some(Err(EndedEarly)));
        }
        Poll::Pending
    }
}

fn next_piece(bytes: &mut Bytes) -> Option<Bytes> {
    if bytes.is_empty() { None } else { Some(bytes.split_to(bytes.len().min(PIECE))) }
}
