use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::future::Future;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
#[cfg(not(unix))]
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use oss_transport::Body;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{CHUNK, Crc64Slot, Source, SourceError, SourceIdentity, SummedBody};
use crate::crc64::Crc64;

/// A regular file, read by position.
///
/// The file is opened once and every attempt and part reads from that handle at its own offset, so a file that is
/// renamed or replaced during the upload is still the one that was opened. Before the last chunk of any range goes out,
/// size and modification time are compared with those at opening; a difference fails the request before the server has
/// all of it, so that a file somebody is writing to never becomes a torn object.
///
/// Reads are positional (no shared cursor, no memory map) and happen on tokio's blocking threads, 256 KiB at a time and
/// one chunk ahead. The CRC-64 is computed there too.
#[derive(Clone, Debug)]
pub struct FileSource(Arc<OpenFile>);

#[derive(Debug)]
struct OpenFile {
    file: File,
    path: PathBuf,
    name: String,
    size: u64,
    version: String,
}

impl FileSource {
    /// Opens the file at `path` for reading.
    ///
    /// # Errors
    ///
    /// [`SourceError::Io`] if it cannot be opened, [`SourceError::NotAFile`] if it is not a regular file.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, SourceError> {
        let path = path.as_ref().to_path_buf();
        spawn_blocking(move || OpenFile::open(path)).await.map_err(lost)?.map(|file| Self(Arc::new(file)))
    }

    /// Opens the bytes of `range`, whose CRC-64 goes into `slot`, if there is one.
    async fn open_with(&self, range: Range<u64>, slot: Option<Crc64Slot>) -> Result<Body, SourceError> {
        if range.end > self.0.size || range.start > range.end {
            return Err(SourceError::Shrank { expected: range.end, actual: self.0.size });
        }
        let sum = slot.map(|slot| Sum { crc64: Crc64::new(), slot });
        if range.is_empty() {
            self.check().await?;
            sum.into_iter().for_each(Sum::done);
            return Ok(Body::empty());
        }
        Ok(Body::wrap(FileBody::new(Arc::clone(&self.0), range, sum)))
    }
}

#[async_trait]
impl Source for FileSource {
    fn length(&self) -> Option<u64> {
        Some(self.0.size)
    }

    async fn open(&self, range: Range<u64>) -> Result<Body, SourceError> {
        self.open_with(range, None).await
    }

    async fn open_summed(&self, range: Range<u64>) -> Result<SummedBody, SourceError> {
        let slot = Crc64Slot::new();
        let body = self.open_with(range, Some(slot.clone())).await?;
        Ok(SummedBody::new(body, slot))
    }

    fn identity(&self) -> Option<SourceIdentity> {
        Some(SourceIdentity::new(&self.0.name, self.0.size, &self.0.version))
    }

    async fn check(&self) -> Result<(), SourceError> {
        let file = Arc::clone(&self.0);
        spawn_blocking(move || file.check()).await.map_err(lost)?
    }
}

impl OpenFile {
    fn open(path: PathBuf) -> Result<Self, SourceError> {
        let fail = |source| SourceError::Io { path: path.clone(), source };
        // A pipe without a writer would block the open for ever, so its kind is asked before.
        if !std::fs::metadata(&path).map_err(fail)?.is_file() {
            return Err(SourceError::NotAFile { path });
        }
        let file = File::open(&path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        // Something else may have taken its place since.
        if !metadata.is_file() {
            return Err(SourceError::NotAFile { path });
        }
        let name = std::path::absolute(&path).map_err(fail)?.display().to_string();
        Ok(Self { file, name, size: metadata.len(), version: version(&metadata), path })
    }

    fn check(&self) -> Result<(), SourceError> {
        let now = self.file.metadata().map_err(|e| self.fail(e))?;
        if now.len() < self.size {
            return Err(SourceError::Shrank { expected: self.size, actual: now.len() });
        }
        if now.len() > self.size {
            return Err(SourceError::Grew { expected: self.size });
        }
        // The files of /proc say that they are empty, and are not.
        if self.size == 0 && read_at(&self.file, &mut [0], 0).map_err(|e| self.fail(e))? > 0 {
            return Err(SourceError::Grew { expected: 0 });
        }
        if version(&now) != self.version {
            return Err(SourceError::Changed { what: "modification time".into() });
        }
        Ok(())
    }

    /// Fills `buffer` from `offset`; `last` says that nothing of the range follows.
    fn read(
        &self,
        mut buffer: BytesMut,
        offset: u64,
        last: bool,
        mut sum: Option<Sum>,
    ) -> Result<Chunk, SourceError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match read_at(&self.file, &mut buffer[filled..], offset + filled as u64) {
                Ok(0) => {
                    return Err(SourceError::Shrank { expected: self.size, actual: offset + filled as u64 });
                }
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.fail(e)),
            }
        }
        if let Some(sum) = &mut sum {
            sum.crc64.update(&buffer);
        }
        if last {
            self.check()?;
            sum.take().into_iter().for_each(Sum::done);
        }
        Ok(Chunk { bytes: buffer.freeze(), sum })
    }

    fn fail(&self, source: io::Error) -> SourceError {
        SourceError::Io { path: self.path.clone(), source }
    }
}

