//! Who is let in: both signature versions, presigned URLs, tokens, clocks, public buckets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]
#![allow(clippy::disallowed_methods, reason = "a client signs with the time of day")]

mod common;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use common::{BUCKET, Reply, call, emulator, send};
use http::Request;
use http_body_util::Full;
use oss_emulator::{Acl, Emulator, Fault, Operation};
use oss_signing::{Credentials, Resource, Signer, V1Signer, V4Signer};

fn credentials() -> Credentials {
    Credentials::new("test-id", "test-secret")
}

async fn signed(
    emulator: &Emulator,
    method: &str,
    body: &'static str,
    sign: impl FnOnce(&mut http::request::Parts, Resource<'_>),
) -> Reply {
    let host = emulator.endpoint().strip_prefix("http://").unwrap();
    let request = Request::builder()
        .method(method)
        .uri(format!("http://{host}/{BUCKET}/k"))
        .header("host", host)
        .header("content-length", body.len())
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .unwrap();
    let (mut parts, body) = request.into_parts();
    sign(&mut parts, Resource::object(BUCKET, "k"));
    // On a connection of its own a client sends the path alone.
    parts.uri = parts.uri.path_and_query().unwrap().as_str().parse().unwrap();
    send(emulator, Request::from_parts(parts, body)).await.unwrap()
}

#[tokio::test]
async fn every_way_of_signing_is_let_in() {
    let emulator = emulator().await;
    let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
    let v1 = V1Signer::new();
    let v4 = V4Signer::new("cn-hangzhou".parse().unwrap());
    for signer in [&v1 as &dyn Signer, &v4] {
        let put = signed(&emulator, "PUT", "x", |parts, resource| {
            signer.sign(parts, resource, &credentials(), now).unwrap();
        })
        .await;
        assert_eq!(put.status, 200, "{put:?}");
        let got = signed(&emulator, "GET", "", |parts, resource| {
            signer.presign(parts, resource, &credentials(), now, hour).unwrap();
        })
        .await;
        assert_eq!((got.status.as_u16(), got.text()), (200, "x"), "{got:?}");
        let expired = signed(&emulator, "GET", "", |parts, resource| {
            let then = now - Duration::from_secs(7200);
            signer.presign(parts, resource, &credentials(), then, hour).unwrap();
        })
        .await;
        assert_eq!((expired.status.as_u16(), expired.element("Code")), (403, "AccessDenied"));
    }
}

#[tokio::test]
async fn a_skewed_clock_is_told_the_time() {
    let emulator = Emulator::builder().bucket(BUCKET).clock_offset_millis(3_600_000).start().await.unwrap();
    let refused = call("PUT", "k").body("x").send(&emulator).await;
    assert_eq!((refused.status.as_u16(), refused.element("Code")), (403, "RequestTimeTooSkewed"));
    assert_eq!(refused.element("MaxAllowedSkewMilliseconds"), "900000");
    let server = httpdate::parse_http_date(refused.header("date")).unwrap();
    assert!(server > SystemTime::now() + Duration::from_secs(3500));
    emulator.set_clock_offset_millis(0);
    assert_eq!(call("PUT", "k").body("x").send(&emulator).await.status, 200);
    emulator.inject(Fault::on(Operation::PutObject).clock_offset_millis(-1_000_000));
    assert_eq!(call("PUT", "k").body("x").send(&emulator).await.element("Code"), "RequestTimeTooSkewed");
}

#[tokio::test]
async fn temporary_credentials_need_their_token() {
    let emulator = Emulator::builder()
        .bucket(BUCKET)
        .sts_credentials("STS.id", "secret", "token")
        .start()
        .await
        .unwrap();
    let mut put = call("PUT", "k").body("x").secret("secret");
    put.id = "STS.id".to_owned();
    for (token, code) in [(None, "InvalidAccessKeyId"), (Some("other"), "InvalidSecurityToken")] {
        put.token = token.map(str::to_owned);
        let refused = put.send(&emulator).await;
        assert_eq!((refused.status.as_u16(), refused.element("Code")), (403, code));
    }
    put.token = Some("token".to_owned());
    assert_eq!(put.send(&emulator).await.status, 200);
    emulator.inject(Fault::on_any().expired_token());
    assert_eq!(put.send(&emulator).await.element("Code"), "SecurityTokenExpired");
}

#[tokio::test]
async fn an_unknown_key_and_a_foreign_scheme() {
    let emulator = emulator().await;
    let mut put = call("PUT", "k").body("x");
    put.id = "stranger".to_owned();
    let refused = put.send(&emulator).await;
    assert_eq!(
        (refused.element("Code"), refused.element("OSSAccessKeyId")),
        ("InvalidAccessKeyId", "stranger")
    );
    let aws = call("PUT", "k").body("x").anonymous().header("authorization", "AWS4-HMAC-SHA256 Credential=a");
    assert_eq!(aws.send(&emulator).await.element("Code"), "InvalidArgument");
}

#[tokio::test]
async fn public_buckets_let_anyone_in_as_far_as_they_say() {
    let emulator = Emulator::builder().bucket_with_acl(BUCKET, Acl::PublicRead).start().await.unwrap();
    call("PUT", "k").body("x").send(&emulator).await;
    call("PUT", "hidden").header("x-oss-object-acl", "private").body("x").send(&emulator).await;
    assert_eq!(call("GET", "k").anonymous().send(&emulator).await.text(), "x");
    assert_eq!(call("GET", "hidden").anonymous().send(&emulator).await.status, 403);
    assert_eq!(call("PUT", "k").anonymous().body("y").send(&emulator).await.status, 403);
    assert_eq!(
        call("PUT", "").query("acl").header("x-oss-acl", "public-read-write").send(&emulator).await.status,
        200
    );
    assert_eq!(call("PUT", "k").anonymous().body("y").send(&emulator).await.status, 200);
    assert_eq!(call("DELETE", "").anonymous().send(&emulator).await.status, 403);
}
