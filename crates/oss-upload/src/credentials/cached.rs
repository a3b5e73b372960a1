use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use oss_signing::Credentials;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{CredentialsError, ProvideCredentials};
use crate::clock::machine_time;

/// Keeps what a provider gave until shortly before it expires, and lets one caller at a time ask for more.
///
/// Wrap a provider that has to go somewhere for its credentials: a metadata service, an STS call, a file.
///
/// - Credentials without an expiry are kept until OSS refuses them. Refused ones are dropped and the provider is asked at
///   once: the refused attempt is repeated if it gives others, and not if it gives the same.
/// - From [`margin`](Self::with_margin) (5 minutes) before the expiry one caller asks the provider; the others go on
///   with what is there, and wait only if that has expired.
/// - If the provider fails while the credentials still hold, they are used and the failure is logged. If they do not
///   hold, everybody who waited for that attempt gets its error, so that a hundred parts do not ask a hundred times.
/// - If the caller that asks is dropped, the next one asks.
///
/// ```
/// # use oss_upload::{CachedCredentials, CredentialsError, ProvideCredentials};
/// # use oss_signing::Credentials;
/// #[derive(Debug)]
/// struct FromVault;
///
/// #[async_trait::async_trait]
/// impl ProvideCredentials for FromVault {
///     async fn credentials(&self) -> Result<Credentials, CredentialsError> {
///         // A round trip to somewhere, whose answer says when it expires.
/// #       let expires_at = std::time::UNIX_EPOCH;
///         Ok(Credentials::new("id", "secret").with_security_token("token").with_expiry(expires_at))
///     }
/// }
///
/// let provider = CachedCredentials::new(FromVault);
/// ```
#[derive(Debug)]
pub struct CachedCredentials<P> {
    provider: P,
    margin: Duration,
    kept: RwLock<Option<Credentials>>,
    /// Held by the caller that asks the provider.
    asking: Mutex<Option<Failure>>,
}

#[derive(Debug)]
struct Failure {
    at: Instant,
    error: Arc<CredentialsError>,
}

impl<P: ProvideCredentials> CachedCredentials<P> {
    /// Asks `provider` when there is need.
    pub fn new(provider: P) -> Self {
        Self { provider, margin: MARGIN, kept: RwLock::new(None), asking: Mutex::new(None) }
    }

    /// Sets how long before their expiry new credentials are asked for; 5 minutes by default.
    #[must_use]
    pub fn with_margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// What is kept, if it holds for `margin` longer.
    fn kept(&self, now: SystemTime, margin: Duration) -> Option<Credentials> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let holds = |credentials: &&Credentials| {
            credentials.expires_at().is_none_or(|end| now.checked_add(margin).is_some_and(|then| then < end))
        };
        kept.as_ref().filter(holds).cloned()
    }

    fn keep(&self, credentials: Credentials) {
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(credentials);
    }

    async fn ask(&self, called: Instant) -> Result<Credentials, CredentialsError> {
        let mut last = self.asking.lock().await;
        if let Some(fresh) = self.kept(machine_time(), self.margin) {
            return Ok(fresh);
        }
        if let Some(failure) = last.as_ref().filter(|failure| failure.at >= called) {
            return Err(failure.again());
        }
        match self.provider.credentials().await {
            Ok(credentials) => {
                *last = None;
                self.keep(credentials.clone());
                Ok(credentials)
            }
            Err(error) => {
                let failure = last.insert(Failure { at: Instant::now(), error: Arc::new(error) });
                match self.kept(machine_time(), Duration::ZERO) {
                    Some(still_good) => {
                        tracing::warn!(error = %failure.error, "no new credentials; going on with those at hand");
                        Ok(still_good)
                    }
                    None => Err(failure.again()),
                }
            }
        }
    }
}

impl Failure {
    fn again(&self) -> CredentialsError {
        CredentialsError::new("the provider failed").with_source(Arc::clone(&self.error))
    }
}

