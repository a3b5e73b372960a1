//! Uploads that somebody else sends: signed forms, and parts with presigned URLs.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{World, bucket, pattern};
use http::header::CONTENT_LENGTH;
use http::{Method, Request, StatusCode, Uri};
use oss_emulator::{Fault, Operation};
use oss_signing::{Region, V4Signer};
use oss_transport::{Body, ReqwestTransport, Transport};
use oss_upload::{CallbackOutcome, Error, ObjectOptions, PresignedPost, Uploader};

const BOUNDARY: &str = "boundary";
const QUARTER: Duration = Duration::from_secs(900);

/// Sends a request as a browser would, which knows nothing of OSS, and gives the status and the body.
async fn send(method: Method, url: &str, content_type: &str, body: Vec<u8>) -> (StatusCode, String) {
    let mut request = Request::builder().method(method).uri(url);
    // A content type would have to be signed.
    if !content_type.is_empty() {
        request = request.header("content-type", content_type);
    }
    let request = request.body(Body::from(Bytes::from(body))).unwrap();
    let response = ReqwestTransport::new().unwrap().send(request).await.unwrap();
    let (head, mut body) = response.into_parts();
    let mut text = Vec::new();
    while let Some(frame) =
        std::future::poll_fn(|cx| http_body::Body::poll_frame(std::pin::Pin::new(&mut body), cx)).await
    {
        text.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    (head.status, String::from_utf8(text).unwrap())
}

async fn post(form: &PresignedPost, fields: &[(String, String)], file: &[u8]) -> (StatusCode, String) {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n");
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    send(Method::POST, &form.url, &format!("multipart/form-data; boundary={BOUNDARY}"), body).await
}

fn fields(form: &PresignedPost) -> Vec<(String, String)> {
    form.fields.clone().into_iter().collect()
}

async fn put(url: &Uri, body: Vec<u8>) -> StatusCode {
    send(Method::PUT, &url.to_string(), "", body).await.0
}

/// An uploader whose part URLs can be for an exact length.
fn exact(world: &World) -> Uploader {
    let signer = V4Signer::new(Region::try_from("cn-hangzhou").unwrap());
    world.builder().signer(Arc::new(signer.with_additional_headers([CONTENT_LENGTH]))).build().unwrap()
}

#[tokio::test]
async fn a_form_stores_the_object_and_calls_back() {
    let world = World::new().await;
    let form = world
        .uploader()
        .presign_post(bucket(), "user/42/a b.png")
        .size(1..=10)
        .content_type("image/png")
        .field("x-oss-meta-author", "me")
        .callback(world.callback("/ok"))
        .await
        .unwrap();
    let (status, answer) = post(&form, &fields(&form), b"picture").await;
    assert_eq!((status, &*answer), (StatusCode::OK, r#"{"Status":"OK"}"#));
    let stored = world.object("user/42/a b.png").unwrap();
    assert_eq!((&stored.body[..], &*stored.content_type), (&b"picture"[..], "image/png"));
    assert_eq!(stored.metadata["author"], "me");
    let received = world.received().await;
    let text = String::from_utf8(received[0].body.clone()).unwrap();
    assert!(text.contains("object=user%2F42%2Fa%20b.png") && text.contains("size=7"), "{text}");
}

#[tokio::test]
async fn a_changed_or_missing_field_of_a_form_is_refused() {
    let world = World::new().await;
    let form = world
        .uploader()
        .presign_post(bucket(), "mine")
        .size(1..=10)
        .content_type("image/png")
        .forbid_overwrite()
        .callback(world.callback("/ok"))
        .await
        .unwrap();
    let whole = fields(&form);
    for (position, (name, _)) in whole.iter().enumerate() {
        let mut changed = whole.clone();
        changed[position].1.push('x');
        assert!(post(&form, &changed, b"x").await.0.is_client_error(), "{name} changed");
        let mut missing = whole.clone();
        missing.remove(position);
        assert!(post(&form, &missing, b"x").await.0.is_client_error(), "{name} missing");
    }
    let (status, refusal) = post(&form, &whole, b"eleven byte").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(refusal.contains("EntityTooLarge"), "{refusal}");
    assert!(post(&form, &whole, b"").await.0.is_client_error());
    assert!(world.emulator.keys(common::BUCKET).is_empty() && world.received().await.is_empty());

    assert_eq!(post(&form, &whole, b"once").await.0, StatusCode::OK);
    let (status, refusal) = post(&form, &whole, b"again").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(refusal.contains("FileAlreadyExists"), "{refusal}");
    assert_eq!(&world.object("mine").unwrap().body[..], b"once");
}

#[tokio::test]
async fn a_form_that_cannot_be_is_refused_here() {
    let world = World::new().await;
    let uploader = world.uploader();
    let name = uploader.presign_post(bucket(), "a/${filename}").await.unwrap_err();
    assert!(matches!(name, Error::InvalidArgument { argument: "key", .. }), "{name}");
    let week = Duration::from_secs(7 * 24 * 3600 + 1);
    for form in [
        uploader.presign_post(bucket(), "a").expires_in(week),
        uploader.presign_post(bucket(), "a").expires_in(Duration::ZERO),
        #[expect(clippy::reversed_empty_ranges, reason = "that is the point")]
        uploader.presign_post(bucket(), "a").size(2..=1),
        uploader.presign_post(bucket(), "a").field("policy", "x"),
        uploader.presign_post(bucket(), "a").field("key", "b"),
    ] {
        assert!(matches!(form.await, Err(Error::Sign { .. })));
    }
    let endless = uploader.presign_post(bucket(), "a").expires_in(Duration::MAX).await.unwrap_err();
    assert!(matches!(endless, Error::InvalidArgument { argument: "expires_in", .. }), "{endless}");
}

#[tokio::test]
async fn parts_sent_by_others_are_put_together_with_the_callback() {
    let world = World::with(|builder| builder.smallest_part(10)).await;
    let uploader = world.uploader();
    let options = ObjectOptions::new().content_type("video/mp4").forbid_overwrite();
    let upload = uploader.initiate_multipart_upload(bucket(), "film").options(options.clone()).await.unwrap();
    let content = pattern(25);
    for (number, bytes) in (1..).zip(content.chunks(10)) {
        let url = upload.presign_part(number, None, QUARTER).await.unwrap();
        assert_eq!(put(&url, bytes.to_vec()).await, StatusCode::OK);
    }
    // Another process goes on.
    let upload = uploader.multipart_upload(bucket(), "film", upload.id()).unwrap();
    let parts = upload.list_parts().await.unwrap();
    assert_eq!(
        parts.iter().map(|part| (part.number, part.size)).collect::<Vec<_>>(),
        [(1, 10), (2, 10), (3, 5)]
    );
    let uploaded = upload.complete(&parts).options(options).callback(world.callback("/ok")).await.unwrap();
    let CallbackOutcome::Answered(answer) = &uploaded.callback else { panic!("{:?}", uploaded.callback) };
    assert_eq!(&answer.body[..], br#"{"Status":"OK"}"#);
    let stored = world.object("film").unwrap();
    assert_eq!((&stored.body[..], &*stored.content_type), (&content[..], "video/mp4"));
    assert_eq!((uploaded.object.size, uploaded.object.crc64), (25, stored.crc64));

    // A second Complete finds no upload, and the object in place.
    let again = upload.complete(&parts).callback(world.callback("/ok")).await.unwrap();
    assert!(matches!(again.callback, CallbackOutcome::Unknown), "{again:?}");
    assert_eq!(world.received().await.len(), 1);
    upload.abort().await.unwrap();
}

#[tokio::test]
async fn a_part_url_for_a_length_takes_no_other() {
    let world = World::new().await;
    let upload = exact(&world).initiate_multipart_upload(bucket(), "film").await.unwrap();
    let url = upload.presign_part(1, Some(10), QUARTER).await.unwrap();
    for wrong in [0, 9, 11, 1000] {
        assert_eq!(put(&url, pattern(wrong)).await, StatusCode::FORBIDDEN, "{wrong}");
    }
    assert_eq!(put(&url, pattern(10)).await, StatusCode::OK);
    let other = url.to_string().replace("partNumber=1", "partNumber=2").parse().unwrap();
    assert_eq!(put(&other, pattern(10)).await, StatusCode::FORBIDDEN);
    assert_eq!(upload.list_parts().await.unwrap().len(), 1);

    let unable = world.uploader().multipart_upload(bucket(), "film", upload.id()).unwrap();
    let error = unable.presign_part(1, Some(10), QUARTER).await.unwrap_err();
    assert!(matches!(error, Error::InvalidArgument { argument: "length", .. }), "{error}");
    for number in [0, 10_001] {
        let error = unable.presign_part(number, None, QUARTER).await.unwrap_err();
        assert!(matches!(error, Error::InvalidArgument { argument: "number", .. }), "{error}");
    }
    assert!(world.uploader().multipart_upload(bucket(), "film", "").is_err());
}

#[tokio::test]
async fn a_failed_callback_and_a_lost_answer_are_told_apart() {
    let world = World::new().await;
    let uploader = world.uploader();
    for (key, path) in [("failed", "/fail"), ("lost", "/ok")] {
        let upload = uploader.initiate_multipart_upload(bucket(), key).await.unwrap();
        put(&upload.presign_part(1, None, QUARTER).await.unwrap(), pattern(5)).await;
        let parts = upload.list_parts().await.unwrap();
        if key == "lost" {
            world.emulator.inject(Fault::on(Operation::CompleteMultipartUpload).drop_answer());
        }
        let complete = upload.complete(&parts).callback(world.callback(path)).await;
        match (key, complete) {
            ("failed", Err(Error::CallbackFailed(failed))) => assert_eq!(failed.object().size, 5),
            ("lost", Ok(uploaded)) => assert!(matches!(uploaded.callback, CallbackOutcome::Unknown)),
            (key, other) => panic!("{key}: {other:?}"),
        }
    }
    assert_eq!(world.requests(Operation::CompleteMultipartUpload).len(), 2);
}

#[tokio::test]
async fn an_upload_that_was_given_up_cannot_be_completed() {
    let world = World::new().await;
    let upload = world.uploader().initiate_multipart_upload(bucket(), "film").await.unwrap();
    put(&upload.presign_part(1, None, QUARTER).await.unwrap(), pattern(5)).await;
    let parts = upload.list_parts().await.unwrap();
    upload.abort().await.unwrap();
    assert!(world.emulator.uploads(common::BUCKET).is_empty());
    for error in [upload.list_parts().await.unwrap_err(), upload.complete(&parts).await.unwrap_err()] {
        assert_eq!(error.server().map(|refusal| refusal.code()), Some("NoSuchUpload"), "{error}");
    }
    assert!(matches!(upload.complete(&[]).await, Err(Error::InvalidArgument { argument: "parts", .. })));
}
