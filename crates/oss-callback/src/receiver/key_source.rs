use std::array::from_fn;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::lock::Mutex;
use http::HeaderMap;

use super::key::PublicKey;
use super::pending::unknown_key_url;
use super::verifier::Verifier;

/// Fetches a key that is not built in, over a network this crate does not know.
///
/// It is asked only for `https://gosspublic.alicdn.com/callback_pub_key_vN.pem` with an `N` of at most 64, whatever
/// scheme the request names; for each version by one caller at a time, and for different ones at once; not again for a
/// minute after a failure; never again after a success. What it returns is believed: whoever answers it can sign
/// callbacks.
///
/// # For implementers
///
/// - Verify the server's certificate. Follow no redirect. Send no credentials.
/// - Give up after two seconds: OSS waits five for the whole callback.
/// - Read at most [`KEY_BYTES`] bytes and return them as they are, if the status is 200.
/// - Return [`KeySourceError`] for everything else; the callback is then refused.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// Fetches the PEM text at `url`.
    ///
    /// # Errors
    ///
    /// [`KeySourceError`] if there is no such text, or too much of it.
    async fn fetch(&self, url: &str) -> Result<Vec<u8>, KeySourceError>;
}

/// The longest key text accepted, in bytes. The official one has 182.
pub const KEY_BYTES: usize = 4096;

/// Why a key could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key could not be fetched: {reason}")]
pub struct KeySourceError {
    /// What went wrong, for the application's log.
    pub reason: String,
}

/// Keys that were fetched, and those that could not be.
pub(crate) struct FetchedKeys {
    source: Arc<dyn KeySource>,
    keys: RwLock<HashMap<u8, PublicKey>>,
    /// When the fetch of each version failed last. A version's lock is held while it is fetched, and whoever waited finds
    /// the outcome. One lock for all would let a stranger who names versions that answer slowly keep a new key out.
    failed: [Mutex<Option<Instant>>; VERSIONS],
}

/// OSS has published one version in eleven years.
const MAX_KEYS: usize = 8;
/// Also bounds the fetches at once and the failures that are remembered: each version is fetched once at a time, and no
/// number of failures keeps a new key from being fetched.
const MAX_VERSION: u8 = 64;
const VERSIONS: usize = MAX_VERSION as usize + 1;
const RETRY_AFTER: Duration = Duration::from_secs(60);

impl Verifier {
    /// Lets [`prepare`](Self::prepare) fetch official keys that are not built in. By default nothing is fetched.
    ///
    /// The key URL of a request is not authenticated: with a source, a stranger can make this process ask
    /// `gosspublic.alicdn.com` for key versions: one request for each at a time, and none for a minute after a failure. A
    /// stranger who hangs up before the fetch has ended, which drops it with the handler's future, can have it begun anew
    /// at once.
    #[must_use]
    pub fn key_source(mut self, source: Arc<dyn KeySource>) -> Self {
        self.fetched = Some(Arc::new(FetchedKeys::new(source)));
        self
    }

    /// Fetches the key a request names, if it is an official one that is not known yet. To be called before
    /// [`begin`](Self::begin) or [`verify`](Self::verify), which then find it; without a source it does nothing.
    ///
    /// # Errors
    ///
    /// [`KeySourceError`] if the fetch failed, failed less than a minute ago, or did not yield a key.
    ///
    /// # Cancellation
    ///
    /// A dropped future leaves nothing behind; the next caller fetches.
    pub async fn prepare(&self, headers: &HeaderMap, now: Instant) -> Result<(), KeySourceError> {
        let Some(fetched) = &self.fetched else {
            return Ok(());
        };
        // What is malformed or not official is refused by `begin`, which says why.
        match unknown_key_url(self, headers).as_deref().and_then(official_version) {
            Some(version) => fetched.fetch(version, now).await,
            None => Ok(()),
        }
    }
}

impl FetchedKeys {
    fn new(source: Arc<dyn KeySource>) -> Self {
        Self { source, keys: RwLock::default(), failed: from_fn(|_| Mutex::default()) }
    }

    pub(crate) fn find(&self, url: &str) -> Option<PublicKey> {
        self.known(official_version(url)?)
    }

