//! Every fault does what its documentation says.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]

mod common;

use std::time::Duration;

use common::upload::Upload;
use common::{BUCKET, Call, call, emulator};
use oss_emulator::{Acl, Emulator, Fault, FaultPoint, Operation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

fn put() -> Call {
    call("PUT", "k").body("hello world")
}

fn on_put() -> FaultPoint {
    Fault::on(Operation::PutObject)
}

fn stored(emulator: &Emulator) -> bool {
    emulator.object(BUCKET, "k").is_some()
}

#[tokio::test]
async fn answers_in_place_of_the_work_and_after_it() {
    let emulator = emulator().await;
    emulator.inject(on_put().answer(503, "ServiceUnavailable"));
    let reply = put().send(&emulator).await;
    assert_eq!(
        (reply.status.as_u16(), reply.element("Code"), stored(&emulator)),
        (503, "ServiceUnavailable", false)
    );
    emulator.inject(on_put().answer_raw(502, "text/html", "<h1>Bad Gateway</h1>"));
    let reply = put().send(&emulator).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (502, "<h1>Bad Gateway</h1>"));
    assert_eq!((reply.header("content-type"), stored(&emulator)), ("text/html", false));
    emulator.inject(on_put().answer_after_work(500, "InternalError"));
    let reply = put().send(&emulator).await;
    assert_eq!((reply.status.as_u16(), stored(&emulator)), (500, true));
    let journal = emulator.journal();
    assert_eq!(journal[0].faults, ["answer"]);
    assert_eq!(journal[2].code.as_deref(), Some("InternalError"));
    assert!(journal.iter().all(|entry| entry.body_bytes == 11 && entry.finished));
}

#[tokio::test]
async fn throttling_says_how_long() {
    let emulator = emulator().await;
    emulator.inject(on_put().times(2).throttle(Duration::from_millis(250)));
    for _ in 0..2 {
        let reply = put().send(&emulator).await;
        assert_eq!(reply.status, 503);
        assert_eq!(reply.header("x-oss-qos-delay-time"), "250");
        assert_eq!(reply.element("Code"), "UploadTrafficRateLimitExceeded");
    }
    assert_eq!(put().send(&emulator).await.status, 200);
}

#[tokio::test]
async fn checksums_can_be_wrong_or_missing() {
    let emulator = emulator().await;
    let good = put().send(&emulator).await;
    emulator.inject(on_put().attempt(2).wrong_crc());
    emulator.inject(on_put().attempt(2).wrong_etag());
    emulator.inject(on_put().attempt(3).missing_crc());
    emulator.inject(on_put().attempt(3).missing_etag());
    let wrong = put().send(&emulator).await;
    assert_ne!(wrong.header("x-oss-hash-crc64ecma"), good.header("x-oss-hash-crc64ecma"));
    assert_ne!(wrong.header("etag"), good.header("etag"));
    let missing = put().send(&emulator).await;
    assert!(!missing.headers.contains_key("x-oss-hash-crc64ecma") && !missing.headers.contains_key("etag"));
    assert_eq!(emulator.object(BUCKET, "k").unwrap().etag, good.header("etag").trim_matches('"'));
}

#[tokio::test]
async fn a_request_is_reset_after_so_many_bytes() {
    let emulator = emulator().await;
    for after in [0, 1, 5, 11, 1000] {
        emulator.inject(on_put().reset_request_after(after));
        assert!(put().try_send(&emulator).await.is_err(), "{after}");
    }
    assert!(!stored(&emulator));
    assert!(emulator.journal().iter().all(|entry| entry.status.is_none() && entry.finished));
}

#[tokio::test]
async fn an_answer_comes_before_the_body_is_read() {
    let emulator = emulator().await;
    emulator.inject(on_put().answer_unread(403, "AccessDenied"));
    let (mut stream, head) = put_head(&emulator, 100_000).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 403");
    assert_eq!((emulator.journal()[0].body_bytes, stored(&emulator)), (0, false));
    // What the client goes on to send is taken, and the connection stays usable.
    stream.write_all(&[0; 100_000]).await.unwrap();
    stream.write_all(format!("{head}{}", "x".repeat(100_000)).as_bytes()).await.unwrap();
    emulator.wait_for(|journal| journal.len() == 2 && journal[1].body_bytes == 100_000).await;
}

