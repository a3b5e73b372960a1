//! A TCP connection that can be cut at a chosen byte.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Means that nothing is to be cut.
const NO_LIMIT: u64 = u64::MAX;

/// Lets the handler of a request cut the connection that the request came on.
#[derive(Debug)]
pub(crate) struct WireControl {
    /// Bytes that may still be written before the connection is reset.
    writable: AtomicU64,
}

impl Default for WireControl {
    fn default() -> Self {
        Self { writable: AtomicU64::new(NO_LIMIT) }
    }
}

impl WireControl {
    /// Resets the connection once that many more bytes are written; zero resets it at once.
    pub(crate) fn reset_after(&self, bytes: u64) {
        self.writable.store(bytes, Ordering::Release);
    }
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    control: Arc<WireControl>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, control: Arc<WireControl>) -> Self {
        Self { stream, control }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.control.writable.load(Ordering::Acquire) != NO_LIMIT {
            // With this, closing sends a reset instead of a regular end.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let writable = self.control.writable.load(Ordering::Acquire);
        if writable == NO_LIMIT {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        if writable == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let now = usize::try_from(writable).unwrap_or(usize::MAX).min(bytes.len());
        let written = Pin::new(&mut self.stream).poll_write(context, &bytes[..now]);
        if let Poll::Ready(Ok(written)) = written {
            self.control.writable.store(writable - written as u64, Ordering::Release);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.control.writable.load(Ordering::Acquire) == NO_LIMIT {
            return Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.poll_write(context, first.map_or(&[][..], |slice| &**slice))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
