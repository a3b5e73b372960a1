//! What OSS expects of an application server, and what it tells the uploader.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]

mod common;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use common::{Application, BUCKET, Reply, call, callback, emulator};
use http::Response;
use http_body_util::Full;
use oss_emulator::{Acl, Emulator, Fault, Operation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

fn parameter(fields: serde_json::Value) -> String {
    STANDARD.encode(fields.to_string())
}

async fn put(emulator: &Emulator, parameter: String) -> Reply {
    call("PUT", "k").header("x-oss-callback", parameter).body("hello").send(emulator).await
}

fn assert_failed(reply: &Reply, message: &str, ec: &str) {
    assert_eq!(reply.status, 203, "{reply:?}");
    assert_eq!(
        (reply.element("Code"), reply.element("Message"), reply.element("EC")),
        ("CallbackFailed", message, ec)
    );
    assert!(!reply.header("etag").is_empty() && !reply.header("x-oss-hash-crc64ecma").is_empty());
}

/// An application server that answers these very bytes to everyone.
async fn raw_server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn answers_that_fail_and_what_the_uploader_is_told() {
    let emulator = emulator().await;
    let status = "0007-00000203";
    for (answer, message, ec) in [
        ("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}", "Error status : 201.", status),
        ("HTTP/1.1 301 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "Error status : 301.", status),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            "Error Status : 400.User server missing content-length.",
            status,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "Error Status : 400.User server return invalid conent-length value.",
            status,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n{}",
            "Error Status : 400.User server return too long content-length value.",
            status,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<no/>",
            "Response body is not valid json format.",
            "0007-00000205",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\u{feff}{}",
            "Response body is not valid json format.",
            "0007-00000205",
        ),
    ] {
        let url = raw_server(answer).await;
        assert_failed(&put(&emulator, callback(&url, "a=b")).await, message, ec);
        assert!(emulator.object(BUCKET, "k").is_some());
    }
}

#[tokio::test]
async fn xml_is_an_answer_too() {
    let emulator = emulator().await;
    let url =
        raw_server("HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: 5\r\n\r\n<ok/>")
            .await;
    let reply = put(&emulator, callback(&url, "a=b")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.text(), reply.header("content-type")),
        (200, "<ok/>", "application/xml")
    );
}

#[tokio::test]
async fn nobody_is_there() {
    let emulator = emulator().await;
    // Bound, so that nobody else can have the port, and deaf, so that connecting is refused.
    let deaf = TcpSocket::new_v4().unwrap();
    deaf.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let reply = put(&emulator, callback(&format!("http://{}", deaf.local_addr().unwrap()), "a=b")).await;
    assert!(reply.element("Message").starts_with("Error status : -1.OSS can not connect"), "{reply:?}");
}

#[tokio::test]
async fn nobody_answers() {
    let emulator =
        Emulator::builder().bucket(BUCKET).callback_timeout(Duration::from_millis(50)).start().await.unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let reply = put(&emulator, callback(&format!("http://{}", silent.local_addr().unwrap()), "a=b")).await;
    assert!(reply.element("Message").contains("reply timeout, cost:50ms"), "{reply:?}");
    assert_eq!(reply.element("EC"), "0007-00000202");
}

#[tokio::test]
async fn urls_are_tried_in_turn_until_one_succeeds() {
    let emulator = emulator().await;
    let bad = Application::answering(500, "no").await;
    let good = Application::answering(200, "{}").await;
    let never = Application::answering(200, "{}").await;
    let urls = format!("{};{};{}", bad.url, good.url, never.url);
    let reply = put(&emulator, callback(&urls, "a=b")).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "{}"));
    assert_eq!((bad.received().len(), good.received().len(), never.received().len()), (1, 1, 0));
    assert_eq!(emulator.journal()[0].callback.as_ref().unwrap().urls_called, 2);
    let six = [good.url.as_str(); 6].join(";");
    assert_eq!(put(&emulator, callback(&six, "a=b")).await.element("EC"), "0007-00000005");
}