/// A connection, and the head of an anonymous PUT to a key of an emulator that lets anybody write.
async fn put_head(emulator: &Emulator, length: usize) -> (TcpStream, String) {
    let stream = TcpStream::connect(emulator.endpoint().strip_prefix("http://").unwrap()).await.unwrap();
    (stream, format!("PUT /{BUCKET}/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n"))
}

#[tokio::test]
async fn a_client_that_goes_frees_what_a_fault_holds() {
    let emulator = Emulator::builder().bucket_with_acl(BUCKET, Acl::PublicReadWrite).start().await.unwrap();
    let hour = Duration::from_secs(3600);
    let stalls = [
        on_put().stall(),
        on_put().stall_after(10),
        on_put().stall_after(u64::MAX),
        on_put().stall_answer(),
        on_put().delay(hour),
        on_put().delay_answer(hour),
    ];
    for (index, fault) in stalls.into_iter().enumerate() {
        emulator.inject(fault.clone());
        let (mut stream, head) = put_head(&emulator, 100_000).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&[0; 100_000]).await.unwrap();
        emulator.wait_for(|journal| journal.len() == index + 1).await;
        assert!(!emulator.journal()[index].finished, "{fault:?}");
        drop(stream);
        emulator.wait_for(|journal| journal[index].finished).await;
        assert_eq!(emulator.journal()[index].status, None, "{fault:?}");
    }
}

#[tokio::test]
async fn a_body_is_accepted_and_never_answered() {
    let emulator = emulator().await;
    let fault = emulator.inject(on_put().stall_after(u64::MAX));
    let request = put();
    let (reply, ()) = tokio::join!(request.send(&emulator), async {
        emulator.wait_for(|journal| journal.first().is_some_and(|entry| entry.body_bytes == 11)).await;
        assert!(!stored(&emulator));
        fault.release();
    });
    assert_eq!((reply.status.as_u16(), stored(&emulator)), (200, true));
}

/// Reads what arrives until the connection ends, and says whether it was reset.
async fn raw_answer(emulator: &Emulator, request: &str) -> (Vec<u8>, bool) {
    let mut stream = TcpStream::connect(emulator.endpoint().strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer).await;
    (answer, end.is_err())
}

#[tokio::test]
async fn an_answer_is_cut_at_the_very_byte() {
    let emulator = emulator().await;
    let request = format!("GET /{BUCKET}/none HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    let (whole, reset) = raw_answer(&emulator, &request).await;
    assert!(!reset && whole.ends_with(b"</Error>\n"));
    for bytes in [1_usize, 10, 200, whole.len() - 1] {
        emulator.inject(Fault::on(Operation::GetObject).reset_response_after(bytes as u64));
        let (answer, reset) = raw_answer(&emulator, &request).await;
        assert!(reset, "{bytes}");
        assert_eq!(answer.len(), bytes);
    }
}

#[tokio::test]
async fn an_answer_is_cut_inside_its_body() {
    let emulator = emulator().await;
    let request = format!("GET /{BUCKET}/none HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    let (whole, _) = raw_answer(&emulator, &request).await;
    let body = whole.len() - whole.windows(4).position(|end| end == b"\r\n\r\n").unwrap() - 4;
    for bytes in [0, 1, 80, body - 1] {
        emulator.inject(Fault::on(Operation::GetObject).reset_response_body_after(bytes as u64));
        let (answer, reset) = raw_answer(&emulator, &request).await;
        assert_eq!((answer.len(), reset), (whole.len() - body + bytes, true));
    }
    emulator.inject(Fault::on(Operation::GetObject).reset_response_body_after(body as u64));
    assert_eq!(raw_answer(&emulator, &request).await.0.len(), whole.len());
}

#[tokio::test]
async fn an_answer_stops_inside_its_body_until_it_is_released() {
    let emulator = emulator().await;
    let fault = emulator.inject(Fault::on(Operation::GetObject).stall_answer_body_after(80));
    let mut stream = TcpStream::connect(emulator.endpoint().strip_prefix("http://").unwrap()).await.unwrap();
    let request = format!("GET /{BUCKET}/none HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let arrived = |answer: &[u8]| {
        answer.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |head| answer.len() - head - 4)
    };
    while arrived(&answer) < 80 {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
    }
    assert_eq!(arrived(&answer), 80);
    fault.release();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(b"</Error>\n"));
}

