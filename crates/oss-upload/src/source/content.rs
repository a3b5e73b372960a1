use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::{BytesSource, FileSource, Source, SourceError, StreamSource};

/// What to upload: a file, bytes, a stream, or any [`Source`].
///
/// Paths and bytes convert by themselves. A `&str` does not, since it could be either: say
/// [`Path::new`] for a file and [`Content::bytes`] for text.
///
/// ```
/// use std::path::Path;
/// use oss_upload::Content;
///
/// let file: Content = Path::new("hello.txt").into();
/// let text = Content::bytes("hello");
/// ```
#[derive(Clone)]
pub struct Content(Inner);

#[derive(Clone)]
enum Inner {
    File(PathBuf),
    Source(Arc<dyn Source>),
}

impl Content {
    /// The file at `path`. It is opened when the upload starts.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Inner::File(path.into()))
    }

    /// These bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::source(Arc::new(BytesSource::new(bytes)))
    }

    /// A source of one's own, or a [`FileSource`] opened earlier.
    #[must_use]
    pub fn source(source: Arc<dyn Source>) -> Self {
        Self(Inner::Source(source))
    }

    /// The name to guess the content type from, where there is one.
    pub(crate) fn file_name(&self) -> Option<&Path> {
        match &self.0 {
            Inner::File(path) => Some(path),
            Inner::Source(_) => None,
        }
    }

    /// The name a checkpoint of this content has, also when the file is gone.
    pub(crate) fn source_name(&self) -> Option<String> {
        match &self.0 {
            Inner::File(path) => std::path::absolute(path).ok().map(|path| path.display().to_string()),
            Inner::Source(source) => source.identity().map(|identity| identity.name),
        }
    }

    pub(crate) async fn open(&self) -> Result<Opened, SourceError> {
        match &self.0 {
            Inner::File(path) => Ok(Arc::new(FileSource::open(path).await?)),
            Inner::Source(source) => Ok(Arc::clone(source)),
        }
    }
}

/// A content whose source is at hand.
pub(crate) type Opened = Arc<dyn Source>;

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::File(path) => f.debug_tuple("Content::file").field(path).finish(),
            Inner::Source(source) => source.fmt(f),
        }
    }
}

impl From<&Path> for Content {
    fn from(path: &Path) -> Self {
        Self::file(path)
    }
}

impl From<PathBuf> for Content {
    fn from(path: PathBuf) -> Self {
        Self::file(path)
    }
}

impl From<&PathBuf> for Content {
    fn from(path: &PathBuf) -> Self {
        Self::file(path)
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self::bytes(bytes)
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::bytes(bytes)
    }
}

impl From<&'static [u8]> for Content {
    fn from(bytes: &'static [u8]) -> Self {
        Self::bytes(bytes)
    }
}

impl From<StreamSource> for Content {
    fn from(stream: StreamSource) -> Self {
        Self::source(Arc::new(stream))
    }
}
