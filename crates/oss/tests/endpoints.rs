//! Where requests go, and for which region they are signed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]

use std::sync::{Arc, Mutex};

use oss::signing::{Addressing, Credentials, EndpointKind};
use oss::transport::{Body, Response, Transport, transport_fn};
use oss::{Client, ClientBuilder, ConfigError, Error};

/// What was asked for: the URL and the region of the signature's scope.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

fn recorder() -> (Asked, Arc<dyn Transport>) {
    let asked = Asked::default();
    let sink = Arc::clone(&asked);
    let transport = transport_fn(move |request| {
        let signature = request.headers()["authorization"].to_str().unwrap().to_owned();
        let region = signature.split('/').nth(2).unwrap_or_default().to_owned();
        sink.lock().unwrap().push((request.uri().to_string(), region));
        async {
            let mut response = Response::new(Body::empty());
            response.headers_mut().insert("x-oss-request-id", http::HeaderValue::from_static("1"));
            *response.status_mut() = http::StatusCode::NO_CONTENT;
            Ok(response)
        }
    });
    (asked, Arc::new(transport))
}

async fn ask(builder: ClientBuilder, key: &str) -> (String, String) {
    let (asked, transport) = recorder();
    let client = builder.transport(transport).credentials(Credentials::new("id", "secret"));
    let client = client.checkpoint_directory("unused").build().unwrap();
    client.bucket("examplebucket").unwrap().delete_object(key).await.unwrap();
    asked.lock().unwrap().remove(0)
}

#[tokio::test]
async fn an_endpoint_or_a_region_alone_is_enough_where_one_implies_the_other() {
    let region = |kind| Client::in_region("cn-hangzhou", kind);
    for (builder, host) in [
        (
            Client::builder("oss-cn-hangzhou.aliyuncs.com"),
            "https://examplebucket.oss-cn-hangzhou.aliyuncs.com",
        ),
        (
            Client::builder("http://oss-cn-hangzhou-internal.aliyuncs.com"),
            "http://examplebucket.oss-cn-hangzhou-internal.aliyuncs.com",
        ),
        (region(EndpointKind::Public), "https://examplebucket.oss-cn-hangzhou.aliyuncs.com"),
        (region(EndpointKind::Internal), "https://examplebucket.oss-cn-hangzhou-internal.aliyuncs.com"),
        (region(EndpointKind::DualStack), "https://examplebucket.cn-hangzhou.oss.aliyuncs.com"),
        (region(EndpointKind::Accelerate), "https://examplebucket.oss-accelerate.aliyuncs.com"),
        (
            Client::builder("oss-accelerate.aliyuncs.com").region("cn-hangzhou"),
            "https://examplebucket.oss-accelerate.aliyuncs.com",
        ),
        (
            Client::builder("https://static.example.com").region("cn-hangzhou").addressing(Addressing::Cname),
            "https://static.example.com",
        ),
        (
            Client::builder("http://127.0.0.1:9000").region("cn-hangzhou"),
            "http://127.0.0.1:9000/examplebucket",
        ),
        (
            Client::builder("http://localhost:9000").region("cn-hangzhou"),
            "http://localhost:9000/examplebucket",
        ),
        (Client::builder("http://[::1]:9000").region("cn-hangzhou"), "http://[::1]:9000/examplebucket"),
    ] {
        assert_eq!(ask(builder, "k").await, (format!("{host}/k"), "cn-hangzhou".to_owned()));
    }
}

#[tokio::test]
async fn every_byte_of_a_key_is_in_the_url() {
    for (key, encoded) in [
        ("dir/", "dir/"),
        ("a#b", "a%23b"),
        ("a?b", "a%3Fb"),
        ("a//b", "a//b"),
        ("100%", "100%25"),
        ("a+b c", "a%2Bb%20c"),
        ("你好", "%E4%BD%A0%E5%A5%BD"),
    ] {
        let (url, _) = ask(Client::in_region("cn-hangzhou", EndpointKind::Public), key).await;
        assert_eq!(url, format!("https://examplebucket.oss-cn-hangzhou.aliyuncs.com/{encoded}"));
    }
}

#[tokio::test]
async fn wrong_names_are_refused_before_anything_is_sent() {
    let (asked, transport) = recorder();
    let builder = Client::in_region("cn-hangzhou", EndpointKind::Public).transport(transport);
    let client = builder.credentials(Credentials::new("id", "secret"));
    let client = client.checkpoint_directory("unused").build().unwrap();
    for name in ["", "ab", "Upper", "-dash", "dot.ted", &"a".repeat(64)] {
        assert!(client.bucket(name).is_err(), "{name}");
    }
    let bucket = client.bucket("examplebucket").unwrap();
    for key in ["", "/leading", "\\leading", &"k".repeat(1024)] {
        let error = bucket.put_object(key, vec![1]).await.unwrap_err();
        assert!(matches!(error, Error::Name(_)), "{key}: {error:?}");
    }
    assert!(asked.lock().unwrap().is_empty());

    let accelerate = Client::builder("oss-accelerate.aliyuncs.com").credentials(Credentials::new("i", "s"));
    let (_, transport) = recorder();
    let error = accelerate.transport(transport).checkpoint_directory("unused").build().unwrap_err();
    assert!(
        matches!(error, ConfigError::Upload(Error::InvalidArgument { argument: "region", .. })),
        "{error:?}"
    );
    let error = Client::in_region("oss-cn-hangzhou", EndpointKind::Public).build().unwrap_err();
    assert!(matches!(error, ConfigError::Name(_)), "{error:?}");
}
