//! The emulator as a transport, without a socket.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]

mod common;

use common::{BUCKET, call, emulator};
use oss_emulator::{Emulator, Fault, Operation};
use oss_transport::{Body, Response, Transport, TransportError, TransportErrorKind};

async fn send(
    emulator: &Emulator,
    call: common::Call,
    body: Option<Body>,
) -> Result<Response, TransportError> {
    let (mut parts, own) = call.request(emulator).into_parts();
    if body.is_some() {
        parts.headers.remove("content-length");
    }
    let body = body.unwrap_or_else(|| Body::wrap(own));
    emulator.transport().send(http::Request::from_parts(parts, body)).await
}

#[tokio::test]
async fn requests_and_answers_are_those_of_the_wire() {
    let emulator = emulator().await;
    let put = send(&emulator, call("PUT", "k").body("hello world"), None).await.unwrap();
    assert_eq!(put.status(), 200);
    assert_eq!(put.headers()["x-oss-hash-crc64ecma"], "5981764153023615706");
    let got = send(&emulator, call("GET", "k"), None).await.unwrap();
    assert_eq!(got.into_body().read_to_end(100).await.unwrap(), "hello world");
    let head = send(&emulator, call("HEAD", "k"), None).await.unwrap();
    assert_eq!(head.headers()["content-length"], "11");
    assert!(head.into_body().read_to_end(0).await.unwrap().is_empty());
    let streamed = Body::from("without a content-length");
    assert_eq!(send(&emulator, call("PUT", "k"), Some(streamed)).await.unwrap().status(), 200);
    assert_eq!(emulator.object(BUCKET, "k").unwrap().body, "without a content-length");
}

#[tokio::test]
async fn faults_are_errors_of_the_right_kind() {
    let emulator = emulator().await;
    let put = || call("PUT", "k").body("hello world");
    emulator.inject(Fault::on(Operation::PutObject).reset_request_after(3));
    let error = send(&emulator, put(), None).await.unwrap_err();
    assert!(!matches!(error.kind(), TransportErrorKind::Body | TransportErrorKind::Connect), "{error:?}");
    emulator.inject(Fault::on(Operation::PutObject).drop_answer());
    let error = send(&emulator, put(), None).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::ReceiveInterrupted);
    assert!(emulator.object(BUCKET, "k").is_some());
    emulator.inject(Fault::on(Operation::GetObject).reset_response_after(4));
    let cut = send(&emulator, call("GET", "k"), None).await.unwrap();
    assert_eq!(
        cut.into_body().read_to_end(100).await.unwrap_err().kind(),
        TransportErrorKind::ReceiveInterrupted
    );
}

#[tokio::test]
async fn an_error_of_the_source_comes_back_as_it_was() {
    let emulator = emulator().await;
    let short = Body::wrap(ShortBody);
    let error = send(&emulator, call("PUT", "k"), Some(short)).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Body);
    assert!(emulator.object(BUCKET, "k").is_none());
}

/// Declares ten bytes and has none.
struct ShortBody;

impl http_body::Body for ShortBody {
    type Data = bytes::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, std::io::Error>>> {
        std::task::Poll::Ready(None)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(10)
    }
}
