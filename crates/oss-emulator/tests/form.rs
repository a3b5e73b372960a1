//! PostObject: what a browser's form may hold, and how it is answered.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]

mod common;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use common::{Application, BUCKET, Reply, send};
use http::Request;
use http_body_util::Full;
use oss_emulator::{Acl, Emulator};
use oss_signing::{Credentials, PostFields, PostPolicy, Signer as _, V1Signer, V4Signer};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

const BOUNDARY: &str = "----boundary";

fn form(fields: &[(&str, &str)], file: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = "Content-Disposition: form-data; name=\"file\"; filename=\"C:\\\\dir\\\\a b.png\"\r\nContent-Type: image/png";
    body.extend_from_slice(format!("--{BOUNDARY}\r\n{head}\r\n\r\n").as_bytes());
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    body
}

async fn post(emulator: &Emulator, body: Vec<u8>) -> Reply {
    let request = Request::post(format!("/{BUCKET}/"))
        .header("host", "127.0.0.1")
        .header("content-type", format!("multipart/form-data; boundary=\"{BOUNDARY}\""))
        .header("content-length", body.len())
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    send(emulator, request).await.unwrap()
}

async fn public() -> Emulator {
    Emulator::builder().bucket_with_acl(BUCKET, Acl::PublicReadWrite).start().await.unwrap()
}

#[tokio::test]
async fn outcomes() {
    let emulator = public().await;
    let plain = post(&emulator, form(&[("key", "up/${filename}"), ("x-oss-meta-a", "b")], b"picture")).await;
    assert_eq!((plain.status.as_u16(), plain.body.len()), (204, 0));
    let stored = emulator.object(BUCKET, "up/a b.png").unwrap();
    assert_eq!(
        (&stored.body[..], &*stored.content_type, &*stored.metadata["a"]),
        (&b"picture"[..], "image/png", "b")
    );
    let created = post(&emulator, form(&[("key", "k"), ("success_action_status", "201")], b"x")).await;
    assert_eq!((created.status.as_u16(), created.element("Key")), (201, "k"));
    let redirect = form(&[("key", "k"), ("success_action_redirect", "http://a.example/done?x=1")], b"x");
    let moved = post(&emulator, redirect).await;
    assert_eq!(moved.status, 303);
    assert!(
        moved.header("location").starts_with("http://a.example/done?x=1&bucket=examplebucket&key=k&etag=%22")
    );
    let forbidden = form(&[("key", "k"), ("x-oss-forbid-overwrite", "true")], b"y");
    assert_eq!(post(&emulator, forbidden).await.element("Code"), "FileAlreadyExists");
}

#[tokio::test]
async fn broken_forms_are_refused() {
    let emulator = public().await;
    let whole = form(&[("key", "k")], b"x");
    for cut in 0..whole.len() - 4 {
        let reply = post(&emulator, whole[..cut].to_vec()).await;
        assert_eq!((reply.status.as_u16(), reply.element("Code")), (400, "MalformedPOSTRequest"), "{cut}");
    }
    let no_file = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n--{BOUNDARY}--\r\n"
    );
    assert_eq!(
        post(&emulator, no_file.into_bytes()).await.element("Code"),
        "IncorrectNumberOfFilesInPOSTRequest"
    );
    assert!(emulator.keys(BUCKET).is_empty());
    let private = common::emulator().await;
    let refused = post(&private, whole).await;
    assert_eq!((refused.status.as_u16(), refused.element("Code")), (403, "AccessDenied"));
}

#[test]
fn any_bytes_come_through_a_form() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let emulator = runtime.block_on(public());
    let pieces = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"\r\n--".to_vec()),
        Just(b"\r\n------bound".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    let content = proptest::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat());
    let mut runner = TestRunner::new(ProptestConfig { cases: 150, ..ProptestConfig::default() });
    runner
        .run(&content, |content| {
            let reply = runtime.block_on(post(&emulator, form(&[("key", "k"), ("empty", "")], &content)));
            prop_assert_eq!(reply.status.as_u16(), 204);
            prop_assert_eq!(emulator.object(BUCKET, "k").unwrap().body, content);
            Ok(())
        })
        .unwrap();
}

/// The fields of a form signed with either version.
fn signed(version: &str, policy: &PostPolicy, credentials: &Credentials, now: SystemTime) -> PostFields {
    match version {
        "v1" => V1Signer::new().sign_post(policy, credentials, now).unwrap(),
        _ => V4Signer::new("cn-hangzhou".parse().unwrap()).sign_post(policy, credentials, now).unwrap(),
    }
}

#[tokio::test]
async fn policies_are_kept_to() {
    let application = Application::answering(200, r#"{"ok":true}"#).await;
    let builder = Emulator::builder().bucket(BUCKET).credentials("test-id", "test-secret");
    let emulator = builder.sts_credentials("sts-id", "sts-secret", "sts-token").start().await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "a client signs with the time of day")]
    let now = SystemTime::now();
    let policy = PostPolicy::new(&BUCKET.parse().unwrap(), now + Duration::from_secs(60))
        .starts_with("key", "up/")
        .content_length_range(1..=10);
    let own = Credentials::new("test-id", "test-secret");
    let callback = common::callback(&application.url, "object=${object}&size=${size}&v=${x:v}");
    for version in ["v1", "v4"] {
        let fields = signed(version, &policy, &own, now);
        let try_form = async |key: &str, file: &[u8], fields: &PostFields, callback: &str| {
            let mut all = vec![("key", key), ("callback", callback), ("x:v", "a b")];
            all.extend(fields.iter());
            post(&emulator, form(&all, file)).await
        };
        let reply = try_form("up/k", b"hello", &fields, &callback).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (200, r#"{"ok":true}"#), "{version}");
        assert_eq!(application.received().last().unwrap().body, "object=up%2Fk&size=5&v=a%20b");

        let refused = |reply: Reply| (reply.status.as_u16(), reply.element("Code").to_owned());
        let denied = (403, "AccessDenied".to_owned());
        assert_eq!(refused(try_form("down/k", b"hello", &fields, "").await), denied, "{version}");
        let long = refused(try_form("up/long", b"hello world", &fields, "").await);
        assert_eq!(long, (400, "EntityTooLarge".to_owned()), "{version}");
        let short = refused(try_form("up/short", b"", &fields, "").await);
        assert_eq!(short, (400, "EntityTooSmall".to_owned()), "{version}");
        let wrong = signed(version, &policy, &Credentials::new("test-id", "wrong"), now);
        let wrong = refused(try_form("up/wrong", b"hello", &wrong, "").await);
        assert_eq!(wrong, (403, "SignatureDoesNotMatch".to_owned()), "{version}");

        let temporary = Credentials::new("sts-id", "sts-secret");
        let bare = signed(version, &policy, &temporary, now);
        assert_eq!(try_form("up/bare", b"hello", &bare, "").await.status, 403, "{version}");
        let whole = signed(version, &policy, &temporary.with_security_token("sts-token"), now);
        assert_eq!(try_form("up/sts", b"hello", &whole, "").await.status, 204, "{version}");

        emulator.set_clock_offset_millis(61_000);
        assert_eq!(refused(try_form("up/late", b"hello", &fields, "").await), denied, "{version}");
        emulator.set_clock_offset_millis(0);
    }
    assert_eq!(emulator.keys(BUCKET), ["up/k", "up/sts"]);
    assert_eq!(post(&emulator, form(&[("key", "up/k")], b"x")).await.element("Code"), "AccessDenied");
}
