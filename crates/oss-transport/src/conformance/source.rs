use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::oneshot;

use crate::Body;

/// A request body's source that does what a case needs: some chunks, and then an end, an error, or nothing more.
pub(super) struct Source {
    chunks: std::vec::IntoIter<Bytes>,
    then: Then,
    // Dropped with the source, which is how a case learns that the transport has let go of it.
    _alive: oneshot::Sender<()>,
}

pub(super) enum Then {
    End,
    Fail,
    Wait,
}

/// The error of a source that fails; a case looks for it in the transport's error.
#[derive(Debug, thiserror::Error)]
#[error("the source failed as the case wants it")]
pub(super) struct SourceFailed;

/// Completes when a source has been dropped.
pub(super) struct Gone(oneshot::Receiver<()>);

impl Gone {
    pub(super) async fn wait(self) {
        // Nothing is ever sent: the channel closes when the source is dropped.
        let _closed = self.0.await;
    }
}

impl Source {
    pub(super) fn new(chunks: impl IntoIterator<Item = Bytes>, then: Then) -> (Self, Gone) {
        let (alive, gone) = oneshot::channel();
        let chunks = chunks.into_iter().collect::<Vec<_>>().into_iter();
        (Self { chunks, then, _alive: alive }, Gone(gone))
    }

    /// Makes a body of this source, with or without a declared length.
    pub(super) fn into_body(self, len: Option<u64>) -> Body {
        Body::from_stream(self, len)
    }
}

impl Stream for Source {
    type Item = Result<Bytes, SourceFailed>;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.chunks.next() {
            Some(chunk) => Poll::Ready(Some(Ok(chunk))),
            None => match self.then {
                Then::End => Poll::Ready(None),
                Then::Fail => Poll::Ready(Some(Err(SourceFailed))),
                Then::Wait => Poll::Pending,
            },
        }
    }
}

/// A source of many bytes that costs no memory and counts what is taken from it.
pub(super) struct Counted {
    remaining: u64,
    piece: Bytes,
    taken: Arc<AtomicU64>,
    _alive: oneshot::Sender<()>,
}

impl Counted {
    pub(super) fn new(bytes: u64) -> (Self, Gone) {
        let (alive, gone) = oneshot::channel();
        let piece = Bytes::from(vec![0x5a; 128 << 10]);
        (Self { remaining: bytes, piece, taken: Arc::default(), _alive: alive }, Gone(gone))
    }

    /// How many bytes have been taken from the source so far.
    pub(super) fn taken(&self) -> Arc<AtomicU64> {
        self.taken.clone()
    }

    /// Makes a body of this source, with its length declared.
    pub(super) fn into_body(self) -> Body {
        let len = self.remaining;
        Body::from_stream(self, Some(len))
    }
}

impl Stream for Counted {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let count = self.remaining.min(self.piece.len() as u64);
        if count == 0 {
            return Poll::Ready(None);
        }
        self.remaining -= count;
        self.taken.fetch_add(count, Ordering::AcqRel);
        let piece = usize::try_from(count).map_or(self.piece.clone(), |count| self.piece.slice(..count));
        Poll::Ready(Some(Ok(piece)))
    }
}

/// Makes bytes in which a lost, doubled or moved piece shows.
pub(super) fn pattern(len: usize) -> Bytes {
    (0..len).map(|at| (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

/// Cuts bytes into chunks.
pub(super) fn cut(bytes: &Bytes, size: usize) -> Vec<Bytes> {
    (0..bytes.len()).step_by(size).map(|at| bytes.slice(at..(at + size).min(bytes.len()))).collect()
}
