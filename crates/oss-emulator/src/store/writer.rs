//! Writes a body that is being received into the store, hashing it on the way.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

use super::checksum::{Checksums, Hasher};
use super::content::{Blob, Content, FileBlob};

/// Bytes gathered before they are kept or written: small enough for thousands of uploads at once.
const PIECE: usize = 1 << 20;

/// One body on its way into the store; dropped unfinished, it leaves nothing behind.
pub(crate) struct Writer {
    hasher: Hasher,
    gathered: BytesMut,
    target: Target,
}

enum Target {
    Memory(Vec<Bytes>),
    File(FileTarget),
    Sink,
}

struct FileTarget {
    /// Removes the file when the writer is dropped before the blob was handed over.
    blob: FileBlob,
    idle: Option<std::fs::File>,
    /// At most one write is under way while the next piece is gathered, so memory stays at two pieces.
    writing: Option<JoinHandle<io::Result<std::fs::File>>>,
}

impl Writer {
    pub(crate) fn memory() -> Self {
        Self::new(Target::Memory(Vec::new()), true)
    }

    /// Keeps nothing but checksums; MD5, at a tenth of the speed of CRC64, only when it is asked for.
    pub(crate) fn sink(with_md5: bool) -> Self {
        Self::new(Target::Sink, with_md5)
    }

    pub(crate) async fn file(id: String, path: PathBuf, closing: Arc<AtomicBool>) -> io::Result<Self> {
        let created = path.clone();
        let file = blocking(move || std::fs::File::create_new(created)).await?;
        let blob = FileBlob { id, path, closing };
        Ok(Self::new(Target::File(FileTarget { blob, idle: Some(file), writing: None }), true))
    }

    fn new(target: Target, with_md5: bool) -> Self {
        Self { hasher: Hasher::new(with_md5), gathered: BytesMut::new(), target }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        if matches!(self.target, Target::Sink) {
            return Ok(());
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = PIECE - self.gathered.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.gathered.extend_from_slice(now);
            rest = later;
            if self.gathered.len() == PIECE {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Ends the body and hands over what was stored.
    pub(crate) async fn finish(mut self) -> io::Result<(Content, Checksums)> {
        self.flush().await?;
        let checksums = self.hasher.finish();
        let blob = match self.target {
            Target::Memory(pieces) => Blob::Memory(pieces),
            Target::File(target) => Blob::File(target.close().await?),
            Target::Sink => Blob::Void,
        };
        Ok((Content::new(blob, checksums.size), checksums))
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        match &mut self.target {
            Target::Memory(pieces) => {
                // A small body must not hold on to the room of a large piece.
                let piece = self.gathered.split();
                pieces.push(if piece.len() < PIECE {
                    Bytes::copy_from_slice(&piece)
                } else {
                    piece.freeze()
                });
            }
            Target::File(target) => target.write(self.gathered.split().freeze()).await?,
            Target::Sink => self.gathered.clear(),
        }
        Ok(())
    }
}

impl FileTarget {
    async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        let mut file = self.settle().await?;
        self.writing = Some(tokio::task::spawn_blocking(move || file.write_all(&piece).map(|()| file)));
        Ok(())
    }

    /// Waits for the write under way and takes the file back.
    async fn settle(&mut self) -> io::Result<std::fs::File> {
        if let Some(writing) = self.writing.take() {
            return writing.await.map_err(io::Error::other)?;
        }
        self.idle.take().ok_or_else(|| io::Error::other("an earlier write to this file failed"))
    }

    async fn close(mut self) -> io::Result<FileBlob> {
        self.settle().await?;
        Ok(self.blob)
    }
}

/// Runs a file operation where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
