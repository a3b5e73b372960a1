//! The reqwest transport against wiremock: a server nobody here wrote agrees about what was sent.
#![cfg(feature = "reqwest")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use futures_util::stream;
use oss_transport::{Body, ReqwestTransport, Transport};
use wiremock::matchers::{body_bytes, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn transport() -> ReqwestTransport {
    ReqwestTransport::builder().system_proxy(false).build().unwrap()
}

#[tokio::test]
async fn a_put_arrives_and_a_203_comes_back_with_headers_and_body() {
    let server = MockServer::start().await;
    let answer = "<Error><Code>CallbackFailed</Code></Error>";
    Mock::given(method("PUT"))
        .and(path("/bucket/files%2Fhello"))
        .and(query_param("x-oss-callback", "e30="))
        .and(header("content-length", "5"))
        .and(header("content-type", "text/plain"))
        .and(body_bytes("hello"))
        .respond_with(
            ResponseTemplate::new(203)
                .insert_header("ETag", "\"5D41402ABC4B2A76B9719D911017C592\"")
                .set_body_string(answer),
        )
        .expect(1)
        .mount(&server)
        .await;

    let chunks = [Ok::<_, std::io::Error>(Bytes::from("he")), Ok(Bytes::from("llo"))];
    let request = http::Request::put(server.uri() + "/bucket/files%2Fhello?x-oss-callback=e30%3D")
        .header("content-type", "text/plain")
        .body(Body::from_stream(stream::iter(chunks), Some(5)))
        .unwrap();
    let response = transport().send(request).await.unwrap();
    assert_eq!(response.status(), 203);
    assert_eq!(response.headers()["etag"], "\"5D41402ABC4B2A76B9719D911017C592\"");
    assert_eq!(response.into_body().read_to_end(1024).await.unwrap(), answer);
}

#[tokio::test]
async fn a_503_is_sent_once_and_comes_back() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(503).insert_header("x-oss-qos-delay-time", "200"))
        .expect(1)
        .mount(&server)
        .await;

    let request = http::Request::post(server.uri() + "/bucket/key?uploads").body(Body::empty()).unwrap();
    let response = transport().send(request).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["x-oss-qos-delay-time"], "200");
    let sent = &server.received_requests().await.unwrap()[0];
    assert_eq!(sent.headers["content-length"], "0");
}
