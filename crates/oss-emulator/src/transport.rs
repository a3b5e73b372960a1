use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use oss_transport::{Body, Request, Response, Transport, TransportError, TransportErrorKind};

use crate::body::{Hangup, RequestBody};
use crate::core::Core;
use crate::server::{Arrival, handle};

/// Reaches an [`Emulator`](crate::Emulator) without a socket; made by
/// [`Emulator::transport`](crate::Emulator::transport).
///
/// The emulator sees what it would see on the wire, and faults act alike: what resets a connection there is a
/// [`TransportError`] here. It works for as long as the emulator or a clone of this lives.
#[derive(Clone)]
pub struct InProcess {
    core: Arc<Core>,
}

impl InProcess {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("InProcess").field("endpoint", &self.core.config.endpoint).finish()
    }
}

#[async_trait::async_trait]
impl Transport for InProcess {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let (mut parts, body) = request.into_parts();
        frame(&mut parts.headers, &body);
        let watch = Arc::new(Mutex::new(Progress::Sending));
        let body = RequestBody::new(Watched { body, progress: Arc::clone(&watch) });
        let arrival = Arrival { parts, body, client_ip: None, peer: None };
        match handle(&self.core, arrival).await {
            Ok(response) => Ok(response.map(|body| {
                Body::wrap(
                    body.map_err(|error| TransportError::new(TransportErrorKind::ReceiveInterrupted, error)),
                )
            })),
            Err(hangup) => Err(interrupted(&watch, hangup)),
        }
    }
}

/// Says how the body is framed, as an HTTP client would.
fn frame(headers: &mut http::HeaderMap, body: &Body) {
    if headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING) {
        return;
    }
    match body.exact_len() {
        Some(length) => headers.insert(CONTENT_LENGTH, HeaderValue::from(length)),
        None => headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked")),
    };
}

fn interrupted(progress: &Mutex<Progress>, hangup: Hangup) -> TransportError {
    let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
    let cause = format!("the emulator ended the connection: {hangup:?}");
    match std::mem::replace(&mut *progress, Progress::Sent) {
        Progress::Failed(error) => error,
        Progress::Sending => TransportError::new(TransportErrorKind::SendInterrupted, cause),
        Progress::Sent => TransportError::new(TransportErrorKind::ReceiveInterrupted, cause),
    }
}

/// How far a request's body has come.
enum Progress {
    Sending,
    Sent,
    Failed(TransportError),
}

/// A body that notes how far it was read.
struct Watched {
    body: Body,
    progress: Arc<Mutex<Progress>>,
}

impl Watched {
    fn note(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(match frame {
            None => {
                self.note(Progress::Sent);
                None
            }
            Some(Ok(frame)) => {
                if self.body.is_end_stream() {
                    self.note(Progress::Sent);
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                self.note(Progress::Failed(error));
                Some(Err(std::io::Error::other("the source of the body failed")))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