/// The CRC-64 of a range as far as it is read, and where it goes.
struct Sum {
    crc64: Crc64,
    slot: Crc64Slot,
}

impl Sum {
    fn done(self) {
        self.slot.fill(self.crc64.value());
    }
}

/// What one read gives. The sum goes along with the reads, which are one after the other.
struct Chunk {
    bytes: Bytes,
    sum: Option<Sum>,
}

/// A range of the file as a request body.
struct FileBody {
    file: Arc<OpenFile>,
    /// What the body has yet to yield.
    left: Range<u64>,
    /// Where the next read starts.
    next: u64,
    read: Option<JoinHandle<Result<Chunk, SourceError>>>,
    /// Waits for the next read.
    sum: Option<Sum>,
    /// Chunks given away; one that has come back is filled again instead of a new one.
    lent: VecDeque<Bytes>,
}

impl FileBody {
    fn new(file: Arc<OpenFile>, range: Range<u64>, sum: Option<Sum>) -> Self {
        Self { file, next: range.start, left: range, read: None, sum, lent: VecDeque::new() }
    }

    fn start_read(&mut self) {
        let len = (self.left.end - self.next).min(CHUNK as u64);
        if len == 0 {
            return;
        }
        let (file, offset, last) = (Arc::clone(&self.file), self.next, self.next + len == self.left.end);
        let buffer = self.buffer(len as usize);
        self.next += len;
        let sum = self.sum.take();
        self.read = Some(spawn_blocking(move || file.read(buffer, offset, last, sum)));
    }

    fn buffer(&mut self, len: usize) -> BytesMut {
        let returned = self.lent.front().is_some_and(Bytes::is_unique).then(|| self.lent.pop_front());
        match returned.flatten().map(Bytes::try_into_mut) {
            Some(Ok(mut buffer)) if buffer.len() >= len => {
                buffer.truncate(len);
                buffer
            }
            _ => BytesMut::zeroed(len),
        }
    }
}

impl http_body::Body for FileBody {
    type Data = Bytes;
    type Error = SourceError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SourceError>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        if self.read.is_none() {
            self.start_read();
        }
        let Some(read) = self.read.as_mut() else { return Poll::Ready(None) };
        let result = ready!(Pin::new(read).poll(cx)).map_err(lost);
        self.read = None;
        let chunk = match result.and_then(|read| read) {
            Ok(chunk) => {
                self.sum = chunk.sum;
                chunk.bytes
            }
            Err(error) => {
                self.left.start = self.left.end;
                return Poll::Ready(Some(Err(error)));
            }
        };
        self.left.start += chunk.len() as u64;
        if self.lent.len() == LENT {
            self.lent.pop_front();
        }
        self.start_read();
        self.lent.push_back(chunk.clone());
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.end - self.left.start)
    }
}

#[cfg(unix)]
fn version(metadata: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    let (seconds, nanos) = (metadata.mtime(), metadata.mtime_nsec());
    format!("{}:{}:{seconds}.{nanos:09}", metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn version(metadata: &Metadata) -> String {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{:?}", modified.map(|time| time.as_nanos()))
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// A blocking read can only be lost when the runtime shuts down or the read panicked.
fn lost(error: tokio::task::JoinError) -> SourceError {
    SourceError::Failed(Box::new(error))
}

/// Chunks kept for reuse: one at the transport, one in the socket's queue, one being read.
const LENT: usize = 3;
