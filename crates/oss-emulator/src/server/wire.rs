//! A TCP connection that can be cut at a chosen byte, and that is looked at while nothing reads it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::body::Hangup;

/// Means that nothing is to be cut.
const NO_LIMIT: u64 = u64::MAX;

/// The other end of a connection, for the handlers of the requests that come on it.
#[derive(Clone, Debug)]
pub(crate) struct Peer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Never held across an await, so it is free whenever it is asked for.
    stream: Mutex<TcpStream>,
    /// Bytes that may still be written before the connection is reset.
    writable: AtomicU64,
    /// The connection is reset once everything is written.
    ends_when_flushed: AtomicBool,
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        Self(Arc::new(Shared {
            stream: Mutex::new(stream),
            writable: AtomicU64::new(NO_LIMIT),
            ends_when_flushed: AtomicBool::new(false),
        }))
    }

    /// Resets the connection once that many more bytes are written; zero resets it at once.
    pub(crate) fn reset_after(&self, bytes: u64) {
        self.0.writable.store(bytes, Ordering::Release);
    }

    /// Forgets a cut that an earlier answer on the connection was too short for.
    pub(crate) fn spare(&self) {
        self.0.writable.store(NO_LIMIT, Ordering::Release);
    }

    /// Resets the connection once what was handed over so far is written.
    pub(crate) fn reset_when_flushed(&self) {
        self.0.ends_when_flushed.store(true, Ordering::Release);
    }

    /// Resolves when the client has closed its end, or reset the connection.
    ///
    /// Nothing is read for that. What the client closed behind bytes that no buffer of either side has room for cannot
    /// be seen.
    async fn gone(&self) {
        let Some(watch) = self.watch() else { return std::future::pending().await };
        loop {
            match watch.ready(Interest::READABLE).await {
                Ok(ready) if ready.is_read_closed() => return,
                // What has arrived waits for its reader; the next event may be the end.
                Ok(_) => {
                    let _ = watch.try_io(Interest::READABLE, || {
                        Err::<(), io::Error>(io::ErrorKind::WouldBlock.into())
                    });
                }
                Err(_) => return,
            }
        }
    }

    /// A second handle of the connection, so that waiting on it takes no event away from the reader.
    fn watch(&self) -> Option<TcpStream> {
        let copy = socket2::SockRef::from(&*self.stream()).try_clone().ok()?;
        TcpStream::from_std(copy.into()).ok()
    }

    fn is_to_be_reset(&self) -> bool {
        self.0.writable.load(Ordering::Acquire) != NO_LIMIT
            || self.0.ends_when_flushed.load(Ordering::Acquire)
    }

    fn stream(&self) -> MutexGuard<'_, TcpStream> {
        self.0.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits, unless the client goes first; without a connection its future is dropped instead.
pub(crate) async fn unless_gone<T>(
    peer: Option<&Peer>,
    waiting: impl Future<Output = T>,
) -> Result<T, Hangup> {
    let Some(peer) = peer else { return Ok(waiting.await) };
    tokio::select! {
        biased;
        done = waiting => Ok(done),
        () = peer.gone() => Err(Hangup::ClientGone),
    }
}

/// The connection, as it is read and written.
#[derive(Debug)]
pub(crate) struct Wire {
    peer: Peer,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> (Self, Peer) {
        let peer = Peer::new(stream);
        (Self { peer: peer.clone() }, peer)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.peer.is_to_be_reset() {
            // With this, closing sends a reset instead of a regular end.
            let _ = self.peer.stream().set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.peer.stream()).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let writable = self.peer.0.writable.load(Ordering::Acquire);
        if writable == NO_LIMIT {
            return Pin::new(&mut *self.peer.stream()).poll_write(context, bytes);
        }
        if writable == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let now = usize::try_from(writable).unwrap_or(usize::MAX).min(bytes.len());
        let written = Pin::new(&mut *self.peer.stream()).poll_write(context, &bytes[..now]);
        if let Poll::Ready(Ok(written)) = written {
            self.peer.0.writable.store(writable - written as u64, Ordering::Release);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut *self.peer.stream()).poll_flush(context);
        if flushed.is_ready() && self.peer.0.ends_when_flushed.load(Ordering::Acquire) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A regular end: the last answer was shorter than its cut, and a reset would lose what is still on its way.
        if self.peer.0.writable.load(Ordering::Acquire) > 0 {
            self.peer.spare();
        }
        Pin::new(&mut *self.peer.stream()).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.peer.0.writable.load(Ordering::Acquire) == NO_LIMIT {
            return Pin::new(&mut *self.peer.stream()).poll_write_vectored(context, slices);
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.poll_write(context, first.map_or(&[][..], |slice| &**slice))
    }

    fn is_write_vectored(&self) -> bool {
        self.peer.stream().is_write_vectored()
    }
}
