//! The reqwest transport against a server of raw sockets: what goes onto the wire, and what comes back.
#![cfg(feature = "reqwest")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use futures_util::stream;
use oss_transport::{Body, ReqwestTransport, Transport, TransportErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn transport() -> ReqwestTransport {
    ReqwestTransport::builder().system_proxy(false).build().unwrap()
}

/// Answers one request with `answer` as soon as `until` was seen in it, and gives what arrived.
async fn serve_once(until: &'static str, answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(until) {
            assert_ne!(socket.read_buf(&mut seen).await.unwrap(), 0, "the request ended early");
        }
        socket.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(seen).unwrap()
    });
    (url, server)
}

#[tokio::test]
async fn a_known_length_is_announced_and_the_answer_comes_back() {
    let (url, server) =
        serve_once("hello", "HTTP/1.1 203 Non-Authoritative Information\r\nContent-Length: 2\r\n\r\nno")
            .await;
    let chunks = [Ok::<_, std::io::Error>(Bytes::from("hel")), Ok(Bytes::from("lo"))];
    let body = Body::from_stream(stream::iter(chunks), Some(5));
    let response =
        transport().send(http::Request::put(url + "/k%20ey?x=1").body(body).unwrap()).await.unwrap();
    assert_eq!(response.status(), 203);
    assert_eq!(response.into_body().read_to_end(10).await.unwrap(), "no");
    let seen = server.await.unwrap().to_ascii_lowercase();
    assert!(seen.starts_with("put /k%20ey?x=1 http/1.1\r\n"), "{seen}");
    assert!(seen.contains("content-length: 5\r\n"), "{seen}");
    assert!(!seen.contains("transfer-encoding"), "{seen}");
}

#[tokio::test]
async fn an_unknown_length_goes_in_chunks() {
    let (url, server) = serve_once("0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let body = Body::from_stream(stream::iter([Ok::<_, std::io::Error>(Bytes::from("hello"))]), None);
    transport().send(http::Request::put(url).body(body).unwrap()).await.unwrap();
    assert!(server.await.unwrap().to_ascii_lowercase().contains("transfer-encoding: chunked\r\n"));
}

#[tokio::test]
async fn a_uri_that_would_be_changed_is_refused() {
    let request = http::Request::put("http://127.0.0.1:9/a/../b").body(Body::empty()).unwrap();
    let error = transport().send(request).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::InvalidRequest);
}

#[tokio::test]
async fn a_header_that_contradicts_the_body_is_refused() {
    let request =
        http::Request::put("http://127.0.0.1:9/").header("content-length", "4").body("hello".into());
    let error = transport().send(request.unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::InvalidRequest);
}
