//! Fetching official keys that are not built in.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what cannot be built is a failed test")]

mod support;

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use oss_callback::{KEY_BYTES, KeySource, KeySourceError, Verifier, VerifyError};
use support::{KEY_PEM, head};
use tokio::sync::Notify;

const V2: &str = "callback_pub_key_v2.pem";

/// Answers from a script and notes what it was asked.
struct Script {
    answer: Mutex<Result<Vec<u8>, KeySourceError>>,
    asked: Mutex<Vec<String>>,
    gate: Option<Arc<Notify>>,
}

impl Script {
    fn new(answer: impl Into<Vec<u8>>) -> Arc<Self> {
        Arc::new(Self { answer: Mutex::new(Ok(answer.into())), asked: Mutex::default(), gate: None })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl KeySource for Script {
    async fn fetch(&self, url: &str) -> Result<Vec<u8>, KeySourceError> {
        self.asked.lock().unwrap().push(url.to_owned());
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        self.answer.lock().unwrap().clone()
    }
}

fn naming(url: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-oss-pub-key-url", STANDARD.encode(url).parse().unwrap());
    headers
}

fn verify(verifier: &Verifier, url: &str) -> Result<(), VerifyError> {
    let mut head = head("/cb", b"a=b");
    head.headers.insert("x-oss-pub-key-url", STANDARD.encode(url).parse().unwrap());
    verifier.verify(&head, b"a=b").map(|_| ())
}

#[tokio::test]
async fn a_new_official_key_is_fetched_once_over_https_and_then_known() {
    let source = Script::new(KEY_PEM);
    let verifier = Verifier::official().key_source(source.clone());
    let urls = [format!("http://gosspublic.alicdn.com/{V2}"), format!("https://gosspublic.alicdn.com/{V2}")];
    assert!(matches!(verify(&verifier, &urls[0]), Err(VerifyError::UntrustedKey { .. })));
    for url in &urls {
        verifier.prepare(&naming(url), Instant::now()).await.unwrap();
        verify(&verifier, url).unwrap();
    }
    assert_eq!(*source.asked.lock().unwrap(), [urls[1].clone()]);
}

#[tokio::test]
async fn what_is_known_or_not_official_is_never_fetched() {
    let source = Script::new(KEY_PEM);
    let verifier = Verifier::official().key_source(source.clone());
    for url in [
        "http://gosspublic.alicdn.com/callback_pub_key_v1.pem",
        "https://gosspublic.alicdn.com/ossutil/1.6.19/ossutil64",
        "https://gosspublic.alicdn.com.evil.com/callback_pub_key_v2.pem",
        "https://gosspublic.alicdn.com@evil.test/callback_pub_key_v2.pem",
        "https://gosspublic.alicdn.com:8443/callback_pub_key_v2.pem",
        "https://gosspublic.alicdn.com/callback_pub_key_v2.pem?next=http://127.0.0.1/",
        "https://gosspublic.alicdn.com/x/../callback_pub_key_v2.pem",
    ] {
        verifier.prepare(&naming(url), Instant::now()).await.unwrap();
        assert!(verify(&verifier, url).is_err(), "{url}");
    }
    verifier.prepare(&HeaderMap::new(), Instant::now()).await.unwrap();
    assert_eq!(source.asked(), 0);
}

#[tokio::test]
async fn without_a_source_nothing_is_fetched() {
    let url = format!("https://gosspublic.alicdn.com/{V2}");
    let verifier = Verifier::official();
    verifier.prepare(&naming(&url), Instant::now()).await.unwrap();
    assert_eq!(verify(&verifier, &url), Err(VerifyError::UntrustedKey { url }));
}

#[tokio::test]
async fn what_is_no_key_is_not_kept_and_not_asked_for_again_soon() {
    let url = format!("https://gosspublic.alicdn.com/{V2}");
    let long = format!("{KEY_PEM}{}", "\n".repeat(KEY_BYTES));
    for answer in [b"<html>".to_vec(), long.into_bytes(), vec![0xff]] {
        let source = Script::new(answer);
        let verifier = Verifier::official().key_source(source.clone());
        let start = Instant::now();
        for seconds in [0, 59] {
            verifier.prepare(&naming(&url), start + Duration::from_secs(seconds)).await.unwrap_err();
        }
        assert_eq!(source.asked(), 1);
        *source.answer.lock().unwrap() = Ok(KEY_PEM.into());
        verifier.prepare(&naming(&url), start + Duration::from_secs(60)).await.unwrap();
        assert_eq!(source.asked(), 2);
        verify(&verifier, &url).unwrap();
    }
}

#[tokio::test]
async fn a_flood_of_versions_is_bounded() {
    let source = Script::new(KEY_PEM);
    let verifier = Verifier::official().key_source(source.clone());
    let now = Instant::now();
    let mut known = 0;
    for version in 2..=64 {
        let url = format!("https://gosspublic.alicdn.com/callback_pub_key_v{version}.pem");
        known += u32::from(verifier.prepare(&naming(&url), now).await.is_ok());
    }
    assert_eq!((known, source.asked()), (8, 8));
}

#[tokio::test]
async fn a_flood_of_versions_that_do_not_exist_does_not_keep_a_new_key_out() {
    let source = Script::new("<html>");
    let verifier = Verifier::official().key_source(source.clone());
    let now = Instant::now();
    let url = |version: u32| format!("https://gosspublic.alicdn.com/callback_pub_key_v{version}.pem");
    for _ in 0..2 {
        for version in 3..1_000 {
            let _ = verifier.prepare(&naming(&url(version)), now).await;
        }
    }
    assert_eq!(source.asked(), 62);
    *source.answer.lock().unwrap() = Ok(KEY_PEM.into());
    verifier.prepare(&naming(&url(2)), now).await.unwrap();
    verify(&verifier, &url(2)).unwrap();
}

/// Takes the whole time a source may take, and finds one version alone.
struct Slow {
    exists: &'static str,
}

#[async_trait]
impl KeySource for Slow {
    async fn fetch(&self, url: &str) -> Result<Vec<u8>, KeySourceError> {
        tokio::time::sleep(SLOWEST_FETCH).await; // in paused time
        if url.contains(self.exists) {
            return Ok(KEY_PEM.into());
        }
        Err(KeySourceError { reason: "timed out".to_owned() })
    }
}

/// As the contract has it.
const SLOWEST_FETCH: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn slow_fetches_of_versions_that_do_not_exist_do_not_delay_a_new_key() {
    let verifier = Verifier::official().key_source(Arc::new(Slow { exists: "_v2." }));
    let now = Instant::now();
    let url = |version: u32| format!("https://gosspublic.alicdn.com/callback_pub_key_v{version}.pem");
    let stranger = (3..=64).map(|version| {
        let (verifier, headers) = (&verifier, naming(&url(version)));
        async move { verifier.prepare(&headers, now).await.unwrap_err() }
    });
    let genuine = async {
        let begun = tokio::time::Instant::now();
        verifier.prepare(&naming(&url(2)), now).await.unwrap();
        begun.elapsed()
    };
    let (_, waited) = tokio::join!(futures_util::future::join_all(stranger), genuine);
    assert!(waited < SLOWEST_FETCH * 2, "{waited:?}");
    verify(&verifier, &url(2)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn keys_that_come_at_once_are_bounded_too() {
    let verifier = Verifier::official().key_source(Arc::new(Slow { exists: "_v" }));
    let now = Instant::now();
    let outcomes = futures_util::future::join_all((2..=64).map(|version| {
        let url = format!("https://gosspublic.alicdn.com/callback_pub_key_v{version}.pem");
        let (verifier, headers) = (&verifier, naming(&url));
        async move { verifier.prepare(&headers, now).await }
    }));
    assert_eq!(outcomes.await.iter().filter(|outcome| outcome.is_ok()).count(), 8);
}

#[tokio::test]
async fn callers_who_come_together_share_one_fetch() {
    let gate = Arc::new(Notify::new());
    let source = Arc::new(Script {
        answer: Mutex::new(Ok(KEY_PEM.into())),
        asked: Mutex::default(),
        gate: Some(gate.clone()),
    });
    let verifier = Verifier::official().key_source(source.clone());
    let headers = naming(&format!("https://gosspublic.alicdn.com/{V2}"));
    let now = Instant::now();
    let (one, two, ()) =
        tokio::join!(verifier.prepare(&headers, now), verifier.prepare(&headers, now), async {
            gate.notify_one()
        },);
    one.unwrap();
    two.unwrap();
    assert_eq!(source.asked(), 1);
}
