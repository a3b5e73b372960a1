//! The conformance check fails transports that break the contract, in the case that is about what they break.
#![cfg(all(feature = "reqwest", feature = "conformance"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use oss_transport::conformance::{Failure, Settings};
use oss_transport::{
    Body, Request, ReqwestTransport, Response, Transport, TransportError, TransportErrorKind, transport_fn,
};

fn good() -> ReqwestTransport {
    ReqwestTransport::builder().system_proxy(false).build().unwrap()
}

/// Longer than any case takes that comes to an end.
const AMPLE: Duration = Duration::from_secs(30);

/// Checks the cases whose name contains `cases`, and gives the names of those that failed and how.
async fn failures<T: Transport + 'static>(
    cases: &str,
    make: impl Fn() -> T + Send + Sync,
) -> Vec<(&'static str, &'static str)> {
    failures_within(AMPLE, cases, make).await
}

/// The same for cases that never come to an end: the names of those that hung. They are given up after many times the
/// time in which the good transport passes them here and now, so that a slow machine is not taken for a case that hangs.
async fn hung<T: Transport + 'static>(cases: &str, make: impl Fn() -> T + Send + Sync) -> Vec<&'static str> {
    let began = Instant::now();
    assert_eq!(failures(cases, good).await, [], "the good transport keeps {cases}");
    let limit = (20 * began.elapsed()).max(Duration::from_millis(300));
    let failures = failures_within(limit, cases, make).await;
    assert!(failures.iter().all(|(_, how)| *how == "Hung"), "{failures:?}");
    failures.into_iter().map(|(name, _)| name).collect()
}

async fn failures_within<T: Transport + 'static>(
    limit: Duration,
    cases: &str,
    make: impl Fn() -> T + Send + Sync,
) -> Vec<(&'static str, &'static str)> {
    let settings = Settings::default().only(cases).large_body(64 << 20).case_limit(limit);
    let report = settings.run(make).await;
    assert!(!report.outcomes().is_empty(), "no case is called {cases}");
    report.failures().map(|outcome| (outcome.name(), kind(outcome.failure().unwrap()))).collect()
}

fn kind(failure: &Failure) -> &'static str {
    match failure {
        Failure::Server { .. } => "Server",
        Failure::Caller { .. } => "Caller",
        Failure::UnexpectedError(_) => "UnexpectedError",
        Failure::UnexpectedResponse { .. } => "UnexpectedResponse",
        Failure::WrongKind { .. } => "WrongKind",
        Failure::Unbounded { .. } => "Unbounded",
        Failure::Hung { .. } => "Hung",
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_error_made_of_a_status_is_caught() {
    let make = || {
        let inner = good();
        transport_fn(move |request| {
            let inner = inner.clone();
            async move {
                let response = inner.send(request).await?;
                if response.status().is_success() && response.status() != 203 {
                    return Ok(response);
                }
                Err(TransportError::new(TransportErrorKind::Other, response.status().to_string()))
            }
        })
    };
    assert_eq!(failures("response/every-status", make).await, [("response/every-status", "UnexpectedError")]);
    assert_eq!(failures("response/redirect", make).await, [("response/redirect", "UnexpectedError")]);
}

#[tokio::test]
async fn a_second_try_is_caught() {
    let make = || {
        let inner = good();
        transport_fn(move |request: Request| {
            let inner = inner.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.read_to_end(1 << 20).await?;
                let again = http::Request::from_parts(parts.clone(), Body::from(body.clone()));
                let response = inner.send(http::Request::from_parts(parts, Body::from(body))).await;
                match response {
                    Ok(response) if !response.status().is_server_error() => Ok(response),
                    _ => inner.send(again).await,
                }
            }
        })
    };
    assert_eq!(failures("response/every-status", make).await, [("response/every-status", "Server")]);
    let breaks = failures("after-body", make).await;
    assert_eq!(breaks, [("break/reset-after-body", "Server"), ("break/closed-after-body", "Server")]);
}

