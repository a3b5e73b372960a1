//! The operations beside the slice, their limits, and keys of every kind.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]

mod common;

use common::upload::Upload;
use common::{BUCKET, Reply, call, emulator};
use oss_emulator::{Emulator, ObjectType};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

fn refused(reply: &Reply) -> (u16, &str) {
    (reply.status.as_u16(), reply.element("Code"))
}

#[tokio::test]
async fn parts_have_numbers_sizes_and_an_order() {
    let emulator = emulator().await;
    let upload = Upload::initiate(&emulator, "m").await;
    for number in ["0", "10001", "x", ""] {
        let reply = upload.part(number, "x").send(&emulator).await;
        assert_eq!(refused(&reply), (400, "InvalidArgument"), "{number}");
    }
    let small = upload.part(1, "small").send(&emulator).await.header("etag").to_owned();
    let last = upload.part(10_000, "last").send(&emulator).await.header("etag").to_owned();
    let reply = upload.complete(&[(1, &small), (10_000, &last)]).send(&emulator).await;
    assert_eq!(refused(&reply), (400, "EntityTooSmall"));
    assert_eq!((reply.element("PartNumber"), reply.element("MinSizeAllowed")), ("1", "102400"));
    let reply = upload.complete(&[(10_000, &last), (1, &small)]).send(&emulator).await;
    assert_eq!(refused(&reply), (400, "InvalidPartOrder"));
    for parts in [&[(1, last.as_str())][..], &[(2, small.as_str())]] {
        assert_eq!(refused(&upload.complete(parts).send(&emulator).await), (400, "InvalidPart"));
    }
    assert_eq!(refused(&upload.complete(&[]).send(&emulator).await), (400, "MalformedXML"));
    assert_eq!(
        upload.complete(&[(10_000, &last)]).send(&emulator).await.status,
        200,
        "any part may be left out"
    );
    assert_eq!(emulator.object(BUCKET, "m").unwrap().body, "last");
}

#[tokio::test]
async fn a_part_sent_twice_is_the_later_one_unless_the_upload_is_sequential() {
    let emulator = emulator().await;
    let upload = Upload::initiate(&emulator, "m").await;
    upload.part(1, "first").send(&emulator).await;
    upload.part(1, "second").send(&emulator).await;
    let all = upload.complete_all();
    let with_body = all.clone().body("<CompleteMultipartUpload/>").send(&emulator).await;
    assert_eq!((with_body.status.as_u16(), with_body.element("EC")), (400, "0042-00000216"));
    assert_eq!(all.send(&emulator).await.status, 200);
    assert_eq!(emulator.object(BUCKET, "m").unwrap().body, "second");

    let upload = Upload::initiate_with(&emulator, "m", "uploads&sequential").await;
    assert_eq!(refused(&upload.part(2, "x").send(&emulator).await), (409, "PartNotSequential"));
    assert_eq!(upload.part(1, "x").send(&emulator).await.status, 200);
    assert_eq!(refused(&upload.part(1, "x").send(&emulator).await), (409, "PartAlreadyExist"));
}

#[tokio::test]
async fn parts_are_listed_in_pages_of_a_thousand() {
    let emulator = emulator().await;
    let upload = Upload::initiate(&emulator, "m").await;
    for number in 1..=1001 {
        upload.part(number, "x").send(&emulator).await;
    }
    let first = upload.list().send(&emulator).await;
    assert_eq!((first.element("IsTruncated"), first.element("NextPartNumberMarker")), ("true", "1000"));
    let second = upload.list_with("&part-number-marker=1000").send(&emulator).await;
    assert_eq!((second.element("IsTruncated"), second.element("PartNumber")), ("false", "1001"));
    for most in ["0", "1001", "x"] {
        let reply = upload.list_with(&format!("&max-parts={most}")).send(&emulator).await;
        assert_eq!(refused(&reply), (400, "InvalidArgument"), "{most}");
    }
}

