//! Faults of a multipart upload: of its parts, its lists, its completion and its callback.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]

mod common;

use common::upload::Upload;
use common::{Application, BUCKET, Reply, call, callback, emulator};
use oss_emulator::{Emulator, Fault, Operation};

/// Initiates and sends one part.
async fn uploaded(emulator: &Emulator) -> (Upload, Reply) {
    let upload = Upload::initiate(emulator, "k").await;
    let reply = upload.part(1, "hello").send(emulator).await;
    (upload, reply)
}

fn stored(emulator: &Emulator) -> bool {
    emulator.object(BUCKET, "k").is_some()
}

#[tokio::test]
async fn a_marker_that_does_not_move() {
    let emulator = emulator().await;
    let (upload, _) = uploaded(&emulator).await;
    emulator.inject(Fault::on(Operation::ListParts).times(2).stuck_marker());
    for marker in ["0", "1"] {
        let reply = upload.list_with(&format!("&part-number-marker={marker}")).send(&emulator).await;
        assert_eq!((reply.element("NextPartNumberMarker"), reply.element("IsTruncated")), (marker, "true"));
    }
    let reply = upload.list().send(&emulator).await;
    assert_eq!((reply.element("NextPartNumberMarker"), reply.element("IsTruncated")), ("1", "false"));
}

#[tokio::test]
async fn parts_lists_can_be_refused() {
    let emulator = emulator().await;
    let (upload, _) = uploaded(&emulator).await;
    for (status, code) in [(403, "AccessDenied"), (500, "InternalError"), (404, "NoSuchUpload")] {
        emulator.inject(Fault::on(Operation::ListParts).answer(status, code));
        let reply = upload.list().send(&emulator).await;
        assert_eq!((reply.status.as_u16(), reply.element("Code")), (status, code));
    }
    assert_eq!(upload.list().send(&emulator).await.status, 200);
}

#[tokio::test]
async fn a_part_is_overwritten_added_or_lost_behind_the_clients_back() {
    let emulator = emulator().await;
    let (upload, sent) = uploaded(&emulator).await;
    emulator.inject(Fault::on(Operation::ListParts).attempt(1).overwrite_part(1, "other bytes"));
    emulator.inject(Fault::on(Operation::ListParts).attempt(2).overwrite_part(7, "foreign"));
    let listed = upload.list().send(&emulator).await;
    assert_eq!(listed.element("Size"), "11");
    assert_ne!(listed.element("ETag"), sent.header("etag"));
    assert_ne!(listed.element("HashCrc64ecma"), sent.header("x-oss-hash-crc64ecma"));
    let listed = upload.list().send(&emulator).await;
    assert!(listed.text().contains("<PartNumber>7</PartNumber>"), "{}", listed.text());

    let refused = upload.complete(&[(1, sent.header("etag"))]).send(&emulator).await;
    assert_eq!((refused.element("Code"), refused.element("PartNumber")), ("InvalidPart", "1"));
    let sent = upload.part(1, "hello").send(&emulator).await;
    emulator.inject(Fault::on(Operation::CompleteMultipartUpload).lose_part(1));
    let refused = upload.complete(&[(1, sent.header("etag"))]).send(&emulator).await;
    assert_eq!((refused.status.as_u16(), refused.element("Code")), (400, "InvalidPart"));
    let numbers: Vec<u32> = emulator.uploads(BUCKET)[0].parts.iter().map(|part| part.number).collect();
    assert_eq!(numbers, [7]);
}

#[tokio::test]
async fn a_part_is_called_invalid() {
    let emulator = emulator().await;
    let (upload, sent) = uploaded(&emulator).await;
    emulator.inject(Fault::on(Operation::CompleteMultipartUpload).invalid_part(1));
    let complete = upload.complete(&[(1, sent.header("etag"))]);
    let refused = complete.send(&emulator).await;
    assert_eq!((refused.status.as_u16(), refused.element("Code")), (400, "InvalidPart"));
    assert_eq!((refused.element("PartNumber"), stored(&emulator)), ("1", false));
    assert_eq!(complete.send(&emulator).await.status, 200);
}

#[tokio::test]
async fn an_error_under_status_200() {
    let emulator = emulator().await;
    let (upload, sent) = uploaded(&emulator).await;
    let complete = upload.complete(&[(1, sent.header("etag"))]);
    emulator.inject(Fault::on(Operation::CompleteMultipartUpload).answer(200, "InternalError"));
    let reply = complete.send(&emulator).await;
    assert_eq!((reply.status.as_u16(), reply.element("Code")), (200, "InternalError"));
    assert!(!stored(&emulator) && !reply.headers.contains_key("etag"));
    emulator.inject(Fault::on(Operation::CompleteMultipartUpload).answer_raw_after_work(
        200,
        "application/xml",
        "<Error/>",
    ));
    let reply = complete.send(&emulator).await;
    assert_eq!((reply.status.as_u16(), reply.text(), stored(&emulator)), (200, "<Error/>", true));
    assert!(reply.headers.contains_key("x-oss-hash-crc64ecma"));
}

