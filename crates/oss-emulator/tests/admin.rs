//! The admin endpoint: fault scripts and state as JSON, the page, and never in the way of an object.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure is the test's failure")]

mod common;

use bytes::Bytes;
use common::{BUCKET, Reply, call, emulator, send};
use http::Request;
use http_body_util::Full;
use oss_emulator::Emulator;
use serde_json::{Value, json};

async fn admin(emulator: &Emulator, method: &str, path: &str, body: Value) -> Reply {
    admin_from(emulator, method, path, body, None).await
}

async fn admin_from(
    emulator: &Emulator,
    method: &str,
    path: &str,
    body: Value,
    origin: Option<&str>,
) -> Reply {
    let host = emulator.endpoint().strip_prefix("http://").unwrap();
    let mut request = Request::builder().method(method).uri(format!("/-/{path}")).header("host", host);
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(emulator, request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap()
}

fn value(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

#[tokio::test]
async fn faults_are_scripted_listed_and_ended() {
    let emulator = emulator().await;
    let script = json!([
        { "operation": "PutObject", "key": "k", "times": 1, "action": "answer", "status": 500, "code": "InternalError" },
        { "operation": "GetObject", "always": true, "action": "throttle", "delay_millis": 5 },
    ]);
    let injected = admin(&emulator, "POST", "faults", script).await;
    assert_eq!((injected.status.as_u16(), value(&injected)), (200, json!({ "ids": [1, 2] })));
    assert_eq!(call("PUT", "k").body("x").send(&emulator).await.status, 500);
    assert_eq!(call("GET", "k").send(&emulator).await.status, 503);
    let listed = value(&admin(&emulator, "GET", "faults", Value::Null).await);
    assert_eq!(listed[0]["hits"], 1);
    assert_eq!(listed[1]["fault"]["operation"], "GetObject");
    assert_eq!(admin(&emulator, "DELETE", "faults/2", Value::Null).await.status, 200);
    assert_eq!(admin(&emulator, "DELETE", "faults/2", Value::Null).await.status, 404);
    assert_eq!(call("GET", "k").send(&emulator).await.element("Code"), "NoSuchKey");
    let wrong =
        admin(&emulator, "POST", "faults", json!({ "opration": "PutObject", "action": "drop-answer" })).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("opration"), "{}", wrong.text());
    assert_eq!(value(&admin(&emulator, "DELETE", "faults", Value::Null).await), json!({ "released": 1 }));
}

#[tokio::test]
async fn state_and_journal_tell_what_happened() {
    let emulator = emulator().await;
    call("PUT", "k").header("content-type", "text/x").body("hello").send(&emulator).await;
    let state = value(&admin(&emulator, "GET", "state", Value::Null).await);
    assert_eq!(state["buckets"][0]["objects"][0]["key"], "k");
    assert_eq!(state["buckets"][0]["objects"][0]["size"], 5);
    call("GET", "none").send(&emulator).await;
    let journal = value(&admin(&emulator, "GET", "journal?since=1", Value::Null).await);
    assert_eq!(journal.as_array().unwrap().len(), 1);
    assert_eq!((&journal[0]["operation"], &journal[0]["code"]), (&json!("GetObject"), &json!("NoSuchKey")));
    assert_eq!(admin(&emulator, "POST", "reset", Value::Null).await.status, 200);
    assert!(emulator.keys(BUCKET).is_empty() && emulator.journal().is_empty());
}

#[tokio::test]
async fn the_clock_can_be_moved() {
    let emulator = emulator().await;
    assert_eq!(admin(&emulator, "POST", "clock", json!({ "offset_millis": 3_600_000 })).await.status, 200);
    assert_eq!(call("PUT", "k").body("x").send(&emulator).await.element("Code"), "RequestTimeTooSkewed");
    assert_eq!(admin(&emulator, "POST", "clock", json!({})).await.status, 400);
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing() {
    let emulator = emulator().await;
    let refused = admin_from(&emulator, "POST", "reset", Value::Null, Some("http://evil.example")).await;
    assert_eq!(refused.status, 403);
    let own = emulator.endpoint().to_owned();
    assert_eq!(admin_from(&emulator, "POST", "reset", Value::Null, Some(&own)).await.status, 200);
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let emulator = emulator().await;
    let page = admin(&emulator, "GET", "", Value::Null).await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert!(!page.text().contains("innerHTML") && !page.text().contains("https://"));
    assert_eq!(admin(&emulator, "GET", "nothing", Value::Null).await.status, 404);
    assert_eq!(admin(&emulator, "PUT", "state", Value::Null).await.status, 405);
}

#[tokio::test]
async fn an_object_below_the_same_path_is_an_object() {
    let emulator = emulator().await;
    assert_eq!(call("PUT", "-/state").body("mine").send(&emulator).await.status, 200);
    assert_eq!(call("GET", "-/state").send(&emulator).await.text(), "mine");
}

/// What the README's table says can be sent, can be sent, and is listed as it was sent.
#[tokio::test]
async fn every_action_can_be_scripted() {
    let emulator = emulator().await;
    let values = json!({
        "status": 500, "code": "InternalError", "after_work": true, "unread": true, "content_type": "text/html",
        "body": "x", "delay_millis": 5, "millis": 5, "after_bytes": 5, "message": "x", "ec": "1", "number": 2,
    });
    let readme = include_str!("../README.md");
    let table = readme.split("| action | what happens |").nth(1).unwrap().split("\n\n").next().unwrap();
    let mut scripted = 0;
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let left = row.split(" | ").next().unwrap();
        let (actions, fields) = left.split_once(" (").unwrap_or((left, ""));
        let quoted =
            |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        for action in quoted(actions) {
            let mut fault = json!({ "operation": "UploadPart", "action": action });
            for field in quoted(fields) {
                fault[&field] = values[&field].clone();
            }
            let reply = admin(&emulator, "POST", "faults", fault.clone()).await;
            assert_eq!(reply.status, 200, "{fault} {}", reply.text());
            scripted += 1;
            let listed = value(&admin(&emulator, "GET", "faults", Value::Null).await);
            assert_eq!(listed[scripted - 1]["fault"], fault);
        }
    }
    assert_eq!(scripted, 23);
}
