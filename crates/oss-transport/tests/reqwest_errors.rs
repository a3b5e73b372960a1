//! What the reqwest transport makes of failures that the conformance check cannot stage: names, TLS, bad URIs, and
//! clients with settings of their own.
#![cfg(feature = "reqwest")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use oss_transport::{Body, ReqwestTransport, Transport, TransportError, TransportErrorKind};
use reqwest::dns::{Name, Resolve, Resolving};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

fn transport() -> ReqwestTransport {
    ReqwestTransport::builder().system_proxy(false).build().unwrap()
}

async fn put(transport: &ReqwestTransport, uri: &str) -> TransportError {
    transport.send(http::Request::put(uri).body(Body::from("body")).unwrap()).await.unwrap_err()
}

fn chain(error: &TransportError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// A client as a user makes it, here with TLS settings that need no process-wide provider.
fn client() -> reqwest::ClientBuilder {
    let client = reqwest::Client::builder().no_proxy();
    #[cfg(feature = "rustls")]
    let client = client.tls_backend_preconfigured(
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth(),
    );
    client
}

#[derive(Debug)]
struct NoNames;

impl Resolve for NoNames {
    fn resolve(&self, name: Name) -> Resolving {
        let error = io::Error::new(io::ErrorKind::NotFound, format!("no such host: {}", name.as_str()));
        Box::pin(async move { Err(error.into()) })
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_connect() {
    let client = client().dns_resolver(Arc::new(NoNames)).build().unwrap();
    let error = put(&ReqwestTransport::from_client(client), "http://bucket.example.com/key").await;
    assert_eq!(error.kind(), TransportErrorKind::Connect);
    assert!(chain(&error).contains("no such host: bucket.example.com"), "{}", chain(&error));
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
/// A server that answers whatever it gets with an HTTP error, as an HTTP port does to a TLS handshake.
async fn plain_http_port() -> u16 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut scratch = [0; 1024];
            let _hello = socket.read(&mut scratch).await;
            let _sent = socket.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        }
    });
    port
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test]
async fn https_to_a_plain_http_port_is_tls() {
    let error = put(&transport(), &format!("https://127.0.0.1:{}/key", plain_http_port().await)).await;
    assert_eq!(error.kind(), TransportErrorKind::Tls, "{}", chain(&error));
}

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
#[tokio::test]
async fn https_without_tls_says_which_feature_is_missing() {
    let error = put(&transport(), "https://127.0.0.1:1/key").await;
    assert_eq!(error.kind(), TransportErrorKind::Tls);
    assert!(chain(&error).contains("`rustls`"), "{}", chain(&error));
}

#[tokio::test]
async fn a_uri_that_is_no_http_url_is_an_invalid_request() {
    for uri in ["/key", "ftp://127.0.0.1/key"] {
        assert_eq!(put(&transport(), uri).await.kind(), TransportErrorKind::InvalidRequest, "{uri}");
    }
}

#[tokio::test]
async fn an_error_does_not_show_the_signature_of_a_presigned_url() {
    let uri = "http://127.0.0.1:1/key?x-oss-signature=5ec2e7";
    for uri in [uri, &uri.replace("/key", "/a/../key"), &uri.replace("http", "ftp")] {
        let error = put(&transport(), uri).await;
        assert!(!chain(&error).contains("5ec2e7"), "{}", chain(&error));
        assert!(!format!("{error:?}").contains("5ec2e7"), "{error:?}");
    }
}

#[tokio::test]
async fn a_limit_of_the_users_own_client_is_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/key", listener.local_addr().unwrap());
    let client = client().timeout(Duration::from_millis(1)).build().unwrap();
    let error = put(&ReqwestTransport::from_client(client), &uri).await;
    assert_eq!(error.kind(), TransportErrorKind::Timeout, "{}", chain(&error));
}

#[tokio::test]
async fn a_client_of_the_users_own_says_the_host_it_was_given() {
    for given in [Some("proxied.example"), None] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\nbody") {
                assert_ne!(socket.read_buf(&mut seen).await.unwrap(), 0, "the request ended early");
            }
            String::from_utf8(seen).unwrap().to_ascii_lowercase()
        });
        let headers = given.map(|host| (http::header::HOST, http::HeaderValue::from_static(host)));
        let client = client().default_headers(headers.into_iter().collect()).build().unwrap();
        put(&ReqwestTransport::from_client(client), &format!("http://{address}/key")).await;
        let seen = server.await.unwrap();
        assert_eq!(seen.matches("host: ").count(), 1, "{seen}");
        assert!(seen.contains(&format!("\r\nhost: {}\r\n", given.unwrap_or(&address))), "{seen}");
    }
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test]
async fn a_connect_limit_that_passes_is_connect() {
    // A connection through a proxy that accepts and says nothing is never made.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = reqwest::Proxy::all(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let client = client().proxy(proxy).connect_timeout(Duration::from_millis(1)).build().unwrap();
    let error = put(&ReqwestTransport::from_client(client), "https://bucket.example.com/key").await;
    assert_eq!(error.kind(), TransportErrorKind::Connect, "{}", chain(&error));
}

#[cfg(feature = "conformance")]
#[tokio::test]
async fn a_client_with_the_defaults_of_reqwest_is_caught_following() {
    let make = || ReqwestTransport::from_client(client().build().unwrap());
    let settings = oss_transport::conformance::Settings::default().only("response/redirect");
    let report = settings.case_limit(Duration::from_secs(2)).run(make).await;
    assert_eq!(report.failures().count(), 1, "{report}");
}

#[test]
fn a_user_agent_that_is_no_header_value_is_refused() {
    let error = ReqwestTransport::builder().user_agent("line\nbreak").build().unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Other);
}

#[test]
fn a_transport_can_be_made_outside_a_runtime_and_without_a_crypto_provider() {
    ReqwestTransport::new().unwrap();
    #[cfg(feature = "rustls")]
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}
