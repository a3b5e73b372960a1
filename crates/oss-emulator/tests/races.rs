//! Requests that meet: whatever the order, what is stored is whole, and one of them is told that it came too late.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]

mod common;

use std::sync::Arc;

use common::upload::Upload;
use common::{BUCKET, Call, Reply, call};
use oss_emulator::{Acl, Emulator, Fault, Operation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

async fn emulator() -> Emulator {
    let builder = Emulator::builder().bucket_with_acl(BUCKET, Acl::PublicReadWrite);
    builder.smallest_part(1).start().await.unwrap()
}

/// Sends all at once, each on a connection of its own.
async fn at_once(emulator: &Arc<Emulator>, calls: Vec<Call>) -> Vec<(Call, Reply)> {
    let mut running = JoinSet::new();
    for call in calls {
        let emulator = Arc::clone(emulator);
        running.spawn(async move {
            let reply = call.send(&emulator).await;
            (call, reply)
        });
    }
    running.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_completes_succeeds() {
    let emulator = Arc::new(emulator().await);
    let upload = Upload::initiate(&emulator, "k").await;
    let etag = upload.part(1, "hello").send(&emulator).await.header("etag").to_owned();
    let replies = at_once(&emulator, vec![upload.complete(&[(1, &etag)]); 16]).await;
    let completed = replies.iter().filter(|(_, reply)| reply.status == 200).count();
    assert_eq!(completed, 1);
    for (_, reply) in replies.iter().filter(|(_, reply)| reply.status != 200) {
        assert_eq!((reply.status.as_u16(), reply.element("Code")), (404, "NoSuchUpload"));
    }
    assert_eq!(emulator.object(BUCKET, "k").unwrap().body, "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn complete_meets_parts_and_an_abort() {
    let emulator = Arc::new(emulator().await);
    for round in 0..20 {
        let upload = Upload::initiate(&emulator, "k").await;
        let old = upload.part(1, format!("old {round}")).send(&emulator).await.header("etag").to_owned();
        let mut calls: Vec<Call> = (1..6).map(|_| upload.part(1, format!("new {round}"))).collect();
        calls.push(upload.complete(&[(1, &old)]));
        calls.push(upload.abort());
        call("DELETE", "k").send(&emulator).await;
        let replies = at_once(&emulator, calls).await;
        let status = |method: &str| {
            replies.iter().find(|(call, _)| call.method == method).map(|(_, reply)| reply.status.as_u16())
        };
        assert!(emulator.uploads(BUCKET).is_empty());
        match (status("POST"), emulator.object(BUCKET, "k")) {
            // The ETag is that of the old part, so the object holds no byte of a new one.
            (Some(200), Some(object)) => assert_eq!(object.body, format!("old {round}")),
            (Some(400 | 404), None) => {}
            other => panic!("{other:?}"),
        }
        for (_, reply) in replies.iter().filter(|(call, _)| call.method == "PUT") {
            assert!([200, 404].contains(&reply.status.as_u16()), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn a_part_that_is_still_arriving_when_its_upload_ends_is_told_so() {
    let emulator = emulator().await;
    for end in ["DELETE", "POST"] {
        let upload = Upload::initiate(&emulator, "k").await;
        let etag = upload.part(1, "hello").send(&emulator).await.header("etag").to_owned();
        let held = emulator.inject(Fault::on(Operation::UploadPart).part(2).stall_after(3));
        let late = upload.part(2, "late part");
        let (reply, ()) = tokio::join!(late.send(&emulator), async {
            let struck = |entry: &oss_emulator::JournalEntry| {
                entry.upload_id.as_deref() == Some(&upload.id) && entry.body_bytes == 9
            };
            emulator.wait_for(|journal| journal.iter().any(struck)).await;
            let ending = match end {
                "DELETE" => upload.abort(),
                _ => upload.complete(&[(1, &etag)]),
            };
            assert!(ending.send(&emulator).await.status.is_success());
            held.release();
        });
        assert_eq!((reply.status.as_u16(), reply.element("Code")), (404, "NoSuchUpload"), "{end}");
        assert!(emulator.uploads(BUCKET).is_empty());
    }
    assert_eq!(emulator.object(BUCKET, "k").unwrap().body, "hello");
}

async fn puts_meet_gets_and_deletes(emulator: Emulator) {
    let emulator = Arc::new(emulator);
    let bodies: Vec<bytes::Bytes> =
        (1..6_u8).map(|fill| vec![fill; 300_000 * usize::from(fill)].into()).collect();
    let mut calls = Vec::new();
    for body in &bodies {
        calls.push(call("PUT", "k").body(body.clone()));
        calls.extend([call("GET", "k"), call("DELETE", "k"), call("GET", "k")]);
    }
    for (call, reply) in at_once(&emulator, calls).await {
        match (call.method.as_str(), reply.status.as_u16()) {
            ("PUT", 200) | ("DELETE", 204) | ("GET", 404) => {}
            ("GET", 200) => assert!(bodies.contains(&reply.body), "a mixture of {} bytes", reply.body.len()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn puts_meet_gets_and_deletes_in_memory() {
    puts_meet_gets_and_deletes(emulator().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn puts_meet_gets_and_deletes_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Emulator::builder().bucket_with_acl(BUCKET, Acl::PublicReadWrite).data_dir(folder.path());
    puts_meet_gets_and_deletes(disk.start().await.unwrap()).await;
}

#[tokio::test]
async fn a_download_goes_on_when_its_object_is_replaced_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Emulator::builder().bucket_with_acl(BUCKET, Acl::PublicReadWrite).data_dir(folder.path());
    let emulator = disk.start().await.unwrap();
    call("PUT", "k").body(vec![1; 2_000_000]).send(&emulator).await;
    let held = emulator.inject(Fault::on(Operation::GetObject).stall_answer_body_after(10));
    let get = call("GET", "k");
    let (reply, ()) = tokio::join!(get.send(&emulator), async {
        emulator
            .wait_for(|journal| {
                journal.last().is_some_and(|entry| entry.status == Some(200) && entry.method == "GET")
            })
            .await;
        call("PUT", "k").body("other").send(&emulator).await;
        call("DELETE", "k").send(&emulator).await;
        held.release();
    });
    assert!(reply.body.len() == 2_000_000 && reply.body.iter().all(|byte| *byte == 1));
}

/// A connection on which anything can be written.
async fn raw(emulator: &Emulator) -> TcpStream {
    TcpStream::connect(emulator.endpoint().strip_prefix("http://").unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_body_that_ends_too_early_is_not_stored() {
    let emulator = emulator().await;
    let ends = ["Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"];
    for (index, rest) in ends.into_iter().enumerate() {
        for shut in [true, false] {
            let mut stream = raw(&emulator).await;
            let request = format!("PUT /{BUCKET}/k HTTP/1.1\r\nHost: 127.0.0.1\r\n{rest}");
            stream.write_all(request.as_bytes()).await.unwrap();
            let seen = index * 2 + usize::from(!shut);
            emulator.wait_for(|journal| journal.get(seen).is_some_and(|entry| entry.body_bytes == 5)).await;
            if shut {
                stream.shutdown().await.unwrap();
            } else {
                drop(stream);
            }
            emulator.wait_for(|journal| journal[seen].finished).await;
            assert_eq!(emulator.journal()[seen].status, None);
            assert!(emulator.object(BUCKET, "k").is_none());
        }
    }
}

#[tokio::test]
async fn a_body_may_arrive_byte_by_byte() {
    let emulator = emulator().await;
    let mut stream = raw(&emulator).await;
    stream.set_nodelay(true).unwrap();
    let request = format!(
        "PUT /{BUCKET}/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
    );
    for byte in request.bytes() {
        stream.write_all(&[byte]).await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(emulator.object(BUCKET, "k").unwrap().body, "hello");
}

#[tokio::test]
async fn hostile_heads_are_refused_and_harm_nobody() {
    let emulator = emulator().await;
    let many = "x-oss-meta-a: b\r\n".repeat(5000);
    for request in [
        format!("PUT /{BUCKET}/k HTTP/1.1\r\nHost: 127.0.0.1\r\n{many}\r\n"),
        format!("PUT /{BUCKET}/k HTTP/1.1\r\nHost: 127.0.0.1\r\nx: {}\r\n\r\n", "y".repeat(2_000_000)),
        format!(
            "PUT /{BUCKET}/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n"
        ),
        format!(
            "PUT /{BUCKET}/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
        ),
        format!("PUT /{BUCKET}/%FF%FE HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"),
        format!("PUT /{BUCKET}/k?%FF=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"),
        "PUT /\0 HTTP/1.1\r\n\r\n".to_owned(),
        "\r\n\r\n\r\n\r\nnonsense\r\n\r\n".to_owned(),
    ] {
        let mut stream = raw(&emulator).await;
        // The connection may be reset while all of it is still being sent.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = vec![0; 12];
        if stream.read_exact(&mut answer).await.is_ok() {
            assert!(answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
        }
        assert!(emulator.keys(BUCKET).is_empty());
    }
    assert_eq!(call("PUT", "k").body("x").send(&emulator).await.status, 200);
}

#[tokio::test]
async fn odd_keys_are_keys_like_any_other() {
    let emulator = emulator().await;
    let longest = "k".repeat(1023);
    let wide = "%E7%9B%AE".repeat(341);
    for (path, key) in [
        ("..", ".."),
        ("../../etc/passwd", "../../etc/passwd"),
        ("a//b", "a//b"),
        ("a/../b", "a/../b"),
        ("a/", "a/"),
        (".", "."),
        ("%00", "\0"),
        ("a%00b", "a\0b"),
        ("%F0%9F%98%80", "😀"),
        ("%0D%0A", "\r\n"),
        ("-/state", "-/state"),
        (&longest, &longest),
        (&wide, &"目".repeat(341)),
    ] {
        let put = call("PUT", path).body("x").send(&emulator).await;
        assert_eq!(put.status, 200, "{key:?} {put:?}");
        assert_eq!(emulator.object(BUCKET, key).unwrap().body, "x", "{key:?}");
        assert_eq!(call("GET", path).send(&emulator).await.text(), "x", "{key:?}");
        assert_eq!(call("DELETE", path).send(&emulator).await.status, 204, "{key:?}");
    }
    for path in
        ["k".repeat(1024), "%E7%9B%AE".repeat(342), "/a".to_owned(), "%2Fa".to_owned(), "%5Ca".to_owned()]
    {
        let reply = call("PUT", &path).body("x").send(&emulator).await;
        assert_eq!((reply.status.as_u16(), reply.element("Code")), (400, "InvalidObjectName"), "{path}");
    }
    assert!(emulator.keys(BUCKET).is_empty());
}

#[tokio::test]
async fn hostile_documents_are_refused() {
    let emulator = emulator().await;
    let upload = Upload::initiate(&emulator, "k").await;
    let etag = upload.part(1, "hello").send(&emulator).await.header("etag").to_owned();
    let one = format!("<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>");
    let within = |inside: &str| format!("<CompleteMultipartUpload>{inside}</CompleteMultipartUpload>");
    for (body, code) in [
        (String::new(), "MalformedXML"),
        (within(""), "MalformedXML"),
        (format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{}", within(&one)), "MalformedXML"),
        (within("<Part><PartNumber>1</PartNumber></Part>"), "MalformedXML"),
        (within("<Part><PartNumber>-1</PartNumber><ETag>a</ETag></Part>"), "MalformedXML"),
        (within("<Part><PartNumber>99999999999</PartNumber><ETag>a</ETag></Part>"), "MalformedXML"),
        (within("<Part><PartNumber>&a;</PartNumber><ETag>a</ETag></Part>"), "MalformedXML"),
        (within("<Part><PartNumber>0</PartNumber><ETag>a</ETag></Part>"), "InvalidPart"),
        (within(&one.repeat(2)), "InvalidPartOrder"),
        (within(&"<Part/>".repeat(200_000)), "MalformedXML"),
        ("<A>".repeat(100_000), "MalformedXML"),
        (format!("{}{}", within(&one), within(&one)), "MalformedXML"),
        ("x".repeat(9 << 20), "MalformedXML"),
    ] {
        let reply = upload.complete_with(body.clone()).send(&emulator).await;
        let start = &body[..body.len().min(100)];
        assert_eq!((reply.status.as_u16(), reply.element("Code")), (400, code), "{start}");
    }
    assert_eq!(upload.complete(&[(1, &etag)]).send(&emulator).await.status, 200);
}

#[tokio::test]
async fn the_later_of_two_uploads_that_forbid_overwriting_is_refused() {
    let emulator = emulator().await;
    let upload = Upload::initiate(&emulator, "k").await;
    let etag = upload.part(1, "part").send(&emulator).await.header("etag").to_owned();
    let form = "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n--b\r\nContent-Disposition: \
                form-data; name=\"x-oss-forbid-overwrite\"\r\n\r\ntrue\r\n--b\r\nContent-Disposition: form-data; \
                name=\"file\"; filename=\"f\"\r\n\r\nlate\r\n--b--\r\n";
    for (late, held) in [
        (call("PUT", "k").body("late"), 2),
        (upload.complete(&[(1, &etag)]), 2),
        (
            call("POST", "").anonymous().header("content-type", "multipart/form-data; boundary=b").body(form),
            form.len() as u64,
        ),
    ] {
        call("DELETE", "k").send(&emulator).await;
        let operation = match (late.method.as_str(), late.key.as_str()) {
            ("PUT", _) => Operation::PutObject,
            (_, "") => Operation::PostObject,
            _ => Operation::CompleteMultipartUpload,
        };
        let fault = emulator.inject(Fault::on(operation).stall_after(held));
        let late = late.header("x-oss-forbid-overwrite", "true");
        let (reply, ()) = tokio::join!(late.send(&emulator), async {
            emulator
                .wait_for(|journal| {
                    journal
                        .last()
                        .is_some_and(|entry| entry.operation == Some(operation) && entry.body_bytes > 0)
                })
                .await;
            assert_eq!(call("PUT", "k").query("x=1").body("first").send(&emulator).await.status, 200);
            fault.release();
        });
        assert_eq!(
            (reply.status.as_u16(), reply.element("Code")),
            (409, "FileAlreadyExists"),
            "{operation:?}"
        );
        assert_eq!(emulator.object(BUCKET, "k").unwrap().body, "first");
    }
}
