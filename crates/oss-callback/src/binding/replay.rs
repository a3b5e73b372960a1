use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

/// Remembers which callbacks came already.
///
/// # For implementers
///
/// - `claim` must be atomic: of two calls with the same `id`, at most one is told [`Claim::First`], whichever
///   process they come from.
/// - An id may be forgotten from `until` on, never before. `now` is the caller's clock; use it or a better one.
/// - Answering [`Claim::First`] for an id that came already lets a replay through. Answering [`Claim::Again`]
///   for a new one loses a callback. If neither can be told, return an error; the caller then refuses the
///   callback, OSS tells the uploader, and the object stays.
/// - A dropped future may leave the id claimed or not.
/// - There are five seconds for the whole callback; bound the time yourself.
#[async_trait]
pub trait ReplayGuard: Send + Sync {
    /// Claims `id` until `until`.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] if it cannot be told whether the id came before.
    async fn claim(&self, id: &str, until: SystemTime, now: SystemTime) -> Result<Claim, ReplayError>;
}

/// Whether a callback came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is new.
    First,
    /// It came before.
    Again,
}

/// Why a replay guard cannot tell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The guard holds as many ids as it may, and none has run out.
    #[error("the replay guard is full: give it a larger capacity, or the freshness check a shorter window")]
    Full,
    /// The store behind the guard failed.
    #[error("the replay guard's store failed: {0}")]
    Store(String),
}

/// A [`ReplayGuard`] in this process's memory: for an application of one process.
///
/// Holds at most `capacity` ids, some 150 bytes each whatever their length. When all of them are still valid
/// it refuses new ones rather than forget one. Ask it only after the callback's token was checked
/// ([`TokenKey::check`](crate::TokenKey::check)): a callback that OSS signed for a stranger can hold any id, and enough of
/// them would fill the guard. Ids are lost when the process ends.
#[derive(Debug)]
pub struct MemoryReplayGuard {
    capacity: usize,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    until: HashMap<IdHash, SystemTime>,
    by_time: BTreeSet<(SystemTime, IdHash)>,
}

/// A hash in place of the id keeps the memory of an entry bounded.
type IdHash = [u8; 32];

impl MemoryReplayGuard {
    /// Holds at most `capacity` ids: callbacks per second times the window in seconds, and some to spare.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, seen: Mutex::default() }
    }
}

#[async_trait]
impl ReplayGuard for MemoryReplayGuard {
    async fn claim(&self, id: &str, until: SystemTime, now: SystemTime) -> Result<Claim, ReplayError> {
        let hash: IdHash = Sha256::digest(id).into();
        // A panic while the lock is held leaves at worst an id in one of the two maps, which is then kept longer.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.forget_until(now);
        if seen.until.contains_key(&hash) {
            return Ok(Claim::Again);
        }
        if seen.until.len() >= self.capacity {
            return Err(ReplayError::Full);
        }
        seen.until.insert(hash, until);
        seen.by_time.insert((until, hash));
        Ok(Claim::First)
    }
}

impl Seen {
    fn forget_until(&mut self, now: SystemTime) {
        while let Some((_, hash)) = self.by_time.first().filter(|(until, _)| *until <= now) {
            self.until.remove(hash);
            self.by_time.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::{AdmitError, Freshness};

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// The guards here never wait, so one poll is the whole run.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("the future waits"),
        }
    }

    #[test]
    fn an_id_is_first_once_until_it_runs_out() {
        let guard = MemoryReplayGuard::new(2);
        assert_eq!(now(guard.claim("a", at(10), at(0))), Ok(Claim::First));
        assert_eq!(now(guard.claim("a", at(10), at(9))), Ok(Claim::Again));
        assert_eq!(now(guard.claim("A", at(5), at(0))), Ok(Claim::First));
        assert_eq!(now(guard.claim("a", at(20), at(10))), Ok(Claim::First));
    }

    #[test]
    fn a_full_guard_says_so_and_forgets_only_what_ran_out() {
        let guard = MemoryReplayGuard::new(1);
        assert_eq!(now(guard.claim("a", at(10), at(0))), Ok(Claim::First));
        assert_eq!(now(guard.claim("b", at(10), at(9))), Err(ReplayError::Full));
        assert_eq!(now(guard.claim("a", at(10), at(9))), Ok(Claim::Again));
        assert_eq!(now(guard.claim("b", at(20), at(10))), Ok(Claim::First));
        let seen = guard.seen.lock().unwrap();
        assert_eq!((seen.until.len(), seen.by_time.len()), (1, 1));
    }

    #[test]
    fn a_replay_is_seen_as_long_as_the_window_lets_it_in() {
        let guard = MemoryReplayGuard::new(10);
        let freshness = Freshness::within(Duration::from_secs(100));
        let id = "5CF3E7821AB22D0FDB86704D";
        let sent = 1_559_488_386;
        let admit = |seconds| now(freshness.admit(&guard, id, at(seconds)));
        assert_eq!(admit(sent), Ok(Claim::First));
        assert_eq!(admit(sent + 100), Ok(Claim::Again));
        assert!(matches!(admit(sent + 101), Err(AdmitError::Freshness(_))));
    }

    #[test]
    fn a_window_without_end_forgets_nothing() {
        let guard = MemoryReplayGuard::new(10);
        let freshness = Freshness::within(Duration::MAX);
        let admit = |seconds| now(freshness.admit(&guard, "5CF3E7821AB22D0FDB86704D", at(seconds)));
        assert_eq!(admit(1_559_488_386), Ok(Claim::First));
        assert_eq!(admit(3_559_488_386), Ok(Claim::Again));
    }
}