#[tokio::test]
async fn json_values_are_tokens_and_pictures_have_a_size() {
    let emulator = emulator().await;
    let application = Application::answering(200, "{}").await;
    let template = concat!(
        r#"{"o":${object},"e":${etag},"s":${size},"w":"${imageInfo.width},${imageInfo.height}","#,
        r#""f":${imageInfo.format},"m":${mimeType},"op":${operation},"v":${x:q},"none":${x:none},"i":${imageInfo}}"#
    );
    let fields = serde_json::json!({
        "callbackUrl": application.url, "callbackBody": template, "callbackBodyType": "application/json",
        "callbackHost": "your.callback.com",
    });
    let gif = b"GIF89a\x2a\x03\x1b\x02".to_vec();
    let reply = call("PUT", "a/%22b%22.gif")
        .header("content-type", "image/gif")
        .header("x-oss-callback", parameter(fields))
        .header("x-oss-callback-var", parameter(serde_json::json!({ "x:q": "say \"hi\"\n" })))
        .body(gif)
        .send(&emulator)
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let received = application.received();
    assert_eq!(received[0].headers["host"], "your.callback.com");
    assert_eq!(received[0].headers["content-type"], "application/json");
    let etag = emulator.object(BUCKET, "a/\"b\".gif").unwrap().etag;
    assert_eq!(
        received[0].body,
        format!(
            concat!(
                r#"{{"o":"a/\"b\".gif","e":"{}","s":10,"w":"810,539","f":"gif","m":"image/gif","#,
                r#""op":"PutObject","v":"say \"hi\"\n","none":null,"i":null}}"#
            ),
            etag
        )
    );
}

#[tokio::test]
async fn the_headers_are_those_of_a_genuine_callback() {
    let emulator = emulator().await;
    let application = Application::answering(200, "{}").await;
    put(&emulator, callback(&format!("{}/p", application.url), "a=b")).await;
    let received = application.received().remove(0);
    for (name, value) in [
        ("connection", "close"),
        ("content-md5", "esqsFUlOaCCx7W2LU5rwiQ=="),
        ("x-oss-bucket", BUCKET),
        ("x-oss-signature-version", "1.0"),
        ("x-oss-tag", "CALLBACK"),
        ("x-oss-additional-headers", ""),
    ] {
        assert_eq!(received.headers[name], value, "{name}");
    }
    let url = STANDARD.decode(&received.headers["x-oss-pub-key-url"]).unwrap();
    assert_eq!(url, emulator.callback_key_url().as_bytes());
    assert_eq!(received.headers["x-oss-request-id"], emulator.journal()[0].request_id.as_str());
}

#[tokio::test]
async fn both_transports_at_once_and_wrong_fields_are_refused() {
    let emulator = emulator().await;
    let good = callback("http://127.0.0.1:1/", "a=b");
    let twice = call("PUT", "k")
        .query(format!("callback={}", good.replace('+', "%2B").replace('=', "%3D")))
        .header("x-oss-callback", &good)
        .body("x")
        .send(&emulator)
        .await;
    assert_eq!((twice.status.as_u16(), twice.element("EC")), (400, "0007-00000027"));
    let url = "http://127.0.0.1:1/";
    for (fields, ec) in [
        (serde_json::json!({ "callbackUrl": url, "callbackBody": { "a": 1 } }), "0007-00000010"),
        (serde_json::json!({ "callbackUrl": url, "callbackBody": "a", "callbackHost": 1 }), "0007-00000009"),
        (
            serde_json::json!({ "callbackUrl": url, "callbackBody": "a", "callbackBodyType": "text/plain" }),
            "0007-00000013",
        ),
        (
            serde_json::json!({ "callbackUrl": url, "callbackBody": "a", "additionalHeaders": { "x-oss-a": "b" } }),
            "0007-00000026",
        ),
    ] {
        assert_eq!(put(&emulator, parameter(fields)).await.element("EC"), ec);
    }
    let sni = serde_json::json!({ "callbackUrl": url, "callbackBody": "a", "callbackSNI": "true" });
    assert_eq!(put(&emulator, parameter(sni)).await.element("Message"), "The callback sni is invalid.");
    let long = callback(url, &"a".repeat(5000));
    assert_eq!(put(&emulator, long).await.element("EC"), "0007-00000001");
    let upper = call("PUT", "k")
        .header("x-oss-callback", good)
        .header("x-oss-callback-var", parameter(serde_json::json!({ "uid": "1" })))
        .body("x")
        .send(&emulator)
        .await;
    assert_eq!(upper.element("EC"), "0007-00000104");
    assert!(emulator.object(BUCKET, "k").is_none());
}

#[tokio::test]
async fn private_addresses_can_be_refused() {
    let emulator = Emulator::builder().bucket(BUCKET).public_callbacks_only(true).start().await.unwrap();
    let reply = put(&emulator, callback("http://127.0.0.1:1/", "a=b")).await;
    assert_eq!((reply.status.as_u16(), reply.element("EC")), (400, "0007-00000008"));
    assert!(emulator.object(BUCKET, "k").is_none());
}

#[tokio::test]
async fn a_scripted_failure_needs_no_application_server() {
    let emulator = emulator().await;
    emulator.inject(
        Fault::on(Operation::PutObject).fail_callback("Too many callback requests.", "0007-00000201"),
    );
    let reply = put(&emulator, callback("http://127.0.0.1:1/", "a=b")).await;
    assert_failed(&reply, "Too many callback requests.", "0007-00000201");
}

