//! When a failed attempt is repeated.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::error::Error;
use crate::operation::Operation;

/// Decides how long to wait before a failed attempt is repeated, or to stop.
///
/// The engine asks only where repeating is safe and may help: never after a 203 `CallbackFailed`, never after a refusal
/// that would come again (`AccessDenied`, `NoSuchBucket`, …), and where the answer of a request with a callback was
/// lost, only after it has looked and the object is not there
/// ([`resend_when_unsure`](crate::PutObject::resend_when_unsure) leaves the look out). So a policy decides about patience
/// alone. Every repeated attempt takes fresh credentials, a fresh date, a freshly opened body and a fresh signature. A
/// corrected clock and refreshed credentials are tried once without asking.
pub trait RetryPolicy: fmt::Debug + Send + Sync {
    /// The time to wait before the next attempt, or `None` to let the failure stand.
    fn wait(&self, failure: &Failure<'_>) -> Option<Duration>;

    /// An attempt has succeeded. A policy with a budget takes it as income; the default does nothing.
    fn succeeded(&self) {}
}

/// A failed attempt.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure<'a> {
    /// What was asked for.
    pub operation: Operation,
    /// How many attempts there have been, this one included.
    pub attempts: u32,
    /// The time since the first attempt began.
    pub elapsed: Duration,
    /// How this one ended.
    pub error: &'a Error,
}

/// Exponential backoff with full jitter: before attempt *n* + 1 a random time between zero and
/// `base · 2^(n-1)`, at most `cap`.
///
/// The defaults are 8 attempts, a base of 0.2 s and a cap of 20 s (about 12 s of waiting in the mean before it gives
/// up), and a budget of 200 retries shared by all requests that use the same value: each retry takes 1, each success
/// gives back 0.1. When everything fails at once the budget keeps a thousand parts from repeating eight times each.
#[derive(Debug)]
pub struct Backoff {
    attempts: u32,
    base: Duration,
    cap: Duration,
    budget: Budget,
}

impl Backoff {
    /// Makes at most this many attempts in all; 1 never repeats.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets the longest first wait and the longest wait at all.
    #[must_use]
    pub fn with_waits(mut self, base: Duration, cap: Duration) -> Self {
        (self.base, self.cap) = (base, cap);
        self
    }

    /// Sets how many retries all requests together may have at hand; `u32::MAX / 10` is no limit in practice.
    #[must_use]
    pub fn with_budget(mut self, retries: u32) -> Self {
        self.budget = Budget::new(retries);
        self
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            attempts: 8,
            base: Duration::from_millis(200),
            cap: Duration::from_secs(20),
            budget: Budget::new(200),
        }
    }
}

impl RetryPolicy for Backoff {
    fn wait(&self, failure: &Failure<'_>) -> Option<Duration> {
        if failure.attempts >= self.attempts || !self.budget.spend() {
            return None;
        }
        let doubled = 2u32.saturating_pow(failure.attempts.saturating_sub(1));
        let longest = self.base.saturating_mul(doubled).min(self.cap);
        Some(longest.mul_f64(fastrand::f64()))
    }

    fn succeeded(&self) {
        self.budget.earn();
    }
}

/// Retries at hand, in tenths.
#[derive(Debug)]
struct Budget {
    most: u32,
    left: AtomicU32,
}

impl Budget {
    fn new(retries: u32) -> Self {
        let most = retries.saturating_mul(10);
        Self { most, left: AtomicU32::new(most) }
    }

    fn spend(&self) -> bool {
        let spent = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(10));
        spent.is_ok()
    }

    fn earn(&self) {
        // Nearly always the budget is full, and a load is cheaper than a failed exchange.
        if self.left.load(Ordering::Relaxed) < self.most {
            let _ = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| {
                (left < self.most).then_some(left + 1)
            });
        }
    }
}

/// Lets every failure stand.
#[derive(Clone, Copy, Debug)]
pub struct NoRetry;

impl RetryPolicy for NoRetry {
    fn wait(&self, _: &Failure<'_>) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(policy: &Backoff, attempts: u32) -> Option<Duration> {
        let error = Error::invalid("test", "fails");
        let elapsed = Duration::ZERO;
        policy.wait(&Failure { operation: Operation::PutObject, attempts, elapsed, error: &error })
    }

    #[test]
    fn waits_grow_to_the_cap_and_end() {
        let policy = Backoff::default();
        for (attempts, longest) in [(1, 200), (2, 400), (5, 3200), (7, 12_800)] {
            for _ in 0..20 {
                assert!(wait(&policy, attempts).unwrap() <= Duration::from_millis(longest));
            }
        }
        assert_eq!(wait(&policy, 8), None);
    }

    #[test]
    fn an_empty_budget_stops_and_successes_refill_it() {
        let policy = Backoff::default().with_budget(2);
        assert!(wait(&policy, 1).is_some() && wait(&policy, 1).is_some());
        assert_eq!(wait(&policy, 1), None);
        for _ in 0..10 {
            policy.succeeded();
        }
        assert!(wait(&policy, 1).is_some());
        assert_eq!(wait(&policy, 1), None);
    }
}