#[tokio::test]
async fn sizes_names_and_headers_have_limits() {
    let emulator = Emulator::builder().bucket(BUCKET).largest_put(1000).start().await.unwrap();
    assert_eq!(call("PUT", "k").body(vec![0; 1000]).send(&emulator).await.status, 200);
    assert_eq!(refused(&call("PUT", "k").body(vec![0; 1001]).send(&emulator).await), (400, "EntityTooLarge"));
    for key in ["k".repeat(1024), "/slash".to_owned(), "%5Cbackslash".to_owned()] {
        assert_eq!(
            refused(&call("PUT", &key).body("x").send(&emulator).await),
            (400, "InvalidObjectName"),
            "{key}"
        );
    }
    let long = call("PUT", "k").header("x-oss-meta-a", "v".repeat(8192)).body("x").send(&emulator).await;
    assert_eq!(refused(&long), (400, "InvalidArgument"));
    let chunked = call("PUT", "k").header("content-encoding", "aws-chunked").body("x").send(&emulator).await;
    assert_eq!(refused(&chunked), (501, "NotImplemented"));
    let digest =
        call("PUT", "k").header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==").body("x").send(&emulator).await;
    assert_eq!(refused(&digest), (400, "InvalidDigest"));
    let nonsense = call("PUT", "k").header("content-md5", "nonsense").body("x").send(&emulator).await;
    assert_eq!((nonsense.element("Code"), nonsense.element("EC")), ("InvalidDigest", "0017-00000502"));
    assert_eq!(emulator.object(BUCKET, "k").unwrap().size, 1000, "nothing of it was stored");
}

#[tokio::test]
async fn overwriting_can_be_forbidden_everywhere() {
    let emulator = emulator().await;
    call("PUT", "m").body("old").send(&emulator).await;
    let forbid = |method: &str| call(method, "m").header("x-oss-forbid-overwrite", "true");
    let copy = forbid("PUT").header("x-oss-copy-source", format!("/{BUCKET}/m"));
    for request in [forbid("PUT").body("new"), forbid("POST").query("uploads"), copy] {
        assert_eq!(refused(&request.send(&emulator).await), (409, "FileAlreadyExists"));
    }
    let upload = Upload::initiate(&emulator, "m").await;
    upload.part(1, "new").send(&emulator).await;
    let all = upload.complete_all().header("x-oss-forbid-overwrite", "true");
    assert_eq!(refused(&all.send(&emulator).await), (409, "FileAlreadyExists"));
    assert_eq!(emulator.object(BUCKET, "m").unwrap().body, "old");
}

#[tokio::test]
async fn ranges_follow_the_rules_of_oss_and_on_request_those_of_http() {
    let emulator = emulator().await;
    call("PUT", "k").body("0123456789").send(&emulator).await;
    for (range, standard, status, body) in [
        ("bytes=2-4", false, 206, "234"),
        ("bytes=7-", false, 206, "789"),
        ("bytes=-2", false, 206, "89"),
        ("bytes=5-20", false, 200, "0123456789"),
        ("bytes=5-20", true, 206, "56789"),
        ("bytes=10-20", false, 200, "0123456789"),
        ("bytes=-20", true, 206, "0123456789"),
        ("bytes=3-1", true, 200, "0123456789"),
    ] {
        let mut get = call("GET", "k").header("range", range);
        if standard {
            get = get.header("x-oss-range-behavior", "standard");
        }
        let got = get.send(&emulator).await;
        assert_eq!((got.status.as_u16(), got.text()), (status, body), "{range} {standard}");
    }
    let beyond = call("GET", "k").header("range", "bytes=10-").header("x-oss-range-behavior", "standard");
    assert_eq!(refused(&beyond.send(&emulator).await), (416, "InvalidRange"));
}

