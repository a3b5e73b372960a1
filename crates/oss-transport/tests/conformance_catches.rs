//! The conformance check fails transports that break the contract, in the case that is about what they break.
#![cfg(all(feature = "reqwest", feature = "conformance"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use oss_transport::conformance::Settings;
use oss_transport::{
    Body, Request, ReqwestTransport, Response, Transport, TransportError, TransportErrorKind, transport_fn,
};

fn good() -> ReqwestTransport {
    ReqwestTransport::builder().system_proxy(false).build().unwrap()
}

/// Checks the cases whose name contains `cases`, and gives the names of those that failed.
async fn failures<T: Transport + 'static>(
    cases: &str,
    make: impl Fn() -> T + Send + Sync,
) -> Vec<&'static str> {
    // Cases asked for by name are expected to fail, some of them by hanging.
    let limit = if cases.is_empty() { Duration::from_secs(30) } else { Duration::from_millis(500) };
    let settings = Settings::default().only(cases).large_body(64 << 20).case_limit(limit);
    settings.run(make).await.failures().map(|outcome| outcome.name()).collect()
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
    assert_eq!(failures("response/every-status", make).await, ["response/every-status"]);
    assert_eq!(failures("response/redirect", make).await, ["response/redirect"]);
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
    assert_eq!(failures("response/every-status", make).await, ["response/every-status"]);
    let breaks = failures("after-body", make).await;
    assert_eq!(breaks, ["break/reset-after-body", "break/closed-after-body"]);
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
    assert_eq!(failures("scale/large-body", make).await, ["scale/large-body"]);
    assert_eq!(failures("delivery/unknown-length", make).await, ["delivery/unknown-length"]);
    assert_eq!(failures("drop/while-sending", make).await, ["drop/while-sending"]);
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
    assert_eq!(failures("response/at-headers", make).await, ["response/at-headers"]);
    assert_eq!(failures("break/closed-in-body", make).await, ["break/closed-in-body"]);
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
        assert!(caught.contains(&part), "{part} is not among {caught:?}");
    }
    assert!(!caught.contains(&"delivery/bytes"), "{caught:?}");
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
    let caught = failures("drop/while", make).await;
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
    assert_eq!(failures("scale/parallel", make).await, ["scale/parallel"]);
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
    assert_eq!(failures("response/encoded", make).await, ["response/encoded"]);
    assert_eq!(failures("delivery/target", make).await, ["delivery/target"]);
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
    let caught = failures("early/while-waiting", make).await;
    assert_eq!(caught, ["early/while-waiting", "early/while-waiting-chunked"]);
}
