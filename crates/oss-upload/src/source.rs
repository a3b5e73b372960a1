//! Where the bytes come from: the [`Source`] seam and the built-in sources.

mod bytes;
mod chunks;
mod content;
mod file;
mod stream;
mod summed;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use async_trait::async_trait;
use oss_transport::{Body, BodyError, TransportError};
use serde::{Deserialize, Serialize};

pub use self::bytes::BytesSource;
pub(crate) use self::chunks::Chunks;
pub use self::content::Content;
pub(crate) use self::content::Opened;
pub use self::file::FileSource;
pub use self::stream::StreamSource;
pub use self::summed::{Crc64Slot, SummedBody};

/// Bytes that can be opened again, whole or in part.
///
/// Retrying an attempt, sending parts and resuming are one idea here: open the range once more. The engine opens
/// ranges concurrently, so an implementation must not share a cursor between the bodies it returns.
///
/// # Contract
///
/// - [`open`](Source::open) yields exactly the bytes of the range or fails; a body that ends early or runs over is
///   reported as [`SourceError::Shrank`] or [`SourceError::Grew`] and nothing is stored.
/// - The bytes must not change while an upload runs. A source that notices a change fails with
///   [`SourceError::changed`], either in the body (best before its last chunk, so that the server never sees the end
///   of the request) or in [`check`](Source::check).
/// - A panic of the body while it is sent is [`SourceError::Failed`] with the panic's words.
/// - Chunks of 256 KiB to 1 MiB are fastest; progress and the idle time limit advance by whole chunks.
/// - Dropping the future or the body abandons the read; it must leave nothing running for long.
#[async_trait]
pub trait Source: fmt::Debug + Send + Sync {
    /// The number of bytes, or `None` if it is not known until the end.
    fn length(&self) -> Option<u64>;

    /// Opens the bytes of `range`, which lies within the length. A source of unknown length is opened with
    /// `0..u64::MAX`, once.
    ///
    /// A source that can be read only once must refuse any range but the whole with [`SourceError::NotReopenable`], and
    /// keep its bytes then: `resumable_upload` asks a source without an identity for `0..0` to learn whether it can cut it.
    ///
    /// # Errors
    ///
    /// [`SourceError::NotReopenable`] as above, or if the bytes were given away already; else why they cannot be read. A failed
    /// open is not retried.
    async fn open(&self, range: Range<u64>) -> Result<Body, SourceError>;

    /// Opens the bytes of `range` as [`open`](Source::open) does; a source that computes their CRC-64 itself gives it too.
    ///
    /// The default gives the body alone, and its CRC-64 is computed on the task that sends it. A source that reads on a
    /// thread of its own, as [`FileSource`] does, computes it there for less, while the bytes are in the processor's cache.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Source::open).
    async fn open_summed(&self, range: Range<u64>) -> Result<SummedBody, SourceError> {
        self.open(range).await.map(SummedBody::from)
    }

    /// Says who the source is, so that a later run may go on with its upload. The default, `None`, means that nobody
    /// can tell, and no checkpoint is kept; nor is one for a source of unknown length, whatever it says here.
    fn identity(&self) -> Option<SourceIdentity> {
        None
    }

    /// Fails if the source is no longer what it was when it was first looked at. Called before an upload is completed.
    ///
    /// # Errors
    ///
    /// [`SourceError::changed`] or why it cannot be told.
    async fn check(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

/// Who a source is: kept in the checkpoint and compared when an upload is resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SourceIdentity {
    /// Where the bytes are, such as an absolute path. Part of the checkpoint's name.
    pub name: String,
    /// The number of bytes.
    pub size: u64,
    /// Anything that changes when the bytes change. For a file: device, inode and modification time in nanoseconds.
    pub version: String,
}

impl SourceIdentity {
    /// Names the source, its size in bytes and its version.
    pub fn new(name: impl Into<String>, size: u64, version: impl Into<String>) -> Self {
        Self { name: name.into(), size, version: version.into() }
    }
}

/// Why the bytes to upload could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The file cannot be opened or read.
    #[error("cannot read {}", path.display())]
    #[non_exhaustive]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The path names something that is not a regular file.
    #[error("{} is not a regular file; a pipe or device is uploaded as a stream", path.display())]
    #[non_exhaustive]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The source ended before the length it had when it was opened.
    #[error(
        "the source shrank while it was read: {expected} bytes expected, {actual} found; nothing was stored"
    )]
    #[non_exhaustive]
    Shrank {
        /// Bytes expected.
        expected: u64,
        /// Bytes there were.
        actual: u64,
    },
    /// The source has more bytes than it had when it was opened.
    #[error("the source grew while it was read: {expected} bytes expected, more found; nothing was stored")]
    #[non_exhaustive]
    Grew {
        /// Bytes expected.
        expected: u64,
    },
    /// The source was written to or replaced during the upload.
    #[error("the source changed while it was read ({what}); upload it again when nobody writes to it")]
    #[non_exhaustive]
    Changed {
        /// What gave the change away.
        what: String,
    },
    /// A one-shot stream would have to be read a second time.
    #[error(
        "the stream was consumed by an earlier attempt and cannot be read again; use bytes or a file to allow retries"
    )]
    NotReopenable,
    /// A source of the user's failed, or panicked while it was sent.
    #[error("the source failed")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

impl SourceError {
    /// The source ended after `actual` bytes of `expected`.
    #[must_use]
    pub fn shrank(expected: u64, actual: u64) -> Self {
        Self::Shrank { expected, actual }
    }

    /// The source has more than `expected` bytes.
    #[must_use]
    pub fn grew(expected: u64) -> Self {
        Self::Grew { expected }
    }

    /// The source changed; `what` gave it away, such as "modification time".
    pub fn changed(what: impl Into<String>) -> Self {
        Self::Changed { what: what.into() }
    }

    /// The source's own error out of a body's.
    pub(crate) fn from_body(error: TransportError) -> Self {
        let error = match error.into_source().downcast::<Self>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        match error.downcast_ref() {
            Some(BodyError::TooShort { declared, actual, .. }) => {
                Self::Shrank { expected: *declared, actual: *actual }
            }
            Some(BodyError::TooLong { declared, .. }) => Self::Grew { expected: *declared },
            _ => Self::Failed(error),
        }
    }
}

/// The size of the pieces in which bytes and files are handed to the transport.
pub(crate) const CHUNK: usize = 256 * 1024;
