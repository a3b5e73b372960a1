//! The slice that an upload with a callback needs: put, multipart, read back, callback, refusals.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]

mod common;

use common::upload::Upload;
use common::{Application, BUCKET, call, callback, emulator};
use oss_emulator::{Fault, Operation};

#[tokio::test]
async fn a_put_object_is_stored_and_read_back() {
    let emulator = emulator().await;
    let put = call("PUT", "files/hello")
        .header("content-type", "text/plain")
        .header("x-oss-meta-author", "me")
        .body("hello world")
        .send(&emulator)
        .await;
    assert_eq!(put.status, 200, "{put:?}");
    assert_eq!(put.header("etag"), "\"5EB63BBBE01EEED093CB22BB8F5ACDC3\"");
    assert_eq!(put.header("content-md5"), "XrY7u+Ae7tCTyyK7j1rNww==");
    assert_eq!(put.header("x-oss-hash-crc64ecma"), "5981764153023615706");
    assert_eq!(put.header("x-oss-request-id").len(), 24);

    let got = call("GET", "files/hello").send(&emulator).await;
    assert_eq!((got.status.as_u16(), got.text()), (200, "hello world"));
    assert_eq!(got.header("content-type"), "text/plain");
    assert_eq!(got.header("x-oss-meta-author"), "me");

    let head = call("HEAD", "files/hello").send(&emulator).await;
    assert_eq!((head.status.as_u16(), head.header("content-length")), (200, "11"));

    let stored = emulator.object(BUCKET, "files/hello").unwrap();
    assert_eq!(stored.body, "hello world");
    assert_eq!(stored.metadata["author"], "me");

    assert_eq!(call("DELETE", "files/hello").send(&emulator).await.status, 204);
    let gone = call("GET", "files/hello").send(&emulator).await;
    assert_eq!((gone.status.as_u16(), gone.element("Code")), (404, "NoSuchKey"));
    let gone = call("HEAD", "files/hello").send(&emulator).await;
    assert_eq!(gone.status, 404);
    assert!(!gone.header("x-oss-err").is_empty());
}

#[tokio::test]
async fn a_wrong_secret_is_refused_with_the_string_to_sign() {
    let emulator = emulator().await;
    let refused = call("PUT", "k").body("x").secret("another").send(&emulator).await;
    assert_eq!((refused.status.as_u16(), refused.element("Code")), (403, "SignatureDoesNotMatch"));
    assert!(refused.element("StringToSign").starts_with("OSS4-HMAC-SHA256\n"));
    assert_eq!(refused.element("EC"), "0002-00000201");
    assert!(emulator.object(BUCKET, "k").is_none());
    let anonymous = call("PUT", "k").body("x").anonymous().send(&emulator).await;
    assert_eq!((anonymous.status.as_u16(), anonymous.element("Code")), (403, "AccessDenied"));
}

#[tokio::test]
async fn multipart_joins_parts_and_their_checksums() {
    let emulator = emulator().await;
    let upload = Upload::initiate(&emulator, "big").await;
    let parts = [vec![b'a'; 102_400], vec![b'b'; 102_400], b"end".to_vec()];
    let mut etags = Vec::new();
    for (number, part) in (1..).zip(&parts) {
        let sent = upload.part(number, part.clone()).send(&emulator).await;
        assert_eq!(sent.status, 200);
        etags.push(sent.header("etag").to_owned());
    }
    let listed = upload.list().send(&emulator).await;
    assert_eq!(listed.text().matches("<HashCrc64ecma>").count(), 3);
    assert_eq!(emulator.uploads(BUCKET)[0].parts.len(), 3);

    let complete = upload.complete(&[(1, &etags[0]), (2, &etags[1]), (3, &etags[2])]);
    let completed = complete.send(&emulator).await;
    assert_eq!(completed.status, 200, "{}", completed.text());
    let whole = parts.concat();
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Xz, &whole).to_string();
    assert_eq!(completed.header("x-oss-hash-crc64ecma"), crc);
    assert!(completed.header("etag").ends_with("-3\""));
    assert_eq!(emulator.object(BUCKET, "big").unwrap().body, whole);

    let again = complete.send(&emulator).await;
    assert_eq!((again.status.as_u16(), again.element("Code")), (404, "NoSuchUpload"));
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let emulator = emulator().await;
    let upload = Upload::initiate(&emulator, "big").await;
    assert_eq!(upload.abort().send(&emulator).await.status, 204);
    let listed = upload.list().send(&emulator).await;
    assert_eq!(listed.element("Code"), "NoSuchUpload");
    assert!(emulator.uploads(BUCKET).is_empty());
}

