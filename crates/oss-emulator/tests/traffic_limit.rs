//! `x-oss-traffic-limit`: what is taken, and that bodies are read no faster.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]

mod common;

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use common::{BUCKET, Call, call, emulator};
use http_body::Frame;
use oss_emulator::{Acl, Emulator};
use oss_transport::{Body, Transport};
use tokio::time::Instant;

/// Sends without a socket, where time can be paused, and tells how long it took.
async fn took(emulator: &Emulator, call: &Call) -> Duration {
    let (parts, body) = call.request(emulator).into_parts();
    let began = Instant::now();
    let request = http::Request::from_parts(parts, Body::wrap(body));
    let answer = emulator.transport().send(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_body_is_read_at_its_speed() {
    let emulator = emulator().await;
    let body = vec![0; 1_024_000];
    let put = call("PUT", "k").body(body);
    assert_eq!(took(&emulator, &put).await, Duration::ZERO);
    let slow = put.clone().header("x-oss-traffic-limit", "819200");
    let took_slow = took(&emulator, &slow).await;
    assert!((Duration::from_secs(10)..Duration::from_millis(10_010)).contains(&took_slow), "{took_slow:?}");
    let faster = put.query("x-oss-traffic-limit=8192000");
    let took_faster = took(&emulator, &faster).await;
    assert!((Duration::from_secs(1)..Duration::from_millis(1010)).contains(&took_faster), "{took_faster:?}");
}

/// A body that comes in pieces.
struct Pieces(VecDeque<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_form_names_its_speed_in_a_field() {
    let emulator = Emulator::builder().bucket_with_acl(BUCKET, Acl::PublicReadWrite).start().await.unwrap();
    for (speed, seconds) in [("819200", 10), ("8192000", 1)] {
        let mut pieces = VecDeque::new();
        for (name, value) in [("key", "k"), ("x-oss-traffic-limit", speed)] {
            let disposition = format!("Content-Disposition: form-data; name=\"{name}\"");
            pieces.push_back(Bytes::from(format!("--b\r\n{disposition}\r\n\r\n{value}\r\n")));
        }
        let disposition = "Content-Disposition: form-data; name=\"file\"; filename=\"f\"";
        pieces.push_back(Bytes::from(format!("--b\r\n{disposition}\r\n\r\n")));
        pieces.extend(std::iter::repeat_n(Bytes::from(vec![0; 10_240]), 100));
        pieces.push_back(Bytes::from("\r\n--b--\r\n"));
        let request = http::Request::post(format!("/{BUCKET}/"))
            .header("host", "127.0.0.1")
            .header("content-type", "multipart/form-data; boundary=b")
            .body(Body::wrap(Pieces(pieces)));
        let began = Instant::now();
        let answer = emulator.transport().send(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), 204);
        let took = began.elapsed();
        let wanted = Duration::from_secs(seconds);
        assert!((wanted..wanted + Duration::from_millis(110)).contains(&took), "{took:?}");
        assert_eq!(emulator.object(BUCKET, "k").unwrap().size, 1_024_000);
    }
}

#[tokio::test]
async fn only_speeds_of_oss_are_taken() {
    let emulator = emulator().await;
    for wrong in ["819199", "838860801", "0", "-1", "fast", ""] {
        let reply = call("PUT", "k").header("x-oss-traffic-limit", wrong).body("x").send(&emulator).await;
        assert_eq!((reply.status.as_u16(), reply.element("Code")), (400, "InvalidArgument"), "{wrong:?}");
        assert_eq!(reply.element("ArgumentName"), "x-oss-traffic-limit");
    }
    assert!(emulator.object(BUCKET, "k").is_none());
    for right in ["819200", "838860800"] {
        let reply = call("PUT", "k").header("x-oss-traffic-limit", right).body("x").send(&emulator).await;
        assert_eq!(reply.status, 200, "{right}");
    }
}
