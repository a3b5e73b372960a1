//! How far an upload is.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How far an upload is. Values of one upload never go back, also when an attempt is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes the transport has taken, plus [`resumed`](Progress::resumed). If the upload has to start anew, this stands
    /// still until the new one has come as far; it never exceeds `total`.
    pub transferred: u64,
    /// Bytes there are in all, if that is known.
    pub total: Option<u64>,
    /// Bytes of `transferred` that an earlier run had sent.
    pub resumed: u64,
    /// What is being done.
    pub stage: Stage,
}

/// What an upload is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Bytes are on their way.
    Sending,
    /// All bytes are there; OSS puts the parts together and calls back.
    Completing,
    /// The object is stored.
    Stored,
}

/// Where the progress of one upload is told.
#[derive(Clone)]
pub(crate) struct Reporter(Arc<dyn Fn(Progress) + Send + Sync>);

impl Reporter {
    pub(crate) fn new(tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Starts an upload of `total` bytes.
    pub(crate) fn start(&self, total: Option<u64>) -> Tally {
        let progress = Progress { transferred: 0, total, resumed: 0, stage: Stage::Sending };
        Tally(Arc::new(State {
            reporter: self.clone(),
            counted: Mutex::new(Counted { progress, bytes: 0, round: 0 }),
        }))
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}

/// The progress of one upload as it grows.
#[derive(Clone, Debug)]
pub(crate) struct Tally(Arc<State>);

#[derive(Debug)]
struct State {
    reporter: Reporter,
    /// Held while the news is told, so that two parts cannot tell theirs in the wrong order.
    counted: Mutex<Counted>,
}

#[derive(Debug)]
struct Counted {
    progress: Progress,
    /// Bytes of the upload as it is now; less than was told if it had to start anew.
    bytes: u64,
    /// Counts the beginnings.
    round: u32,
}

impl Tally {
    /// Counts one body: a whole object or one part, over all its attempts.
    pub(crate) fn meter(&self) -> Meter {
        Meter { tally: self.clone(), round: self.counted().round, best: Arc::new(AtomicU64::new(0)) }
    }

    pub(crate) fn resumed(&self, bytes: u64) {
        self.tell(|counted| {
            counted.progress.resumed += bytes;
            counted.bytes += bytes;
        });
    }

    /// The upload starts anew. What was told stays told, and nothing more is until the new one has come as far.
    pub(crate) fn restarted(&self) {
        let mut counted = self.counted();
        counted.bytes = 0;
        counted.progress.resumed = 0;
        counted.round += 1;
    }

    pub(crate) fn stage(&self, stage: Stage) {
        self.tell(|counted| counted.progress.stage = stage);
    }

    fn tell(&self, change: impl FnOnce(&mut Counted)) {
        let mut counted = self.counted();
        change(&mut counted);
        // A part that is repaired is sent a second time; there are no more bytes than there are.
        let bytes = counted.bytes.min(counted.progress.total.unwrap_or(u64::MAX));
        counted.progress.transferred = counted.progress.transferred.max(bytes);
        (self.0.reporter.0)(counted.progress);
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the bytes of one body; a repeated attempt counts only from where the best one before it ended.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    tally: Tally,
    round: u32,
    best: Arc<AtomicU64>,
}

impl Meter {
    /// The current attempt has handed `sent` bytes to the transport.
    pub(crate) fn reached(&self, sent: u64) {
        let best = self.best.fetch_max(sent, Ordering::AcqRel);
        if sent > best {
            let round = self.round;
            self.tally.tell(|counted| {
                // A part of an upload that was given up may still be moving.
                if counted.round == round {
                    counted.bytes += sent - best;
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_attempt_never_goes_back() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&told);
        let tally = Reporter::new(move |p| sink.lock().unwrap().push(p.transferred)).start(Some(100));
        let (a, b) = (tally.meter(), tally.meter());
        for sent in [10, 30, 5, 30, 50] {
            a.reached(sent);
        }
        b.reached(50);
        tally.stage(Stage::Stored);
        assert_eq!(*told.lock().unwrap(), [10, 30, 50, 100, 100]);
    }

    #[test]
    fn an_upload_that_starts_anew_is_told_only_beyond_what_was_told() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&told);
        let tally =
            Reporter::new(move |p| sink.lock().unwrap().push((p.transferred, p.resumed))).start(Some(100));
        tally.resumed(40);
        let old = tally.meter();
        old.reached(20);
        tally.restarted();
        old.reached(30);
        let new = tally.meter();
        for sent in [30, 70, 100] {
            new.reached(sent);
        }
        assert_eq!(*told.lock().unwrap(), [(40, 40), (60, 40), (60, 0), (60, 0), (70, 0), (100, 0)]);
    }
}
