//! The bucket in the path, in front of the host, and behind a custom domain: what answers say of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]

mod common;

use bytes::Bytes;
use common::upload::Upload;
use common::{Call, Reply, call, send};
use http::Request;
use http_body_util::Full;
use oss_emulator::{Acl, Emulator};

/// Hosts, what the path has before the key, and what a URL of the key begins with.
const STYLES: &[(&str, &str, &str)] = &[
    ("127.0.0.1:9000", "/examplebucket/", "http://127.0.0.1:9000/examplebucket/"),
    ("examplebucket.localhost", "/", "http://examplebucket.localhost/"),
    ("img.example.com", "/", "http://img.example.com/"),
];

/// A key that begins like its bucket is called, so that it could be taken for the bucket in the path.
const KEY: &str = "examplebucket-2024/a b";
const ENCODED: &str = "examplebucket-2024/a%20b";

async fn emulator() -> Emulator {
    let builder = Emulator::builder().bucket_with_acl(common::BUCKET, Acl::PublicReadWrite);
    builder.cname("img.example.com", common::BUCKET).start().await.unwrap()
}

/// Sends a call's body and headers, unsigned, to another host.
async fn send_to(emulator: &Emulator, host: &str, path: &str, call: Call) -> Reply {
    let mut request = Request::builder().method(call.method).uri(format!("{path}?{}", call.query));
    for (name, value) in call.headers {
        request = request.header(name, value);
    }
    let request = request.header("host", host).header("content-length", call.body.len());
    send(emulator, request.body(Full::new(call.body)).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_completed_upload_is_where_its_location_says() {
    let emulator = emulator().await;
    for (host, prefix, url) in STYLES {
        let upload = Upload::initiate(&emulator, ENCODED).await;
        let etag = upload.part(1, "x").send(&emulator).await.header("etag").to_owned();
        let complete = upload.complete(&[(1, &etag)]);
        let reply = send_to(&emulator, host, &format!("{prefix}{ENCODED}"), complete).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.element("Location"), format!("{url}{ENCODED}"));
        assert_eq!(reply.element("Key"), KEY);
    }
}

#[tokio::test]
async fn a_posted_form_is_where_its_location_says() {
    let emulator = emulator().await;
    let form = |status: &str| {
        let field = |name: &str, value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = [
            field("key", KEY),
            field("success_action_status", status),
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nx\r\n--b--\r\n"
                .to_owned(),
        ];
        call("POST", "")
            .header("content-type", "multipart/form-data; boundary=b")
            .body(Bytes::from(body.concat()))
    };
    for (host, prefix, url) in STYLES {
        let created = send_to(&emulator, host, prefix, form("201")).await;
        assert_eq!(
            (created.status.as_u16(), created.element("Location")),
            (201, &*format!("{url}{ENCODED}"))
        );
        let silent = send_to(&emulator, host, prefix, form("204")).await;
        assert_eq!((silent.status.as_u16(), silent.header("location")), (204, &*format!("{url}{ENCODED}")));
    }
}
