//! How many requests of one upload are under way at once: as many as the user allows, fewer while OSS throttles.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The number of requests that may be under way: halved when OSS throttles, raised by one after as many successes as
/// there may be requests. A pure state machine; the clock is [`Gate`]'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    most: usize,
    allowed: usize,
    /// Successes since the last change.
    successes: usize,
    /// Counts the reductions. A refusal of a request from before the last one is the same congestion, told again.
    round: u32,
}

impl Pace {
    fn new(most: usize) -> Self {
        Self { most, allowed: most, successes: 0, round: 0 }
    }

    fn succeeded(&mut self) {
        self.successes += 1;
        if self.allowed < self.most && self.successes >= self.allowed {
            self.allowed += 1;
            self.successes = 0;
        }
    }

    /// A request that began in `round` was throttled.
    fn throttled(&mut self, round: u32) {
        if round == self.round {
            self.allowed = (self.allowed / 2).max(1);
            self.successes = 0;
            self.round += 1;
        }
    }
}

/// Lets so many requests pass at once as the pace allows.
#[derive(Debug)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    inside: usize,
    /// OSS has asked for a pause until then.
    closed_until: Option<Instant>,
}

impl Gate {
    pub(crate) fn new(most: usize) -> Self {
        let state = State { pace: Pace::new(most), inside: 0, closed_until: None };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// Waits for a place. Dropping the place, also unused, gives it back.
    pub(crate) async fn enter(&self) -> Place<'_> {
        loop {
            // Taken before the look, so that a change between look and wait is not missed.
            let changed = self.changed.notified();
            let pause = {
                let mut state = self.state();
                let now = Instant::now();
                match state.closed_until {
                    Some(until) if until > now => Some(until),
                    _ if state.inside < state.pace.allowed => {
                        state.inside += 1;
                        return Place { gate: self, round: state.pace.round };
                    }
                    _ => None,
                }
            };
            match pause {
                Some(until) => sleep_until(until).await,
                None => changed.await,
            }
        }
    }

    /// Whether a request could pass at once.
    pub(crate) fn has_room(&self) -> bool {
        let state = self.state();
        state.inside < state.pace.allowed && state.closed_until.is_none_or(|until| until <= Instant::now())
    }

    /// How often OSS made the gate narrower.
    pub(crate) fn reductions(&self) -> u32 {
        self.state().pace.round
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place inside the gate: one request under way.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    gate: &'a Gate,
    round: u32,
}

impl Place<'_> {
    pub(crate) fn succeeded(self) {
        self.gate.state().pace.succeeded();
    }

    /// OSS asked for less, and for no request before `pause` has passed if it said so.
    pub(crate) fn throttled(self, pause: Option<Duration>) {
        let mut state = self.gate.state();
        state.pace.throttled(self.round);
        if let Some(until) = pause.map(|pause| Instant::now() + pause) {
            state.closed_until = Some(state.closed_until.map_or(until, |closed| closed.max(until)));
        }
        tracing::warn!(allowed = state.pace.allowed, ?pause, "OSS throttles; fewer parts at once");
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gate.state().inside -= 1;
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;
    use futures_util::poll;
    use proptest::prelude::*;

    #[test]
    fn the_pace_halves_once_a_congestion_and_rises_by_ones() {
        let mut pace = Pace::new(8);
        let round = pace.round;
        for _ in 0..8 {
            pace.throttled(round);
        }
        assert_eq!((pace.allowed, pace.round), (4, 1), "eight refusals of one round halve once");
        pace.throttled(pace.round);
        pace.throttled(pace.round);
        pace.throttled(pace.round);
        assert_eq!(pace.allowed, 1, "it never falls to nothing");
        let mut rises = vec![];
        for _ in 0..100 {
            pace.succeeded();
            if rises.last() != Some(&pace.allowed) {
                rises.push(pace.allowed);
            }
        }
        assert_eq!(rises, [2, 3, 4, 5, 6, 7, 8]);
    }

    proptest! {
        #[test]
        fn the_pace_stays_within_its_bounds(most in 1usize..100, events in proptest::collection::vec(any::<bool>(), 0..400)) {
            let mut pace = Pace::new(most);
            for success in events {
                if success { pace.succeeded() } else { pace.throttled(pace.round) }
                prop_assert!((1..=most).contains(&pace.allowed));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_given_back_lets_the_next_in() {
        let gate = Gate::new(2);
        let (first, _second) = (gate.enter().await, gate.enter().await);
        assert!(!gate.has_room());
        let mut third = pin!(gate.enter());
        assert!(poll!(third.as_mut()).is_pending());
        first.succeeded();
        assert!(poll!(third.as_mut()).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_gate_is_narrower_and_closed_for_as_long_as_oss_asks() {
        let gate = Gate::new(4);
        let places = [gate.enter().await, gate.enter().await, gate.enter().await, gate.enter().await];
        for place in places {
            place.throttled(Some(Duration::from_secs(3)));
        }
        let before = Instant::now();
        let (_a, _b) = (gate.enter().await, gate.enter().await);
        assert_eq!(before.elapsed().as_secs(), 3);
        let mut third = pin!(gate.enter());
        assert!(poll!(third.as_mut()).is_pending(), "four were halved to two");
        assert_eq!(gate.reductions(), 1);
    }
}
