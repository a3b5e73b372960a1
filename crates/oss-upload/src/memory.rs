//! The memory that parts in flight may hold, reserved before they are read.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A budget of bytes for all uploads of one uploader, given out first come, first served.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    units: Arc<Semaphore>,
    limit: u64,
}

impl Memory {
    /// The budget unless the user sets another: four parts of 8 MiB under way and as many again, or 64 files' parts.
    pub(crate) const DEFAULT: u64 = 64 * 1024 * 1024;

    pub(crate) fn new(bytes: u64) -> Self {
        let limit = bytes.clamp(UNIT, MOST);
        Self { units: Arc::new(Semaphore::new((limit / UNIT) as usize)), limit }
    }

    /// The most one reservation can hold.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// Waits until so many bytes are free. More than the limit counts as the limit, so that a part always fits alone.
    pub(crate) async fn reserve(&self, bytes: u64) -> Reservation {
        let units = bytes.min(self.limit).div_ceil(UNIT).min(self.limit / UNIT);
        // Fits since the limit does; nobody closes the semaphore.
        let permit = Arc::clone(&self.units).acquire_many_owned(units as u32).await.ok();
        Reservation { _permit: permit }
    }
}

/// Bytes that are reserved; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Reservation {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Reservations are counted in units, since the semaphore counts in 32 bits.
const UNIT: u64 = 64 * 1024;
/// Far above any machine's memory: 16 TiB.
const MOST: u64 = UNIT * (1 << 28);

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;
    use futures_util::poll;

    #[tokio::test]
    async fn what_does_not_fit_waits_for_what_is_given_back() {
        let memory = Memory::new(10 * UNIT);
        let first = memory.reserve(6 * UNIT).await;
        let mut second = pin!(memory.reserve(5 * UNIT));
        assert!(poll!(second.as_mut()).is_pending());
        drop(first);
        assert!(poll!(second.as_mut()).is_ready());
    }

    #[tokio::test]
    async fn more_than_the_limit_takes_all_of_it() {
        let memory = Memory::new(UNIT + 1);
        let all = memory.reserve(u64::MAX).await;
        let mut next = pin!(memory.reserve(1));
        assert!(poll!(next.as_mut()).is_pending());
        drop(all);
        next.await;
        assert_eq!(Memory::new(0).limit(), UNIT);
        assert_eq!(Memory::new(u64::MAX).limit(), MOST);
    }
}
