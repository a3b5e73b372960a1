//! An emulator, an application server and an uploader between them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own share of this")]

pub mod bench;
pub mod scripted;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use oss_callback::{Callback, Verified, Verifier, VerifyError};
use oss_emulator::{Emulator, EmulatorBuilder, JournalEntry, Operation};
use oss_signing::{BucketName, Credentials, Endpoint, Region};
use oss_transport::{ReqwestTransport, Transport};
use oss_upload::{Backoff, CheckpointStore, Uploader, UploaderBuilder};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub const BUCKET: &str = "examplebucket";

pub struct World {
    pub emulator: Emulator,
    pub app: MockServer,
}

impl World {
    pub async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    pub async fn with(change: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder) -> Self {
        let builder = Emulator::builder().bucket(BUCKET).callback_timeout(Duration::from_secs(30));
        let emulator = change(builder).start().await.unwrap();
        let app = MockServer::start().await;
        let answer = ResponseTemplate::new(200).set_body_raw(r#"{"Status":"OK"}"#, "application/json");
        Mock::given(method("POST")).and(path("/ok")).respond_with(answer).mount(&app).await;
        let failure = ResponseTemplate::new(500).set_body_raw("{}", "application/json");
        Mock::given(method("POST")).and(path("/fail")).respond_with(failure).mount(&app).await;
        Self { emulator, app }
    }

    pub fn builder(&self) -> UploaderBuilder {
        let credentials =
            Credentials::new(oss_emulator::DEFAULT_ACCESS_KEY_ID, oss_emulator::DEFAULT_ACCESS_KEY_SECRET);
        self.builder_with(credentials)
    }

    pub fn builder_with(&self, credentials: Credentials) -> UploaderBuilder {
        builder(self.emulator.endpoint(), credentials)
    }

    /// Without a socket, so that a paused clock does not run away while bytes are on their way.
    pub fn in_process(&self) -> UploaderBuilder {
        let credentials =
            Credentials::new(oss_emulator::DEFAULT_ACCESS_KEY_ID, oss_emulator::DEFAULT_ACCESS_KEY_SECRET);
        over(self.emulator.endpoint(), Arc::new(self.emulator.transport()), credentials)
    }

    pub fn uploader(&self) -> Uploader {
        self.builder().build().unwrap()
    }

    pub fn uploader_with(&self, store: &Arc<dyn CheckpointStore>) -> Uploader {
        self.builder().checkpoints(Arc::clone(store)).build().unwrap()
    }

    /// A callback to a path of the application server, with a query and a custom variable.
    pub fn callback(&self, path: &str) -> Callback {
        callback(&format!("{}{path}", self.app.uri()))
    }

    pub fn object(&self, key: &str) -> Option<oss_emulator::StoredObject> {
        self.emulator.object(BUCKET, key)
    }

    pub fn requests(&self, operation: Operation) -> Vec<JournalEntry> {
        self.emulator.journal().into_iter().filter(|entry| entry.operation == Some(operation)).collect()
    }

    /// What the application server received, as wiremock keeps it.
    pub async fn received(&self) -> Vec<Request> {
        self.app.received_requests().await.unwrap()
    }

    pub fn verifier(&self, target: &str) -> Verifier {
        let (url, pem) = (self.emulator.callback_key_url(), self.emulator.callback_public_key_pem());
        Verifier::official().trust(url, pem).unwrap().expect_target(target).unwrap()
    }
}

pub fn builder(endpoint: &str, credentials: Credentials) -> UploaderBuilder {
    over(endpoint, Arc::new(ReqwestTransport::new().unwrap()), credentials)
}

pub fn over(endpoint: &str, transport: Arc<dyn Transport>, credentials: Credentials) -> UploaderBuilder {
    let endpoint: Endpoint = endpoint.parse().unwrap();
    let quick = Backoff::default().with_waits(Duration::from_millis(1), Duration::from_millis(10));
    Uploader::builder(endpoint, transport, Arc::new(credentials))
        .region(Region::try_from("cn-hangzhou").unwrap())
        .retry(Arc::new(quick))
}

pub fn callback(url: &str) -> Callback {
    Callback::builder(url)
        .allow_private_addresses(true)
        .query("user", "put_object")
        .body("bucket=${bucket}&object=${object}&etag=${etag}&size=${size}&uid=${x:uid}")
        .var("x:uid", "a b&c")
        .build()
        .unwrap()
}

pub fn bucket() -> BucketName {
    BucketName::try_from(BUCKET).unwrap()
}

/// Verifies what the application server received, as its handler would.
pub fn verify(verifier: &Verifier, request: &Request) -> Result<Verified, VerifyError> {
    let target = match request.url.query() {
        Some(query) => format!("{}?{query}", request.url.path()),
        None => request.url.path().to_owned(),
    };
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = request.method.clone();
    head.uri = target.parse().unwrap();
    head.headers = request.headers.clone();
    verifier.verify(&head, &request.body)
}

/// Bytes that differ everywhere, so that a part in the wrong place shows.
pub fn pattern(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        })
        .collect()
}

/// Polls a future at most so often and drops it; what it gave, if it ended before that.
pub async fn polled<F: Future + Unpin>(mut future: F, times: usize) -> Option<F::Output> {
    let mut left = times;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match Pin::new(&mut future).poll(cx) {
            Poll::Pending if left > 0 => Poll::Pending,
            Poll::Pending => Poll::Ready(None),
            Poll::Ready(output) => Poll::Ready(Some(output)),
        }
    })
    .await
}