#[tokio::test]
async fn a_total_body_in_memory_is_caught() {
    let make = || {
        let inner = good();
        transport_fn(move |request: Request| {
            let inner = inner.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.read_to_end(usize::MAX).await?;
                inner.send(http::Request::from_parts(parts, Body::from(body))).await
            }
        })
    };
    assert_eq!(failures("scale/large-body", make).await, [("scale/large-body", "Unbounded")]);
    assert_eq!(failures("delivery/unknown-length", make).await, [("delivery/unknown-length", "Server")]);
    assert_eq!(hung("drop/while-sending", make).await, ["drop/while-sending"]);
}

#[tokio::test]
async fn a_collected_response_is_caught() {
    let make = || {
        let inner = good();
        transport_fn(move |request| {
            let inner = inner.clone();
            async move {
                let (parts, body) = inner.send(request).await?.into_parts();
                Ok(Response::from_parts(parts, Body::from(body.read_to_end(1 << 20).await?)))
            }
        })
    };
    assert_eq!(hung("response/at-headers", make).await, ["response/at-headers"]);
    assert_eq!(hung("break/closed-in-body", make).await, ["break/closed-in-body"]);
}

#[tokio::test]
async fn wrong_kinds_are_caught() {
    let make = || {
        let inner = good();
        transport_fn(move |request| {
            let inner = inner.clone();
            async move {
                let result = inner.send(request).await;
                result.map_err(|error| TransportError::new(TransportErrorKind::Other, error.into_source()))
            }
        })
    };
    let caught = failures("", make).await;
    for part in ["break/refused", "break/reset-at-half", "break/closed-after-body", "source/too-short"] {
        assert!(caught.contains(&(part, "WrongKind")), "{part} is not among {caught:?}");
    }
    assert!(caught.iter().all(|(part, _)| *part != "delivery/bytes"), "{caught:?}");
}

#[tokio::test]
async fn a_request_that_goes_on_without_its_caller_is_caught() {
    let make = || {
        let inner = good();
        transport_fn(move |request| {
            let task = tokio::spawn({
                let inner = inner.clone();
                async move { inner.send(request).await }
            });
            async move { task.await.unwrap() }
        })
    };
    let caught = hung("drop/while", make).await;
    assert_eq!(caught, ["drop/while-sending", "drop/while-blocked", "drop/while-waiting"]);
}

#[tokio::test]
async fn one_request_at_a_time_is_caught() {
    let make = || {
        let inner = good();
        let turn = std::sync::Arc::new(tokio::sync::Mutex::new(()));
        transport_fn(move |request| {
            let (inner, turn) = (inner.clone(), turn.clone());
            async move {
                let _turn = turn.lock().await;
                inner.send(request).await
            }
        })
    };
    assert_eq!(hung("scale/parallel", make).await, ["scale/parallel"]);
}

#[tokio::test]
async fn an_added_accept_encoding_and_a_changed_target_are_caught() {
    let make = || {
        let inner = good();
        transport_fn(move |mut request: Request| {
            let inner = inner.clone();
            async move {
                request.headers_mut().insert("accept-encoding", http::HeaderValue::from_static("gzip"));
                let tidied = request.uri().to_string().replace("/bucket//", "/bucket/");
                *request.uri_mut() = tidied.parse().unwrap();
                inner.send(request).await
            }
        })
    };
    assert_eq!(failures("response/encoded", make).await, [("response/encoded", "Server")]);
    assert_eq!(failures("delivery/target", make).await, [("delivery/target", "Server")]);
}

#[tokio::test]
async fn a_transport_that_waits_for_the_body_before_it_looks_for_an_answer_is_caught() {
    let make = || {
        let inner = good();
        transport_fn(move |request: Request| {
            let inner = inner.clone();
            async move {
                let (parts, body) = request.into_parts();
                let (done, sent) = tokio::sync::oneshot::channel::<()>();
                let body = http_body_util::BodyExt::inspect_frame(body, move |_| {
                    let _dropped_with_the_body = &done;
                });
                let request = http::Request::from_parts(parts, Body::wrap(body));
                match select(pin!(inner.send(request)), sent).await {
                    Either::Left((response, sent)) => {
                        let _closed = sent.await;
                        response
                    }
                    Either::Right((_, sending)) => sending.await,
                }
            }
        })
    };
    let caught = hung("early/while-waiting", make).await;
    assert_eq!(caught, ["early/while-waiting", "early/while-waiting-chunked"]);
}