    fn known(&self, version: u8) -> Option<PublicKey> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(&version).cloned()
    }

    async fn fetch(&self, version: u8, now: Instant) -> Result<(), KeySourceError> {
        if self.known(version).is_some() {
            return Ok(());
        }
        // `official_version` gives none above `MAX_VERSION`.
        let mut failed = self.failed[usize::from(version)].lock().await;
        if self.known(version).is_some() {
            return Ok(());
        }
        if failed.is_some_and(|at| now.saturating_duration_since(at) < RETRY_AFTER) {
            return Err(error("it failed less than a minute ago"));
        }
        let outcome = self.fetch_new(version).await;
        *failed = outcome.is_err().then_some(now);
        outcome
    }

    async fn fetch_new(&self, version: u8) -> Result<(), KeySourceError> {
        let full = || error("as many keys as are kept have been fetched already");
        if self.keys.read().unwrap_or_else(PoisonError::into_inner).len() >= MAX_KEYS {
            return Err(full());
        }
        let text = self.source.fetch(&format!("https://{HOST_AND_PATH}{version}{SUFFIX}")).await?;
        if text.len() > KEY_BYTES {
            return Err(error("the text is too long for a key"));
        }
        let text = str::from_utf8(&text).map_err(|_| error("the text is not a key"))?;
        let key = PublicKey::from_pem(text).map_err(|fault| error(&fault.to_string()))?;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        // Others may have come in during the fetch.
        if keys.len() >= MAX_KEYS {
            return Err(full());
        }
        keys.insert(version, key);
        Ok(())
    }
}

fn error(reason: &str) -> KeySourceError {
    KeySourceError { reason: reason.to_owned() }
}

const HOST_AND_PATH: &str = "gosspublic.alicdn.com/callback_pub_key_v";
const SUFFIX: &str = ".pem";

/// The `N` of `http(s)://gosspublic.alicdn.com/callback_pub_key_vN.pem`, compared as a whole so that no
/// other host, port, path, query or spelling passes.
fn official_version(url: &str) -> Option<u8> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let digits = rest.strip_prefix(HOST_AND_PATH)?.strip_suffix(SUFFIX)?;
    let version: u8 = digits.parse().ok()?;
    // Leading zeros and signs would give one key several names.
    (version <= MAX_VERSION && version.to_string() == digits).then_some(version)
}

impl fmt::Debug for FetchedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedKeys").field("keys", &self.keys).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_url_with_a_version_is_the_official_one_of_that_version(
            scheme in "https?|HTTPS|ftp|", separator in "://|:/|//", port in "(:443)?", digits in "[0-9+ ]{0,3}", rest in "[?#/. ]?",
        ) {
            let url = format!("{scheme}{separator}gosspublic.alicdn.com{port}/callback_pub_key_v{digits}.pem{rest}");
            let official = |version: u8| {
                ["http", "https"].map(|scheme| format!("{scheme}://{HOST_AND_PATH}{version}{SUFFIX}")).contains(&url)
            };
            let expected = (0..=MAX_VERSION).find(|version| official(*version));
            prop_assert_eq!(official_version(&url), expected, "{}", url);
        }
    }

    #[test]
    fn only_official_urls_have_a_version() {
        assert_eq!(official_version("http://gosspublic.alicdn.com/callback_pub_key_v2.pem"), Some(2));
        assert_eq!(official_version("https://gosspublic.alicdn.com/callback_pub_key_v64.pem"), Some(64));
        for url in [
            "ftp://gosspublic.alicdn.com/callback_pub_key_v2.pem",
            "https://gosspublic.alicdn.com:443/callback_pub_key_v2.pem",
            "https://gosspublic.alicdn.com.evil.com/callback_pub_key_v2.pem",
            "https://u@gosspublic.alicdn.com/callback_pub_key_v2.pem",
            "https://gosspublic.alicdn.com/callback_pub_key_v2.pem?",
            "https://gosspublic.alicdn.com/callback_pub_key_v2.pem#.pem",
            "https://gosspublic.alicdn.com/callback_pub_key_v02.pem",
            "https://gosspublic.alicdn.com/callback_pub_key_v+2.pem",
            "https://gosspublic.alicdn.com/callback_pub_key_v.pem",
            "https://gosspublic.alicdn.com/callback_pub_key_v65.pem",
            "https://gosspublic.alicdn.com/callback_pub_key_v70000.pem",
            "https://GOSSPUBLIC.alicdn.com/callback_pub_key_v2.pem",
            "https://gosspublic.alicdn.com//callback_pub_key_v2.pem",
        ] {
            assert_eq!(official_version(url), None, "{url}");
        }
    }
}