#[async_trait]
impl<P: ProvideCredentials> ProvideCredentials for CachedCredentials<P> {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        if let Some(fresh) = self.kept(machine_time(), self.margin) {
            return Ok(fresh);
        }
        let somebody_asks = self.asking.try_lock().is_err();
        match self.kept(machine_time(), Duration::ZERO) {
            Some(still_good) if somebody_asks => Ok(still_good),
            _ => self.ask(Instant::now()).await,
        }
    }

    async fn refused(&self, credentials: &Credentials) -> bool {
        let same = |other: &Credentials| {
            other.access_key_id() == credentials.access_key_id()
                && other.security_token() == credentials.security_token()
        };
        // Another part may have been refused before, and newer ones may be here already.
        let refused_are_kept =
            self.kept.read().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(same);
        if refused_are_kept {
            self.provider.refused(credentials).await;
            // Or may have come meanwhile.
            self.kept.write().unwrap_or_else(PoisonError::into_inner).take_if(|kept| same(kept));
        }
        // The provider need not know more than how to be asked; what it gives now tells whether it can have others.
        match self.credentials().await {
            Ok(now) => !same(&now),
            Err(error) => {
                // The caller is told of the refusal, not of this.
                tracing::warn!(error = &error as &dyn std::error::Error, "no others for refused credentials");
                false
            }
        }
    }
}