#[tokio::test]
async fn an_upload_without_url_has_no_callback() {
    let emulator = emulator().await;
    let reply =
        put(&emulator, parameter(serde_json::json!({ "callbackUrl": "", "callbackBody": "a" }))).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (200, 0));
}

#[tokio::test]
async fn a_slow_application_does_not_hold_up_others() {
    let emulator = emulator().await;
    let (started, mut waiting) = tokio::sync::mpsc::unbounded_channel();
    let application = Application::with(move |_| {
        started.send(()).unwrap();
        Response::new(Full::new(Bytes::from_static(b"{}")))
    })
    .await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stuck = callback(&format!("http://{}", silent.local_addr().unwrap()), "a=b");
    let quick = callback(&application.url, "a=b");
    let slow = call("PUT", "slow").header("x-oss-callback", stuck).body("x");
    tokio::select! {
        _ = slow.send(&emulator) => panic!("the silent server answered"),
        reply = put(&emulator, quick) => assert_eq!(reply.status, 200),
    }
    assert!(waiting.recv().await.is_some());
}

#[tokio::test]
async fn additional_headers_change_neither_framing_nor_signature() {
    let emulator = emulator().await;
    let application = Application::answering(200, "{}").await;
    let fields = serde_json::json!({
        "callbackUrl": application.url, "callbackBody": "a=b",
        "additionalHeaders": {
            "content-length": "99", "transfer-encoding": "chunked", "authorization": "none", "host": "elsewhere",
            "mine": "yes",
        },
    });
    assert_eq!(put(&emulator, parameter(fields)).await.status, 200);
    let received = application.received().remove(0);
    assert_eq!((&received.body[..], &received.headers["mine"]), (&b"a=b"[..], &"yes".parse().unwrap()));
    assert_eq!(received.headers["content-length"], "3");
    assert_ne!(received.headers["authorization"], "none");
    assert_ne!(received.headers["host"], "elsewhere");
}

/// An emulator that is in the middle of a callback whose uploader has gone, and the application's end of it.
async fn abandoned(timeout: Duration) -> (Emulator, TcpStream) {
    let builder = Emulator::builder().bucket_with_acl(BUCKET, Acl::PublicReadWrite);
    let emulator = builder.callback_timeout(timeout).start().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let asked = callback(&format!("http://{}", listener.local_addr().unwrap()), "a=b");
    let host = emulator.endpoint().strip_prefix("http://").unwrap();
    let mut uploader = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "PUT /{BUCKET}/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nx-oss-callback: {asked}\r\n\r\nx"
    );
    uploader.write_all(head.as_bytes()).await.unwrap();
    let (mut application, _) = listener.accept().await.unwrap();
    drop(uploader);
    emulator.wait_for(|journal| journal[0].finished).await;
    let mut request = Vec::new();
    while !request.ends_with(b"a=b") {
        assert_ne!(application.read_buf(&mut request).await.unwrap(), 0);
    }
    (emulator, application)
}

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

#[tokio::test]
async fn a_callback_is_sent_though_the_uploader_has_gone() {
    let (emulator, mut application) = abandoned(Duration::from_secs(5)).await;
    application.write_all(GOOD).await.unwrap();
    emulator.wait_for(|journal| journal[0].callback.is_some()).await;
    let record = emulator.journal()[0].callback.clone().unwrap();
    assert_eq!((record.status, record.failure), (Some(200), None));
}

#[tokio::test]
async fn a_shutdown_waits_for_a_callback_that_nobody_else_waits_for() {
    let (emulator, mut application) = abandoned(Duration::from_secs(5)).await;
    let host = emulator.endpoint().strip_prefix("http://").unwrap().to_owned();
    let shutdown = emulator.shutdown();
    tokio::pin!(shutdown);
    tokio::select! {
        biased;
        () = &mut shutdown => panic!("the callback was not waited for"),
        () = async { while TcpStream::connect(&host).await.is_ok() {} } => {}
    }
    application.write_all(GOOD).await.unwrap();
    shutdown.await;
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever() {
    let (emulator, mut application) = abandoned(Duration::MAX).await;
    // A transport that is still there must not keep the callback alive.
    let _transport = emulator.transport();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    emulator.shutdown().await;
    assert!((5..6).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(application.read_buf(&mut Vec::new()).await.unwrap_or(0), 0, "the callback is broken off");
}

#[tokio::test]
async fn no_time_limit_is_too_long() {
    let emulator = Emulator::builder().bucket(BUCKET).callback_timeout(Duration::MAX).start().await.unwrap();
    let application = Application::answering(200, "{}").await;
    assert_eq!(put(&emulator, callback(&application.url, "a=b")).await.status, 200);
}