#[tokio::test]
async fn append_copy_and_types() {
    let emulator = emulator().await;
    for (position, body) in [(0, "hello "), (6, "world")] {
        let query = format!("append&position={position}");
        assert_eq!(call("POST", "log").query(query).body(body).send(&emulator).await.status, 200);
    }
    let wrong = call("POST", "log").query("append&position=3").body("x").send(&emulator).await;
    assert_eq!(
        (refused(&wrong), wrong.header("x-oss-next-append-position")),
        ((409, "PositionNotEqualToLength"), "11")
    );
    let log = emulator.object(BUCKET, "log").unwrap();
    assert_eq!(
        (&log.body[..], log.crc64, log.object_type),
        (&b"hello world"[..], Some(5_981_764_153_023_615_706), ObjectType::Appendable)
    );
    let copied = call("PUT", "copy")
        .header("x-oss-copy-source", format!("/{BUCKET}/log"))
        .header("x-oss-metadata-directive", "REPLACE")
        .header("content-type", "text/plain")
        .send(&emulator)
        .await;
    assert_eq!(copied.status, 200);
    let copy = emulator.object(BUCKET, "copy").unwrap();
    assert_eq!(
        (copy.object_type, &*copy.content_type, copy.crc64),
        (ObjectType::Normal, "text/plain", log.crc64)
    );
    let stale = call("PUT", "copy")
        .header("x-oss-copy-source", format!("/{BUCKET}/log"))
        .header("x-oss-copy-source-if-match", "0")
        .send(&emulator)
        .await;
    assert_eq!(refused(&stale), (412, "PreconditionFailed"));
}

#[tokio::test]
async fn what_is_not_offered_says_so() {
    let emulator = emulator().await;
    for (method, key, query) in
        [("PUT", "k", "symlink"), ("GET", "", "lifecycle"), ("POST", "k", "x-oss-process")]
    {
        let reply = call(method, key).query(query).send(&emulator).await;
        assert_eq!(refused(&reply), (501, "NotImplemented"), "{query}");
    }
    assert_eq!(refused(&call("PATCH", "k").send(&emulator).await), (405, "MethodNotAllowed"));
}

#[tokio::test]
async fn many_uploads_at_once_keep_apart() {
    let emulator = std::sync::Arc::new(emulator().await);
    let upload = Upload::initiate(&emulator, "m").await;
    let tasks: Vec<_> = (1..=40_u8)
        .map(|number| {
            let (emulator, upload) = (std::sync::Arc::clone(&emulator), upload.clone());
            tokio::spawn(async move {
                let body = vec![number; 102_400];
                assert_eq!(upload.part(number, body.clone()).send(&emulator).await.status, 200);
                let put = call("PUT", &format!("o{number}")).body(body).send(&emulator).await;
                assert_eq!(put.status, 200);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let all = upload.complete_all();
    assert_eq!(all.send(&emulator).await.status, 200);
    let wanted: Vec<u8> = (1..=40).flat_map(|number| vec![number; 102_400]).collect();
    assert_eq!(emulator.object(BUCKET, "m").unwrap().body, wanted);
    assert!(
        (1..=40_u8)
            .all(|number| emulator.object(BUCKET, &format!("o{number}")).unwrap().body
                == vec![number; 102_400])
    );
}

/// Any key comes back from a listing as it was put, control characters included, with `encoding-type=url`.
#[test]
fn keys_of_every_kind_are_listed_as_they_were_put() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let emulator = runtime.block_on(emulator());
    let key = "[^/\\\\\u{0}][^\u{0}]{0,30}|[\u{1}-\u{1f}&<>\"'%+? ]{1,20}";
    let mut runner = TestRunner::new(ProptestConfig { cases: 150, ..ProptestConfig::default() });
    runner
        .run(&key, |key| {
            let encoded = utf8_percent_encode(&key, NON_ALPHANUMERIC).to_string();
            let found = runtime.block_on(async {
                assert_eq!(call("PUT", &encoded).body("x").send(&emulator).await.status, 200);
                let query = "encoding-type=url&max-keys=1";
                let listed = call("GET", "").query(query).send(&emulator).await;
                assert_eq!(call("DELETE", &encoded).send(&emulator).await.status, 204);
                percent_decode_str(listed.element("Key")).decode_utf8().unwrap().into_owned()
            });
            prop_assert_eq!(found, key);
            Ok(())
        })
        .unwrap();
}