/// Long enough for an attempt that waits in a queue, short against the hour an STS token lives at least.
const MARGIN: Duration = Duration::from_secs(5 * 60);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// Answers each question when a permit is there.
    #[derive(Debug)]
    struct Slow {
        asked: AtomicU32,
        permits: Semaphore,
        lives: Option<Duration>,
        fails: bool,
    }

    impl Slow {
        fn new(lives: Option<Duration>, fails: bool) -> Self {
            Self { asked: AtomicU32::new(0), permits: Semaphore::new(0), lives, fails }
        }
    }

    #[async_trait]
    impl ProvideCredentials for Slow {
        async fn credentials(&self) -> Result<Credentials, CredentialsError> {
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            self.permits.acquire().await.unwrap().forget();
            if self.fails {
                return Err(CredentialsError::new(format!("attempt {number}")));
            }
            let credentials = Credentials::new(format!("id{number}"), "secret");
            Ok(match self.lives {
                Some(lives) => credentials.with_expiry(machine_time() + lives),
                None => credentials,
            })
        }
    }

    /// Gives credentials for a minute, once.
    #[derive(Debug)]
    struct Once(AtomicU32);

    #[async_trait]
    impl ProvideCredentials for Once {
        async fn credentials(&self) -> Result<Credentials, CredentialsError> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => Ok(Credentials::new("id", "s").with_expiry(machine_time() + Duration::from_secs(60))),
                _ => Err(CredentialsError::new("gone")),
            }
        }
    }

    fn cached(lives: Option<Duration>, fails: bool) -> (Arc<Slow>, CachedCredentials<Arc<Slow>>) {
        let slow = Arc::new(Slow::new(lives, fails));
        (Arc::clone(&slow), CachedCredentials::new(slow))
    }

    #[tokio::test]
    async fn a_hundred_callers_ask_once() {
        let (slow, cached) = cached(None, false);
        slow.permits.add_permits(1);
        for credentials in join_all((0..100).map(|_| cached.credentials())).await {
            assert_eq!(credentials.unwrap().access_key_id(), "id1");
        }
        assert_eq!(slow.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_hundred_callers_share_one_failure_and_the_next_asks_again() {
        let (slow, cached) = cached(None, true);
        let mut all = Box::pin(join_all((0..100).map(|_| cached.credentials())));
        assert!(futures_util::poll!(&mut all).is_pending());
        slow.permits.add_permits(1);
        for result in all.await {
            let source = std::error::Error::source(&result.unwrap_err()).unwrap().to_string();
            assert_eq!(source, "no credentials: attempt 1");
        }
        slow.permits.add_permits(1);
        cached.credentials().await.unwrap_err();
        assert_eq!(slow.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn in_the_margin_one_asks_and_the_others_go_on() {
        let (slow, cached) = cached(Some(Duration::from_secs(60)), false);
        slow.permits.add_permits(1);
        assert_eq!(cached.credentials().await.unwrap().access_key_id(), "id1");
        // 60 s are less than the margin, so the next caller asks; it waits for a permit.
        let mut asking = std::pin::pin!(cached.credentials());
        assert!(futures_util::poll!(&mut asking).is_pending());
        assert_eq!(cached.credentials().await.unwrap().access_key_id(), "id1");
        slow.permits.add_permits(1);
        assert_eq!(asking.await.unwrap().access_key_id(), "id2");
    }

    #[tokio::test]
    async fn a_dropped_caller_leaves_the_next_one_able_to_ask() {
        let (slow, cached) = cached(None, false);
        {
            let mut asking = Box::pin(cached.credentials());
            assert!(futures_util::poll!(&mut asking).is_pending());
        }
        slow.permits.add_permits(1);
        assert_eq!(cached.credentials().await.unwrap().access_key_id(), "id2");
    }

    #[tokio::test]
    async fn refused_credentials_are_dropped_once() {
        let (slow, cached) = cached(None, false);
        slow.permits.add_permits(2);
        let first = cached.credentials().await.unwrap();
        assert!(cached.refused(&first).await);
        let second = cached.credentials().await.unwrap();
        assert_eq!(second.access_key_id(), "id2");
        // A part that was still signed with the first comes late.
        assert!(cached.refused(&first).await);
        assert_eq!(cached.credentials().await.unwrap().access_key_id(), "id2");
        assert_eq!(slow.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_provider_that_has_no_others_lets_the_refusal_stand() {
        let fixed = Credentials::new("id", "secret");
        let cached = CachedCredentials::new(fixed.clone());
        cached.credentials().await.unwrap();
        assert!(!cached.refused(&fixed).await);
        let cached = CachedCredentials::new(Once(AtomicU32::new(0)));
        let first = cached.credentials().await.unwrap();
        assert!(!cached.refused(&first).await, "it fails");
    }

    #[tokio::test]
    async fn what_came_while_the_provider_heard_of_the_refusal_is_kept() {
        /// Gives others each time it is asked; takes its time to hear of a refusal.
        #[derive(Debug)]
        struct Deaf(AtomicU32, Semaphore);
        #[async_trait]
        impl ProvideCredentials for Deaf {
            async fn credentials(&self) -> Result<Credentials, CredentialsError> {
                Ok(Credentials::new(format!("id{}", self.0.fetch_add(1, Ordering::SeqCst)), "s"))
            }
            async fn refused(&self, _: &Credentials) -> bool {
                self.1.acquire().await.unwrap().forget();
                true
            }
        }
        let deaf = Arc::new(Deaf(AtomicU32::new(0), Semaphore::new(0)));
        let cached = CachedCredentials::new(Arc::clone(&deaf));
        let first = cached.credentials().await.unwrap();
        let (mut one, mut other) = (Box::pin(cached.refused(&first)), Box::pin(cached.refused(&first)));
        assert!(futures_util::poll!(&mut one).is_pending() && futures_util::poll!(&mut other).is_pending());
        deaf.1.add_permits(1);
        assert!(one.await);
        assert_eq!(cached.credentials().await.unwrap().access_key_id(), "id1");
        deaf.1.add_permits(1);
        assert!(other.await, "there are newer ones");
        assert_eq!(cached.credentials().await.unwrap().access_key_id(), "id1");
        assert_eq!(deaf.0.load(Ordering::SeqCst), 2, "asked once after the refusals");
    }

    #[tokio::test]
    async fn the_provider_hears_of_a_refusal_of_what_it_gave_last() {
        #[derive(Debug, Default)]
        struct Hears(AtomicU32);
        #[async_trait]
        impl ProvideCredentials for Hears {
            async fn credentials(&self) -> Result<Credentials, CredentialsError> {
                Ok(Credentials::new("id", "s").with_security_token("new"))
            }
            async fn refused(&self, _: &Credentials) -> bool {
                self.0.fetch_add(1, Ordering::SeqCst);
                true
            }
        }
        let hears = Arc::new(Hears::default());
        let cached = CachedCredentials::new(Arc::clone(&hears));
        let given = cached.credentials().await.unwrap();
        // The same key with another token is another credential.
        cached.refused(&Credentials::new("id", "s").with_security_token("old")).await;
        assert_eq!(hears.0.load(Ordering::SeqCst), 0);
        cached.refused(&given).await;
        assert_eq!(hears.0.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failure_while_the_old_ones_hold_is_no_failure() {
        let cached = CachedCredentials::new(Once(AtomicU32::new(0)));
        for _ in 0..3 {
            assert_eq!(cached.credentials().await.unwrap().access_key_id(), "id");
        }
        cached.keep(Credentials::new("id", "s").with_expiry(std::time::UNIX_EPOCH));
        cached.credentials().await.unwrap_err();
    }
}
