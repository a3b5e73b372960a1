//! A check of the [`Transport`] contract, for authors of transports.
//!
//! [`run`] plays a scripted server on the loopback interface against a transport, and gives a [`Report`] with one
//! [`Outcome`] per promise. It needs no test framework, no network beyond loopback, and no files; it must be called
//! within a Tokio runtime that has I/O and time enabled and whose clock is not paused. A transport with another
//! reactor can be checked as long as its futures can be polled there.
//!
//! ```no_run
//! use oss_transport::conformance;
//! # use oss_transport::{Request, TransportError, transport_fn};
//! # fn my_transport() -> impl oss_transport::Transport {
//! #     transport_fn(|_: Request| async { Err(TransportError::new(oss_transport::TransportErrorKind::Other, "")) })
//! # }
//!
//! # async fn test() {
//! conformance::run(my_transport).await.into_result().unwrap();
//! # }
//! ```
//!
//! Each case gets a fresh transport, so that no case meets another one's pooled connections. The transport must not
//! send loopback requests through a proxy.
//!
//! What it does not check: name resolution, TLS, proxies, and limits for making a connection. None of these can be
//! shown with a plain loopback server.

mod cases;
mod report;
mod server;
mod source;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::{Body, Request, Response, Transport, TransportError, TransportErrorKind};
use server::Server;

pub use report::{ConformanceError, Failure, Outcome, Report, Weight};

/// Checks the transports that `make` makes, with the default [`Settings`].
///
/// # Cancellation
///
/// Dropping the future ends the check and closes its sockets.
pub async fn run<F, T>(make: F) -> Report
where
    F: Fn() -> T + Send + Sync,
    T: Transport + 'static,
{
    Settings::default().run(make).await
}

/// What a check may cost.
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until `run` is called"]
pub struct Settings {
    large_body: u64,
    in_flight: u64,
    case_limit: Duration,
    only: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { large_body: 256 << 20, in_flight: 32 << 20, case_limit: Duration::from_secs(60), only: None }
    }
}

impl Settings {
    /// Sets the size in bytes of the large streamed body. Default: 256 MiB.
    ///
    /// The largest body OSS takes in one request has 5 GB.
    pub fn large_body(mut self, bytes: u64) -> Self {
        self.large_body = bytes;
        self
    }

    /// Sets how many bytes of the large body may be between its source and the server. Default: 32 MiB.
    ///
    /// This counts the buffers of the transport and those of the operating system, of which Linux alone may use
    /// 10 MiB on loopback. Counting needs no help from the platform, unlike measuring memory.
    pub fn in_flight(mut self, bytes: u64) -> Self {
        self.in_flight = bytes;
        self
    }

    /// Sets how long one case may take before it is reported as hung. Default: 60 s.
    pub fn case_limit(mut self, limit: Duration) -> Self {
        self.case_limit = limit;
        self
    }

    /// Runs only the cases whose name contains `part`.
    pub fn only(mut self, part: impl Into<String>) -> Self {
        self.only = Some(part.into());
        self
    }

    /// Checks the transports that `make` makes.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the check and closes its sockets.
    pub async fn run<F, T>(&self, make: F) -> Report
    where
        F: Fn() -> T + Send + Sync,
        T: Transport + 'static,
    {
        let mut outcomes = Vec::new();
        for case in cases::all() {
            if self.only.as_ref().is_some_and(|part| !case.name.contains(part)) {
                continue;
            }
            let result = self.run_case(&case, Arc::new(make())).await;
            outcomes.push(Outcome { name: case.name, promise: case.promise, weight: case.weight, result });
        }
        Report::new(outcomes)
    }

    async fn run_case(&self, case: &Case, transport: Arc<dyn Transport>) -> Result<(), Failure> {
        let server = Server::bind().await?;
        let check = Check { transport, server, settings: self.clone() };
        match tokio::time::timeout(self.case_limit, (case.run)(check)).await {
            Ok(result) => result,
            Err(_elapsed) => Err(Failure::Hung { limit: self.case_limit }),
        }
    }
}

/// One promise of the contract and the way to check it.
struct Case {
    name: &'static str,
    promise: &'static str,
    weight: Weight,
    run: Run,
}

type Run = fn(Check) -> BoxFuture<'static, Result<(), Failure>>;

impl Case {
    fn promise(name: &'static str, promise: &'static str, run: Run) -> Self {
        Self { name, promise, weight: Weight::Promise, run }
    }

    fn advice(name: &'static str, promise: &'static str, run: Run) -> Self {
        Self { name, promise, weight: Weight::Advice, run }
    }
}

/// What a case works with.
struct Check {
    transport: Arc<dyn Transport>,
    server: Server,
    settings: Settings,
}

impl Check {
    /// Makes a request to the check's server.
    fn request(&self, method: http::Method, target: &str, body: Body) -> Result<Request, Failure> {
        let request = http::Request::builder().method(method).uri(format!("{}{target}", self.server.url()));
        request.body(body).map_err(|error| Failure::Io(std::io::Error::other(error)))
    }

    fn put(&self, body: impl Into<Body>) -> Result<Request, Failure> {
        self.request(http::Method::PUT, "/bucket/key", body.into())
    }

    /// Sends a request that must be answered.
    async fn send(&self, request: Request) -> Result<Response, Failure> {
        self.transport.send(request).await.map_err(Failure::UnexpectedError)
    }

    /// Sends a request that must be answered, and reads the answer.
    async fn exchange(&self, request: Request) -> Result<(http::response::Parts, bytes::Bytes), Failure> {
        let (parts, body) = self.send(request).await?.into_parts();
        let body = body.read_to_end(RESPONSE_LIMIT).await.map_err(Failure::UnexpectedError)?;
        Ok((parts, body))
    }

    /// Sends a request that must fail with one of `kinds`.
    async fn fails(&self, request: Request, kinds: &'static [TransportErrorKind]) -> Result<(), Failure> {
        self.error_of(request, kinds).await.map(drop)
    }

    async fn error_of(
        &self,
        request: Request,
        kinds: &'static [TransportErrorKind],
    ) -> Result<TransportError, Failure> {
        match self.transport.send(request).await {
            Ok(response) => Err(Failure::UnexpectedResponse { status: response.status(), expected: kinds }),
            Err(error) => expect_kind(error, kinds),
        }
    }
}

/// More than any case answers.
const RESPONSE_LIMIT: usize = 16 << 20;

fn expect_kind(
    error: TransportError,
    kinds: &'static [TransportErrorKind],
) -> Result<TransportError, Failure> {
    if kinds.contains(&error.kind()) {
        return Ok(error);
    }
    Err(Failure::WrongKind { expected: kinds, error })
}
