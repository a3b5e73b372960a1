use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::operation::Operation;
use crate::uploaded::Report;

/// What all requests of one upload add up to.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    requests: AtomicU32,
    bytes: AtomicU64,
    /// Requests that carried a part.
    parts: AtomicU32,
    /// CRC-64 of the last request body that was taken whole, also if no answer came.
    last_crc64: AtomicU64,
}

impl Ledger {
    pub(crate) fn report(&self) -> Report {
        Report {
            requests: self.requests.load(Ordering::Acquire),
            bytes_sent: self.bytes.load(Ordering::Acquire),
            ..Report::default()
        }
    }

    pub(super) fn count(&self, operation: Operation) {
        self.requests.fetch_add(1, Ordering::AcqRel);
        if let Operation::UploadPart(_) = operation {
            self.parts.fetch_add(1, Ordering::AcqRel);
        }
    }

    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Acquire)
    }

    /// Requests that carried a part, repeated ones included.
    pub(crate) fn part_requests(&self) -> u32 {
        self.parts.load(Ordering::Acquire)
    }

    /// An attempt has ended that handed so many bytes to the transport; the checksum is there if that was all of them.
    pub(super) fn sent(&self, bytes: u64, whole: Option<u64>) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        if let Some(crc64) = whole {
            self.last_crc64.store(crc64, Ordering::Release);
        }
    }

    pub(crate) fn last_crc64(&self) -> u64 {
        self.last_crc64.load(Ordering::Acquire)
    }
}
