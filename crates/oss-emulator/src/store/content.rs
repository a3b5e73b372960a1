//! Contents: what an object or a part consists of, without copying when contents are joined, cut or shared.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

/// One stretch of bytes as it was received, immutable and shared.
#[derive(Debug)]
pub(crate) enum Blob {
    Memory(Vec<Bytes>),
    File(FileBlob),
    /// The sink store: the size is known, the bytes are gone.
    Void,
}

/// A blob in a file that lives as long as something refers to it.
#[derive(Debug)]
pub(crate) struct FileBlob {
    pub(crate) id: String,
    pub(crate) path: PathBuf,
    /// Set when the store closes: from then on files stay, because the log on disk still refers to them.
    pub(crate) closing: Arc<AtomicBool>,
}

impl Drop for FileBlob {
    fn drop(&mut self) {
        if !self.closing.load(Ordering::Acquire) {
            // A file that cannot be removed now is swept when the store is opened again.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A range of a blob.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) blob: Arc<Blob>,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// The bytes of an object or a part: segments in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    segments: Vec<Segment>,
    size: u64,
}

impl Content {
    pub(crate) fn new(blob: Blob, size: u64) -> Self {
        Self::from_segments(vec![Segment { blob: Arc::new(blob), offset: 0, size }])
    }

    pub(crate) fn from_segments(segments: Vec<Segment>) -> Self {
        let segments: Vec<Segment> = segments.into_iter().filter(|segment| segment.size > 0).collect();
        let size = segments.iter().map(|segment| segment.size).sum();
        Self { segments, size }
    }

    /// Joins contents in their order.
    pub(crate) fn join<'a>(contents: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::from_segments(
            contents.into_iter().flat_map(|content| content.segments.iter().cloned()).collect(),
        )
    }

    /// Cuts a range out; what lies behind the end is left out.
    pub(crate) fn slice(&self, range: Range<u64>) -> Self {
        let mut start = 0;
        let mut segments = Vec::new();
        for segment in &self.segments {
            let end = start + segment.size;
            let from = range.start.clamp(start, end);
            let to = range.end.clamp(start, end);
            if from < to {
                segments.push(Segment {
                    blob: Arc::clone(&segment.blob),
                    offset: segment.offset + (from - start),
                    size: to - from,
                });
            }
            start = end;
        }
        Self::from_segments(segments)
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether the bytes can be read back; those of the sink store cannot.
    pub(crate) fn is_readable(&self) -> bool {
        !self.segments.iter().any(|segment| matches!(*segment.blob, Blob::Void))
    }
}

impl Segment {
    /// Reads the segment, blocking; the bytes of the sink store are none.
    pub(crate) fn read(&self) -> io::Result<Bytes> {
        match &*self.blob {
            Blob::Memory(_) => Ok(self.memory_pieces().unwrap_or_default().concat().into()),
            Blob::File(file) => {
                let mut opened = File::open(&file.path)?;
                opened.seek(SeekFrom::Start(self.offset))?;
                let mut bytes = Vec::new();
                opened.take(self.size).read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
            Blob::Void => Ok(Bytes::new()),
        }
    }

    /// The pieces of a segment that lies in memory, without copying; `None` for the other kinds.
    pub(crate) fn memory_pieces(&self) -> Option<Vec<Bytes>> {
        let Blob::Memory(chunks) = &*self.blob else { return None };
        let wanted = self.offset..self.offset + self.size;
        let mut start = 0;
        let mut pieces = Vec::new();
        for chunk in chunks {
            let end = start + chunk.len() as u64;
            let from = wanted.start.clamp(start, end);
            let to = wanted.end.clamp(start, end);
            if from < to {
                // Both lie within this chunk, whose length is a usize.
                let (from, to) = ((from - start) as usize, (to - start) as usize);
                pieces.push(chunk.slice(from..to));
            }
            start = end;
        }
        Some(pieces)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content(pieces: &[Vec<u8>]) -> Content {
        let parts: Vec<Content> = pieces
            .iter()
            .map(|piece| {
                let (a, b) = piece.split_at(piece.len() / 2);
                let chunks = vec![Bytes::copy_from_slice(a), Bytes::copy_from_slice(b)];
                Content::new(Blob::Memory(chunks), piece.len() as u64)
            })
            .collect();
        Content::join(&parts)
    }

    fn bytes(content: &Content) -> Vec<u8> {
        content.segments().iter().flat_map(|segment| segment.memory_pieces().unwrap().concat()).collect()
    }

    proptest! {
        #[test]
        fn joining_and_cutting_keeps_every_byte(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..6),
            a in 0_u64..130,
            b in 0_u64..130,
        ) {
            let whole: Vec<u8> = pieces.concat();
            let content = content(&pieces);
            prop_assert_eq!(content.size(), whole.len() as u64);
            prop_assert_eq!(bytes(&content), whole.clone());
            let (from, to) = (a.min(b), a.max(b));
            let cut = content.slice(from..to);
            let wanted = &whole[whole.len().min(from as usize)..whole.len().min(to as usize)];
            prop_assert_eq!(bytes(&cut), wanted.to_vec());
        }
    }
}