#[tokio::test]
async fn a_callback_is_signed_sent_and_relayed() {
    let emulator = emulator().await;
    let application = Application::answering(200, r#"{"Status":"OK"}"#).await;
    let url = format!("{}/call%20back?user=put_object", application.url);
    let put = call("PUT", "files/hello")
        .header("x-oss-callback", callback(&url, "bucket=${bucket}&object=${object}&size=${size}&v=${x:a}"))
        .header("x-oss-callback-var", "eyJ4OmEiOiAi5YC8IDIifQ==")
        .body("hello world")
        .send(&emulator)
        .await;
    assert_eq!((put.status.as_u16(), put.text()), (200, r#"{"Status":"OK"}"#));
    assert_eq!(put.header("etag"), "\"5EB63BBBE01EEED093CB22BB8F5ACDC3\"");
    let received = application.received();
    assert_eq!(received.len(), 1);
    let one = &received[0];
    assert_eq!(one.target, "/call%20back?user=put_object");
    assert_eq!(one.body, "bucket=examplebucket&object=files%2Fhello&size=11&v=%E5%80%BC%202");
    assert_eq!(one.headers["authorization"].len(), 88);
    assert_eq!(one.headers["user-agent"], "aliyun-oss-callback");
    assert_eq!(emulator.journal()[0].callback.as_ref().unwrap().status, Some(200));
    let key = common::send(
        &emulator,
        http::Request::get("/-/callback_pub_key_v1.pem")
            .header("host", "127.0.0.1")
            .body(Default::default())
            .unwrap(),
    )
    .await
    .unwrap();
    assert_eq!(key.text(), emulator.callback_public_key_pem());
}

#[tokio::test]
async fn a_failing_callback_is_a_203_and_the_object_stays() {
    let emulator = emulator().await;
    let application = Application::answering(500, "no").await;
    let put = call("PUT", "files/hello")
        .header("x-oss-callback", callback(&application.url, "a=b"))
        .body("hello world")
        .send(&emulator)
        .await;
    assert_eq!((put.status.as_u16(), put.element("Code")), (203, "CallbackFailed"));
    assert_eq!(put.element("Message"), "Error status : 500.");
    assert_eq!(put.element("EC"), "0007-00000203");
    assert_eq!(put.header("etag"), "\"5EB63BBBE01EEED093CB22BB8F5ACDC3\"");
    assert_eq!(emulator.object(BUCKET, "files/hello").unwrap().body, "hello world");
}

#[tokio::test]
async fn a_bad_callback_is_refused_before_anything_is_stored() {
    let emulator = emulator().await;
    for (value, ec) in [
        ("%", "0007-00000002".to_owned()),
        ("eyI=", "0007-00000003".to_owned()),
        (&callback("http://a:0/", "x"), "0007-00000004".to_owned()),
        (&callback("http://a/", ""), "0007-00000011".to_owned()),
    ] {
        let put = call("PUT", "k").header("x-oss-callback", value).body("x").send(&emulator).await;
        assert_eq!(
            (put.status.as_u16(), put.element("Code"), put.element("EC")),
            (400, "InvalidArgument", &*ec)
        );
    }
    let put = call("PUT", "k")
        .header("x-oss-callback", callback("http://a/", "x=$(y)"))
        .body("x")
        .send(&emulator)
        .await;
    assert_eq!(put.element("Message"), "Left brace must be adjacent to dollar sign.");
    assert!(emulator.object(BUCKET, "k").is_none());
}

#[tokio::test]
async fn faults_strike_as_scripted() {
    let emulator = emulator().await;
    emulator.inject(Fault::on(Operation::PutObject).attempt(1).answer(500, "InternalError"));
    emulator.inject(Fault::on(Operation::PutObject).attempt(2).drop_answer());
    let put = call("PUT", "k").body("x");
    let first = put.send(&emulator).await;
    assert_eq!((first.status.as_u16(), first.element("Code")), (500, "InternalError"));
    assert!(emulator.object(BUCKET, "k").is_none(), "the work was not done");
    assert!(put.try_send(&emulator).await.is_err(), "no answer");
    assert!(emulator.object(BUCKET, "k").is_some(), "the work was done");
    assert_eq!(put.send(&emulator).await.status, 200);
    let statuses: Vec<_> = emulator.journal().iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [Some(500), None, Some(200)]);
}

#[tokio::test]
async fn a_stalled_request_goes_on_when_it_is_released() {
    let emulator = emulator().await;
    let fault = emulator.inject(Fault::on(Operation::PutObject).stall_after(4));
    let put = call("PUT", "k").body("hello world");
    let sending = put.send(&emulator);
    let releasing = async {
        emulator.wait_for(|journal| journal.first().is_some_and(|entry| entry.body_bytes > 0)).await;
        assert!(emulator.object(BUCKET, "k").is_none());
        fault.release();
    };
    let (sent, ()) = tokio::join!(sending, releasing);
    assert_eq!(sent.status, 200);
    assert_eq!(emulator.object(BUCKET, "k").unwrap().body, "hello world");
}

#[tokio::test]
async fn shutdown_ends_and_drop_stops() {
    let first = emulator().await;
    let endpoint = first.endpoint().to_owned();
    first.shutdown().await;
    assert!(tokio::net::TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).await.is_err());
}