#[tokio::test]
async fn a_cut_that_an_answer_was_too_short_for_spares_the_next() {
    let emulator = emulator().await;
    emulator.inject(Fault::on(Operation::GetObject).reset_response_after(1000));
    let one = format!("GET /{BUCKET}/none HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    let last = format!("GET /{BUCKET}/none HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    let (answers, reset) = raw_answer(&emulator, &format!("{one}{one}{last}")).await;
    assert_eq!(String::from_utf8_lossy(&answers).matches("</Error>").count(), 3);
    assert!(!reset);
}

#[tokio::test]
async fn a_cut_that_the_last_answer_was_too_short_for_loses_none_of_it() {
    let emulator = Emulator::builder().bucket_with_acl(BUCKET, Acl::PublicReadWrite).start().await.unwrap();
    call("PUT", "k").body(vec![7; 100_000]).send(&emulator).await;
    emulator.inject(Fault::on(Operation::GetObject).reset_response_after(1_000_000));
    // A client with little room, so that most of the answer waits in the emulator's socket when that is closed.
    let client = TcpSocket::new_v4().unwrap();
    client.set_recv_buffer_size(4096).unwrap();
    let address = emulator.endpoint().strip_prefix("http://").unwrap().parse().unwrap();
    let mut stream = client.connect(address).await.unwrap();
    let request = format!("GET /{BUCKET}/k HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    emulator.wait_for(|journal| journal.len() == 2 && journal[1].finished).await;
    // Waits until the connection is closed on the emulator's side.
    emulator.shutdown().await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(&[7; 100_000]), "{} bytes", answer.len());
}

#[tokio::test]
async fn a_lost_answer_to_complete_leaves_the_object() {
    let emulator = emulator().await;
    let upload = Upload::initiate(&emulator, "k").await;
    let part = upload.part(1, "x").send(&emulator).await;
    let complete = upload.complete(&[(1, part.header("etag"))]);
    let fault = emulator.inject(Fault::on(Operation::CompleteMultipartUpload).drop_answer());
    assert!(complete.try_send(&emulator).await.is_err());
    assert_eq!(fault.hits(), 1);
    assert!(stored(&emulator) && emulator.uploads(BUCKET).is_empty());
    assert_eq!(complete.send(&emulator).await.element("Code"), "NoSuchUpload");
}

#[tokio::test]
async fn a_held_answer_comes_when_the_fault_is_released() {
    let emulator = emulator().await;
    let fault = emulator.inject(on_put().stall_answer());
    let request = put();
    let releasing = async {
        emulator.wait_for(|_| stored(&emulator)).await;
        assert_eq!(emulator.journal()[0].status, None);
        fault.release();
    };
    let (reply, ()) = tokio::join!(request.send(&emulator), releasing);
    assert_eq!(reply.status, 200);
}

#[tokio::test(start_paused = true)]
async fn delays_pass_before_the_work_and_before_the_answer() {
    let emulator = emulator().await;
    emulator.inject(on_put().attempt(1).delay(Duration::from_secs(3600)));
    emulator.inject(on_put().attempt(2).delay_answer(Duration::from_secs(7200)));
    let transport = emulator.transport();
    for wanted in [3600, 7200] {
        let started = tokio::time::Instant::now();
        let (parts, body) = put().request(&emulator).into_parts();
        let request = http::Request::from_parts(parts, oss_transport::Body::wrap(body));
        let response = oss_transport::Transport::send(&transport, request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(started.elapsed() >= Duration::from_secs(wanted));
    }
}

#[tokio::test]
async fn a_fault_that_holds_a_request_does_not_hold_up_the_end() {
    let emulator = emulator().await;
    emulator.inject(on_put().stall());
    let request = put();
    let (reply, ()) = tokio::join!(request.try_send(&emulator), async {
        emulator.wait_for(|journal| !journal.is_empty()).await;
        emulator.clear_faults();
    });
    assert_eq!(reply.unwrap().status, 200);
    emulator.shutdown().await;
}
