//! The emulator's clock: the only place of this crate that reads the time of day.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// The time of day, moved by a settable offset so that skewed clocks can be rehearsed.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    offset_millis: AtomicI64,
}

impl Clock {
    pub(crate) fn new(offset_millis: i64) -> Self {
        Self { offset_millis: AtomicI64::new(offset_millis) }
    }

    pub(crate) fn set_offset(&self, millis: i64) {
        self.offset_millis.store(millis, Ordering::Relaxed);
    }

    #[expect(clippy::disallowed_methods, reason = "this module is where the emulator reads the clock")]
    pub(crate) fn now(&self) -> SystemTime {
        shifted(SystemTime::now(), self.offset_millis.load(Ordering::Relaxed))
    }
}

/// The last second of the year 9999, behind which no date has a form in HTTP.
const LAST_SECOND: u64 = 253_402_300_799;

/// Moves an instant by a signed number of milliseconds, at most to the start of 1970 or the end of 9999.
pub(crate) fn shifted(instant: SystemTime, millis: i64) -> SystemTime {
    from_unix_millis(unix_millis(instant).saturating_add_signed(millis))
}

/// Seconds since 1970, zero for anything earlier.
pub(crate) fn unix_seconds(instant: SystemTime) -> u64 {
    instant.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Milliseconds since 1970, zero for anything earlier.
pub(crate) fn unix_millis(instant: SystemTime) -> u64 {
    instant.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The instant that lies this many milliseconds after the start of 1970, at most the end of 9999.
pub(crate) fn from_unix_millis(millis: u64) -> SystemTime {
    let since = Duration::from_millis(millis).min(Duration::from_secs(LAST_SECOND));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// ISO 8601 as OSS writes times into XML: `2024-12-03T03:23:07.000Z`.
///
/// The milliseconds are always zero; the official Python SDK reads nothing else.
pub(crate) fn iso8601(instant: SystemTime) -> String {
    format(instant, "%Y-%m-%dT%H:%M:%S.000Z")
}

/// ISO 8601 with true milliseconds, for the journal.
pub(crate) fn iso8601_millis(instant: SystemTime) -> String {
    format(instant, "%Y-%m-%dT%H:%M:%S.%3fZ")
}

fn format(instant: SystemTime, pattern: &str) -> String {
    Timestamp::try_from(instant).unwrap_or_default().strftime(pattern).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso8601_of_oss_and_of_the_journal() {
        let instant = from_unix_millis(1_733_196_187_042);
        assert_eq!(iso8601(instant), "2024-12-03T03:23:07.000Z");
        assert_eq!(iso8601_millis(instant), "2024-12-03T03:23:07.042Z");
    }

    #[test]
    fn offset_moves_the_clock_both_ways() {
        let clock = Clock::new(0);
        let before = clock.now();
        clock.set_offset(-3_600_000);
        assert!(clock.now() < before);
        clock.set_offset(3_600_000);
        assert!(clock.now() > before + Duration::from_secs(3599));
    }

    #[test]
    fn every_offset_gives_a_date_that_can_be_written() {
        for millis in [i64::MIN, -1, 0, 1, i64::MAX] {
            for instant in [UNIX_EPOCH, from_unix_millis(u64::MAX)] {
                let moved = shifted(instant, millis);
                assert_eq!(httpdate::fmt_http_date(moved).len(), 29);
                assert!(iso8601(moved).ends_with(".000Z"));
            }
        }
    }
}
