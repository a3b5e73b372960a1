use std::sync::{Arc, OnceLock};

use oss_transport::Body;

/// What [`Source::open_summed`](super::Source::open_summed) gives: a body, and the CRC-64 of its bytes if the source
/// computes it.
#[derive(Debug)]
pub struct SummedBody {
    pub(crate) body: Body,
    pub(crate) crc64: Option<Crc64Slot>,
}

impl SummedBody {
    /// A body whose source fills `crc64` before it gives the last of its bytes.
    ///
    /// An empty slot at the end fails the upload with [`SourceError::Failed`](super::SourceError::Failed), and a wrong
    /// number is not what OSS computes, which is [`Error::Corrupted`](crate::Error::Corrupted).
    #[must_use]
    pub fn new(body: Body, crc64: Crc64Slot) -> Self {
        Self { body, crc64: Some(crc64) }
    }
}

impl From<Body> for SummedBody {
    /// A body whose CRC-64 is left to whoever reads it.
    fn from(body: Body) -> Self {
        Self { body, crc64: None }
    }
}

/// Where a body leaves the CRC-64 of its bytes for the one who reads them. Clones are one slot.
#[derive(Clone, Debug, Default)]
pub struct Crc64Slot(Arc<OnceLock<u64>>);

impl Crc64Slot {
    /// Makes an empty slot.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves the CRC-64/XZ of the whole body, as [`Crc64`](crate::Crc64) computes it. Only the first one counts.
    pub fn fill(&self, crc64: u64) {
        self.0.get_or_init(|| crc64);
    }

    pub(crate) fn get(&self) -> Option<u64> {
        self.0.get().copied()
    }
}
