//! Requests through axum's extractor beside a bare handler that reads the same body and answers the same.
//!
//! `cargo bench -p oss-callback --features axum --bench extractor`. One client on one loopback connection, so the
//! time of one item is a round trip; client and server share the machine.
#![allow(missing_docs, reason = "divan's attribute makes public functions")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot be set up must stop")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;
use oss_callback::{Reply, VerifiedCallback};
use serde::Deserialize;

fn main() {
    divan::Divan::from_args().sample_count(100).sample_size(200).main();
}

const BODY: &str = "object=user%2F42%2Fphotos%2F2024%2Fholiday.jpg&size=123456";

#[derive(Deserialize)]
struct Upload {
    #[serde(rename = "object")]
    _object: String,
    #[serde(rename = "size")]
    _size: u64,
}

async fn verified(_: VerifiedCallback<Upload>) -> Reply {
    Reply::ok()
}

async fn bare(_: Bytes) -> Reply {
    Reply::ok()
}

#[divan::bench]
fn verified_callback(bencher: Bencher<'_, '_>) {
    let verifier = support::verifier().expect_target("/cb").unwrap();
    round_trips(bencher, Router::new().route("/cb", post(verified)).with_state(Arc::new(verifier)));
}

#[divan::bench]
fn bare_handler(bencher: Bencher<'_, '_>) {
    round_trips(bencher, Router::new().route("/cb", post(bare)));
}

fn round_trips(bencher: Bencher<'_, '_>, app: Router) {
    let mut client = TcpStream::connect(serve(app)).unwrap();
    client.set_nodelay(true).unwrap();
    let request = format!(
        "POST /cb HTTP/1.1\r\nHost: app.example\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Authorization: {}\r\nx-oss-pub-key-url: {}\r\nContent-Length: {}\r\n\r\n{BODY}",
        support::authorization("/cb", BODY.as_bytes()),
        STANDARD.encode(support::KEY_URL),
        BODY.len(),
    );
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 512];
        let mut length = 0;
        while !answer[..length].ends_with(Reply::ok().body()) {
            length += match client.read(&mut answer[length..]).unwrap() {
                0 => panic!("the server closed the connection"),
                read => read,
            };
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    });
}

fn serve(app: Router) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    // The thread ends with the process.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            use axum::serve::ListenerExt as _;
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            // Without it each answer would wait for the acknowledgement of the one before.
            let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
            axum::serve(listener, app).await.unwrap();
        });
    });
    address
}
