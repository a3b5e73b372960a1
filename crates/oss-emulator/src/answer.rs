//! What the emulator answers: a status, headers, and a body that may be streamed from the store.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::mpsc;

use crate::error::OssError;
use crate::server::Peer;
use crate::store::{Blob, Content, Segment};

/// An answer before the headers that every answer has are added.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: AnswerBody,
}

impl Answer {
    pub(crate) fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: AnswerBody::default() }
    }

    pub(crate) fn ok() -> Self {
        Self::new(StatusCode::OK)
    }

    pub(crate) fn xml(document: String) -> Self {
        Self::ok().with_body("application/xml", document)
    }

    #[must_use]
    pub(crate) fn with_body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = AnswerBody::full(body);
        self
    }

    /// Adds a header; a value that no header can carry is left out.
    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: impl AsRef<[u8]>) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn set(&mut self, name: HeaderName, value: impl AsRef<[u8]>) {
        if let Ok(value) = HeaderValue::from_bytes(value.as_ref()) {
            self.headers.insert(name, value);
        }
    }
}

/// The body of an answer; its length is always known.
#[derive(Debug, Default)]
pub(crate) struct AnswerBody {
    /// Bytes that are left.
    remaining: u64,
    /// Bytes until a fault strikes, and what it does.
    fault: Option<(u64, AnswerFault)>,
    /// Bytes taken from the source but not given out yet, because a fault cut a piece in two.
    kept: Option<Bytes>,
    source: BodySource,
}

/// What a fault does in the middle of a body.
pub(crate) enum AnswerFault {
    /// Ends with an error, where there is no connection to cut.
    Break,
    /// Resets the connection once everything before is sent.
    Reset(Peer),
    /// Waits.
    Stall(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl std::fmt::Debug for AnswerFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Break => "Break",
            Self::Reset(_) => "Reset",
            Self::Stall(_) => "Stall",
        })
    }
}

#[derive(Debug)]
enum BodySource {
    Pieces(VecDeque<Bytes>),
    Reader(mpsc::Receiver<io::Result<Bytes>>),
}

impl Default for BodySource {
    fn default() -> Self {
        Self::Pieces(VecDeque::new())
    }
}

/// Read from disk at once and in advance: two of these are in memory per download.
const READ_PIECE: u64 = 256 * 1024;

impl AnswerBody {
    pub(crate) fn full(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self {
            remaining: body.len() as u64,
            source: BodySource::Pieces(VecDeque::from([body])),
            ..Self::default()
        }
    }

    /// Lets a fault strike after that many bytes.
    pub(crate) fn strike_after(&mut self, bytes: u64, fault: AnswerFault) {
        self.fault = Some((bytes, fault));
    }

    /// Whether the fault lets the body go on; asked when it has come to the fault's place.
    fn poll_fault(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((0, fault)) = &mut self.fault else { return Poll::Ready(Ok(())) };
        match fault {
            AnswerFault::Break => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            AnswerFault::Reset(peer) => {
                peer.reset_when_flushed();
                Poll::Pending
            }
            AnswerFault::Stall(until) => {
                std::task::ready!(until.as_mut().poll(context));
                self.fault = None;
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Bytes that are still to come.
    pub(crate) fn len(&self) -> u64 {
        self.remaining
    }

    /// Streams stored bytes: from memory without copying, from disk by a reading task.
    pub(crate) fn content(content: &Content) -> Result<Self, OssError> {
        if !content.is_readable() {
            return Err(OssError::from(crate::error::NOT_IMPLEMENTED).saying(
                "The sink store keeps checksums only; start the emulator with another store to read.",
            ));
        }
        let mut pieces = VecDeque::new();
        let mut on_disk = false;
        for segment in content.segments() {
            match segment.memory_pieces() {
                Some(memory) => pieces.extend(memory),
                None => on_disk = true,
            }
        }
        let source = if on_disk {
            let (sender, receiver) = mpsc::channel(1);
            tokio::spawn(read_segments(content.segments().to_vec(), sender));
            BodySource::Reader(receiver)
        } else {
            BodySource::Pieces(pieces)
        };
        Ok(Self { remaining: content.size(), source, ..Self::default() })
    }
}

async fn read_segments(segments: Vec<Segment>, sender: mpsc::Sender<io::Result<Bytes>>) {
    for segment in segments {
        if let Err(error) = read_segment(&segment, &sender).await {
            // Nobody is left to hear it when the client has gone.
            let _ = sender.send(Err(error)).await;
            return;
        }
    }
}

async fn read_segment(segment: &Segment, sender: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let blob = Arc::clone(&segment.blob);
    let Blob::File(file) = &*blob else { return Ok(()) };
    let mut file = tokio::fs::File::open(&file.path).await?;
    file.seek(io::SeekFrom::Start(segment.offset)).await?;
    let mut left = segment.size;
    while left > 0 {
        let mut piece = bytes::BytesMut::zeroed(usize::try_from(left.min(READ_PIECE)).unwrap_or(0));
        file.read_exact(&mut piece).await?;
        left -= piece.len() as u64;
        if sender.send(Ok(piece.freeze())).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.remaining > 0
            && let Err(error) = std::task::ready!(self.poll_fault(context))
        {
            return Poll::Ready(Some(Err(error)));
        }
        let kept = self.kept.take();
        let next = match &mut self.source {
            _ if kept.is_some() => Ok(kept),
            BodySource::Pieces(pieces) => Ok(pieces.pop_front()),
            BodySource::Reader(receiver) => match receiver.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(piece) => piece.transpose(),
            },
        };
        match next {
            Ok(Some(mut piece)) => {
                let mut rest = None;
                if let Some((left, _)) = &mut self.fault {
                    let now = usize::try_from(*left).unwrap_or(usize::MAX).min(piece.len());
                    rest = Some(piece.split_off(now)).filter(|rest| !rest.is_empty());
                    *left -= now as u64;
                }
                self.kept = rest;
                self.remaining = self.remaining.saturating_sub(piece.len() as u64);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Ok(None) if self.remaining > 0 => {
                Poll::Ready(Some(Err(io::Error::other("the stored content is shorter than recorded"))))
            }
            Ok(None) => Poll::Ready(None),
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