#[tokio::test]
async fn a_lost_answer_to_initiate_leaves_an_orphan() {
    let emulator = emulator().await;
    emulator.inject(Fault::on(Operation::InitiateMultipartUpload).drop_answer());
    assert!(call("POST", "k").query("uploads").try_send(&emulator).await.is_err());
    let upload = Upload::initiate(&emulator, "k").await;
    let uploads = emulator.uploads(BUCKET);
    assert_eq!(uploads.len(), 2);
    assert_eq!(uploads.iter().filter(|one| one.upload_id == upload.id).count(), 1);
}

#[tokio::test]
async fn callbacks_end_as_scripted_and_are_not_sent() {
    let application = Application::answering(200, "{}").await;
    let emulator = emulator().await;
    let asked = callback(&application.url, "a=1");
    let put = call("PUT", "k").header("x-oss-callback", &asked).body("hello");
    for (message, ec) in [
        ("Error status : 502.", "0007-00000203"),
        ("Error status : -1.OSS can not connect to your callbackUrl, please check it.", "0007-00000203"),
        ("Cost too long time.", "0007-00000202"),
        ("Response body is not valid json format.", "0007-00000205"),
        ("Too many callback requests.", "0007-00000201"),
        ("Get image info failed.", "0007-00000301"),
        ("Error Status : 400.User server return invalid conent-length value.", "0007-00000203"),
    ] {
        emulator.inject(Fault::on(Operation::PutObject).fail_callback(message, ec));
        let reply = put.send(&emulator).await;
        assert_eq!((reply.status.as_u16(), reply.element("Code")), (203, "CallbackFailed"));
        assert_eq!((reply.element("Message"), reply.element("EC")), (message, ec));
        assert!(reply.headers.contains_key("etag") && reply.headers.contains_key("x-oss-hash-crc64ecma"));
        assert!(stored(&emulator));
    }
    let (upload, sent) = uploaded(&emulator).await;
    emulator.inject(
        Fault::on(Operation::CompleteMultipartUpload).answer_callback("application/json", "not JSON"),
    );
    let reply =
        upload.complete(&[(1, sent.header("etag"))]).header("x-oss-callback", asked).send(&emulator).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "not JSON"));
    assert_eq!(reply.header("content-type"), "application/json");
    assert!(reply.headers.contains_key("etag") && emulator.uploads(BUCKET).is_empty());
    assert!(application.received().is_empty());
}

#[tokio::test]
async fn a_request_without_a_callback_is_no_concern_of_these() {
    let emulator = emulator().await;
    emulator.inject(Fault::on(Operation::PutObject).fail_callback("Cost too long time.", "0007-00000202"));
    assert_eq!(call("PUT", "k").body("x").send(&emulator).await.status, 200);
}

#[tokio::test]
async fn tokens_expire_and_clocks_differ() {
    let emulator = emulator().await;
    let (upload, _) = uploaded(&emulator).await;
    emulator.inject(Fault::on(Operation::UploadPart).part(2).expired_token());
    let reply = upload.part(2, "x").send(&emulator).await;
    assert_eq!((reply.status.as_u16(), reply.element("Code")), (403, "SecurityTokenExpired"));
    for millis in [20 * 60 * 1000, -20 * 60 * 1000] {
        emulator.inject(Fault::on(Operation::UploadPart).clock_offset_millis(millis));
        let reply = upload.part(2, "x").send(&emulator).await;
        assert_eq!((reply.status.as_u16(), reply.element("Code")), (403, "RequestTimeTooSkewed"));
    }
    assert_eq!(upload.part(2, "x").send(&emulator).await.status, 200);
}

#[tokio::test]
async fn requests_without_a_body_are_reset_and_held_as_well() {
    let emulator = emulator().await;
    let (upload, _) = uploaded(&emulator).await;
    call("PUT", "there").body("x").send(&emulator).await;
    for (operation, request) in [
        (Operation::ListParts, upload.list()),
        (Operation::GetObject, call("GET", "there")),
        (Operation::InitiateMultipartUpload, call("POST", "k").query("uploads")),
        (Operation::CopyObject, call("PUT", "k").header("x-oss-copy-source", format!("/{BUCKET}/there"))),
        (Operation::DeleteObject, call("DELETE", "there")),
        (Operation::AbortMultipartUpload, upload.abort()),
    ] {
        for after in [0, u64::MAX] {
            emulator.inject(Fault::on(operation).reset_request_after(after));
            assert!(request.try_send(&emulator).await.is_err(), "{operation:?} {after}");
            let held = emulator.inject(Fault::on(operation).stall_after(after));
            tokio::select! {
                _ = request.send(&emulator) => panic!("{operation:?} was not held"),
                () = emulator.wait_for(|journal| journal.last().is_some_and(|entry| entry.faults == ["stall"])) => {}
            }
            emulator.wait_for(|journal| journal.last().is_some_and(|entry| entry.finished)).await;
            held.release();
        }
    }
    assert_eq!(emulator.keys(BUCKET), ["there"]);
    assert_eq!(emulator.uploads(BUCKET).len(), 1, "nothing was initiated, and nothing was aborted");
}
