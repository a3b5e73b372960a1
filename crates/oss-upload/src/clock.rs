//! The only place of this crate that reads the wall clock, and its correction by the server's.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The time to sign with: the machine's clock plus the offset learnt from the server.
///
/// OSS refuses a request whose date is more than 15 minutes off (`RequestTimeTooSkewed`) and says its own time in the
/// answer. The offset replaces the earlier one, so a second correction is as right as the first.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    offset_ms: AtomicI64,
    /// By what the server last said, however little that was.
    server_offset_ms: AtomicI64,
}

impl Clock {
    pub(crate) fn now(&self) -> SystemTime {
        shift(machine_time(), self.offset_ms.load(Ordering::Relaxed))
    }

    /// The time it was at that moment. Counted back from now, since the clock may have been corrected meanwhile.
    pub(crate) fn at(&self, moment: Moment) -> SystemTime {
        let now = self.now();
        now.checked_sub(moment.elapsed()).unwrap_or(now)
    }

    /// The server's time, for what runs on different machines compare. It may be behind by a second and the time an
    /// answer takes to arrive. Before the first answer it is this machine's.
    pub(crate) fn server_now(&self) -> SystemTime {
        shift(machine_time(), self.server_offset_ms.load(Ordering::Relaxed))
    }

    /// Learns the server's time from an answer that has just arrived, to sign with.
    pub(crate) fn correct(&self, server: SystemTime) {
        self.offset_ms.store(offset_to(server), Ordering::Relaxed);
        self.hear(server);
    }

    /// Learns the server's time from an answer that has just arrived, for [`server_now`](Self::server_now) alone.
    pub(crate) fn hear(&self, server: SystemTime) {
        self.server_offset_ms.store(offset_to(server), Ordering::Relaxed);
    }
}

/// A moment of this run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    instant: Instant,
    machine: SystemTime,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { instant: Instant::now(), machine: machine_time() }
    }

    /// How long ago it was, at most. An [`Instant`] stands still while the machine sleeps, and the wall clock may be set:
    /// the longer of the two counts.
    pub(crate) fn elapsed(self) -> Duration {
        self.instant.elapsed().max(machine_time().duration_since(self.machine).unwrap_or_default())
    }
}

fn shift(time: SystemTime, offset_ms: i64) -> SystemTime {
    let offset = Duration::from_millis(offset_ms.unsigned_abs());
    let shifted = if offset_ms < 0 { time.checked_sub(offset) } else { time.checked_add(offset) };
    shifted.unwrap_or(time)
}

fn offset_to(server: SystemTime) -> i64 {
    match server.duration_since(machine_time()) {
        Ok(ahead) => millis(ahead),
        Err(behind) => -millis(behind.duration()),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[allow(clippy::disallowed_methods, reason = "the one clock of this crate")]
pub(crate) fn machine_time() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_a_machine_slept_has_passed_and_a_clock_set_back_takes_none_away() {
        let hour = Duration::from_secs(3600);
        let slept = Moment { instant: Instant::now(), machine: machine_time() - hour };
        assert!(slept.elapsed() >= hour);
        let set_back = Moment { instant: Instant::now(), machine: machine_time() + hour };
        tokio::time::advance(hour).await;
        assert!(set_back.elapsed() >= hour);
    }

    #[test]
    fn a_second_correction_replaces_the_first() {
        let clock = Clock::default();
        for hours in [20, -3] {
            let server = shift(machine_time(), hours * 3_600_000);
            clock.correct(server);
            let off = clock.now().duration_since(server).unwrap_or_default();
            assert!(off < Duration::from_secs(60), "{hours} h: {off:?}");
        }
    }

    #[test]
    fn what_the_server_says_in_passing_is_not_signed_with() {
        let clock = Clock::default();
        clock.hear(shift(machine_time(), -10 * 60_000));
        let behind = clock.now().duration_since(clock.server_now()).unwrap();
        assert!((590..610).contains(&behind.as_secs()), "{behind:?}");
        assert!(machine_time().duration_since(clock.now()).unwrap_or_default() < Duration::from_secs(60));
    }
}
