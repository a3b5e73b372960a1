use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::replay::{Claim, ReplayError, ReplayGuard};

/// How old a callback may be, told by the request id in its body.
///
/// Nothing OSS signs is a time. But a request id begins with eight hexadecimal digits that have always been
/// the Unix time of the upload's request (seen in captures from 2015 to 2024, not documented). So a template
/// with `${reqId}` gives the body a signed time and a signed number used once. A policy for those who want it;
/// never rely on it alone.
///
/// Whether the id of a long PutObject tells its beginning or its end is not known. Give a window that is longer
/// than your longest PutObject; for a multipart upload only CompleteMultipartUpload counts.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use oss_callback::{Freshness, FreshnessError};
///
/// let freshness = Freshness::within(Duration::from_secs(15 * 60));
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_559_488_386 + 60);
/// assert!(freshness.check("5CF3E7821AB22D0FDB86704D", now).is_ok());
///
/// let later = now + Duration::from_secs(3600);
/// assert!(matches!(freshness.check("5CF3E7821AB22D0FDB86704D", later), Err(FreshnessError::Stale { .. })));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    window: Duration,
    skew: Duration,
}

/// Why a request id is not taken as that of a recent upload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FreshnessError {
    /// Not of the form of a request id.
    #[error("the request id is not 8 to 64 letters and digits that begin with 8 hexadecimal digits")]
    Malformed,
    /// Too old.
    #[error("the callback is {} seconds old, more than the window allows", age.as_secs())]
    Stale {
        /// How old.
        age: Duration,
    },
    /// From a time that has not come.
    #[error("the callback is {} seconds ahead of this machine's clock: check the clock", ahead.as_secs())]
    Ahead {
        /// How far.
        ahead: Duration,
    },
}

/// Why a callback is not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmitError {
    /// Not recent.
    #[error("the callback is not recent")]
    Freshness(#[source] FreshnessError),
    /// The guard could not tell.
    #[error("the replay guard could not tell whether the callback came before")]
    Replay(#[source] ReplayError),
}

impl Freshness {
    /// Takes callbacks that are at most `window` old, and at most a minute ahead of this machine's clock.
    #[must_use]
    pub fn within(window: Duration) -> Self {
        Self { window, skew: Duration::from_secs(60) }
    }

    /// Sets how far OSS's clock may be ahead of this machine's. Default: 60 seconds.
    #[must_use]
    pub fn tolerate_ahead(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// Checks a request id from the signed body (not from a header) and returns the time it names.
    ///
    /// # Errors
    ///
    /// [`FreshnessError`].
    pub fn check(&self, request_id: &str, now: SystemTime) -> Result<SystemTime, FreshnessError> {
        let sent = time_of(request_id).ok_or(FreshnessError::Malformed)?;
        match now.duration_since(sent) {
            Ok(age) if age > self.window => Err(FreshnessError::Stale { age }),
            Ok(_) => Ok(sent),
            Err(error) if error.duration() > self.skew => {
                Err(FreshnessError::Ahead { ahead: error.duration() })
            }
            Err(_) => Ok(sent),
        }
    }

    /// Checks a request id as [`check`](Self::check) does, and asks `guard` whether it came before.
    ///
    /// Check the token first: only then is the id one of your own uploads, and not made up by a stranger who wants
    /// to fill the guard or to spend an id before it comes.
    ///
    /// [`Claim::Again`] need not be an attack: with several callback URLs OSS tries the next one when an answer
    /// is late. Answer as the first time, without doing the work twice.
    ///
    /// # Errors
    ///
    /// [`AdmitError`].
    ///
    /// # Cancellation
    ///
    /// A dropped future may leave the id claimed.
    pub async fn admit(
        &self,
        guard: &dyn ReplayGuard,
        request_id: &str,
        now: SystemTime,
    ) -> Result<Claim, AdmitError> {
        let sent = self.check(request_id, now).map_err(AdmitError::Freshness)?;
        // From then on the window alone refuses it.
        let until = sent
            .checked_add(self.window.min(LONGEST))
            .and_then(|end| end.checked_add(Duration::from_secs(1)))
            .ok_or(AdmitError::Freshness(FreshnessError::Malformed))?;
        guard.claim(request_id, until, now).await.map_err(AdmitError::Replay)
    }
}

/// 136 years: in place of a window so long that its end could not be told.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

fn time_of(request_id: &str) -> Option<SystemTime> {
    let well_formed =
        (8..=64).contains(&request_id.len()) && request_id.bytes().all(|b| b.is_ascii_alphanumeric());
    let seconds = request_id.get(..8).filter(|_| well_formed)?;
    let seconds = u32::from_str_radix(seconds, 16).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5CF3E7821AB22D0FDB86704D";
    /// 2019-06-02T15:13:06Z, the Date header of the capture the id is from.
    const SENT: u64 = 1_559_488_386;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_time_of_known_request_ids_is_read() {
        let policy = Freshness::within(Duration::from_secs(0));
        assert_eq!(policy.check(ID, at(SENT)), Ok(at(SENT)));
        // 2015-09-14T12:37:27Z and 2024-05-07T03:06:13Z, from examples of the documentation.
        assert_eq!(policy.check("55F6BF87207FB30F2640C548", at(1_442_234_247)), Ok(at(1_442_234_247)));
        assert_eq!(policy.check("66399AA5", at(1_715_051_173)), Ok(at(1_715_051_173)));
    }

    #[test]
    fn the_window_has_two_ends() {
        let policy = Freshness::within(Duration::from_secs(100)).tolerate_ahead(Duration::from_secs(5));
        assert!(policy.check(ID, at(SENT + 100)).is_ok());
        assert_eq!(
            policy.check(ID, at(SENT + 101)),
            Err(FreshnessError::Stale { age: Duration::from_secs(101) })
        );
        assert!(policy.check(ID, at(SENT - 5)).is_ok());
        assert_eq!(
            policy.check(ID, at(SENT - 6)),
            Err(FreshnessError::Ahead { ahead: Duration::from_secs(6) })
        );
    }

    #[test]
    fn what_is_no_request_id_is_refused() {
        let policy = Freshness::within(Duration::from_secs(100));
        let long = "5".repeat(65);
        for id in ["", "5CF3E78", "+CF3E782AB", "5CF3E78G1A", "5CF3E782-1", "5CF3E782\n", "é5CF3E782", &long]
        {
            assert_eq!(policy.check(id, at(SENT)), Err(FreshnessError::Malformed), "{id:?}");
        }
    }
}
