//! Sending the slowest parts a second time.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::{Instant, sleep};

use crate::gate::Gate;

/// Decides when a part is so late that it is sent a second time: after three times the median of the parts before it,
/// when enough of them are known, a request could pass at once, and the budget lasts.
#[derive(Debug)]
pub(crate) struct Hedges {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    left: u32,
    /// Seconds a MiB took, of the parts that came first time.
    paces: Vec<f64>,
}

impl Hedges {
    /// Sends at most so many parts a second time.
    pub(crate) fn new(most: u32) -> Self {
        Self { state: Mutex::new(State { left: most, paces: Vec::new() }) }
    }

    /// A part of so many bytes took so long.
    pub(crate) fn learn(&self, bytes: u64, took: Duration) {
        self.state().paces.push(took.as_secs_f64() / mebibytes(bytes));
    }

    /// Waits until a part of so many bytes that began at `since` should be sent a second time, and pays for it.
    pub(crate) async fn due(&self, bytes: u64, since: Instant, gate: &Gate) {
        loop {
            let now = Instant::now();
            {
                let mut state = self.state();
                let late = state.patience(bytes).is_some_and(|patience| now >= since + patience);
                if late && state.left > 0 && gate.has_room() {
                    state.left -= 1;
                    return;
                }
            }
            sleep(LOOK).await;
        }
    }

    /// Runs `first` and, if it is late, what `second` makes beside it; the first that succeeds is the result, and the
    /// other is dropped. If one fails, the other decides.
    pub(crate) async fn race<T, E, S>(
        &self,
        bytes: u64,
        gate: &Gate,
        first: impl Future<Output = Result<T, E>>,
        second: impl FnOnce() -> S,
    ) -> Result<T, E>
    where
        S: Future<Output = Result<T, E>>,
    {
        let since = Instant::now();
        let mut first = pin!(first);
        if let Either::Left((result, _)) = select(first.as_mut(), pin!(self.due(bytes, since, gate))).await {
            if result.is_ok() {
                self.learn(bytes, since.elapsed());
            }
            return result;
        }
        tracing::debug!(bytes, "a part is late and is sent a second time");
        match select(first, pin!(second())).await {
            Either::Left((Ok(part), _)) | Either::Right((Ok(part), _)) => Ok(part),
            Either::Left((Err(_), second)) => second.await,
            Either::Right((Err(_), first)) => first.await,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How long a part of so many bytes may take.
    fn patience(&mut self, bytes: u64) -> Option<Duration> {
        if self.paces.len() < SAMPLES {
            return None;
        }
        let middle = self.paces.len() / 2;
        let (_, median, _) = self.paces.select_nth_unstable_by(middle, f64::total_cmp);
        let seconds = 3.0 * *median * mebibytes(bytes);
        Some(Duration::from_secs_f64(seconds.min(3600.0)).max(LEAST))
    }
}

fn mebibytes(bytes: u64) -> f64 {
    (bytes as f64 / (1024.0 * 1024.0)).max(0.1)
}

/// Parts that must be known before one can be called late.
const SAMPLES: usize = 8;
/// No part is late before that.
const LEAST: Duration = Duration::from_secs(1);
/// How often a part under way is looked at.
const LOOK: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn learnt(most: u32, samples: usize) -> Hedges {
        let hedges = Hedges::new(most);
        (0..samples).for_each(|_| hedges.learn(8 * MIB, Duration::from_secs(1)));
        hedges
    }

    async fn is_due(hedges: &Hedges, gate: &Gate) -> Option<Duration> {
        let since = Instant::now();
        let due = hedges.due(8 * MIB, since, gate);
        tokio::time::timeout(Duration::from_secs(60), due).await.ok().map(|()| since.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_is_late_after_three_medians() {
        let gate = Gate::new(2);
        let took = is_due(&learnt(1, SAMPLES), &gate).await.unwrap();
        assert_eq!(took.as_secs(), 3);
        assert_eq!(is_due(&learnt(1, SAMPLES - 1), &gate).await, None, "too few samples");
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_and_the_gate_bound_it() {
        let gate = Gate::new(1);
        let hedges = learnt(1, SAMPLES);
        let place = gate.enter().await;
        assert_eq!(is_due(&hedges, &gate).await, None, "no room");
        drop(place);
        assert!(is_due(&hedges, &gate).await.is_some());
        assert_eq!(is_due(&hedges, &gate).await, None, "the budget is spent");
    }

    #[tokio::test(start_paused = true)]
    async fn the_second_attempt_wins_over_one_that_hangs_and_not_over_one_that_is_quick() {
        let (gate, hedges) = (Gate::new(2), learnt(5, SAMPLES));
        let hangs = std::future::pending::<Result<u8, ()>>();
        assert_eq!(hedges.race(8 * MIB, &gate, hangs, || async { Ok(2) }).await, Ok(2));
        let quick = async { Ok::<u8, ()>(1) };
        assert_eq!(hedges.race(8 * MIB, &gate, quick, || async { Ok(2) }).await, Ok(1));
        let slow = async {
            sleep(Duration::from_secs(10)).await; // Paused time.
            Ok::<u8, ()>(1)
        };
        assert_eq!(
            hedges.race(8 * MIB, &gate, slow, || async { Err(()) }).await,
            Ok(1),
            "one failure is none"
        );
    }
}
