//! What the caller gets of a response.

use bytes::Bytes;
use http::Method;
use tokio::sync::oneshot;

use super::super::source::pattern;
use super::super::{Case, Check, Failure, RESPONSE_LIMIT};
use super::{EMPTY_OK, both, exchange_once};
use crate::Body;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::promise(
            "response/every-status",
            "every status comes back as Ok with its body, 203 and errors too, and is not tried again",
            |check| Box::pin(every_status(check)),
        ),
        Case::promise("response/redirect", "a redirect comes back as it is and is not followed", |check| {
            Box::pin(redirect(check))
        }),
        Case::promise(
            "response/encoded",
            "an encoded body comes back encoded, and no encoding is asked for",
            |check| Box::pin(encoded(check)),
        ),
        Case::promise(
            "response/framing",
            "a body framed by length, by chunks or by the end of the connection comes back whole",
            |check| Box::pin(framing(check)),
        ),
        Case::promise(
            "response/known-length",
            "a body's Content-Length is known before it is read",
            |check| Box::pin(known_length(check)),
        ),
        Case::promise(
            "response/head",
            "a HEAD response has no body, whatever its Content-Length says, and keeps its headers",
            |check| Box::pin(head(check)),
        ),
        Case::promise(
            "response/headers",
            "header values come back byte for byte, repeated ones in order",
            |check| Box::pin(headers(check)),
        ),
        Case::promise("response/interim", "an interim 100 Continue is not taken for the response", |check| {
            Box::pin(interim(check))
        }),
        Case::promise(
            "response/at-headers",
            "the response comes back when its headers have arrived, before its body has",
            |check| Box::pin(at_headers(check)),
        ),
    ]
}

async fn every_status(check: Check) -> Result<(), Failure> {
    for status in
        [200, 201, 203, 206, 400, 403, 404, 408, 409, 411, 412, 416, 421, 425, 429, 500, 502, 503, 504]
    {
        let answer =
            format!("HTTP/1.1 {status} Reason\r\nConnection: close\r\nContent-Length: 6\r\n\r\nanswer");
        let request = check.put("body")?;
        let (parts, body, _) = exchange_once(&check, request, answer.as_bytes()).await?;
        expect(&format!("status {status}"), &status.to_string(), parts.status.as_str())?;
        expect_body(&format!("the body of status {status}"), b"answer", &body)?;
    }
    Ok(())
}

async fn redirect(check: Check) -> Result<(), Failure> {
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/elsewhere", check.server.url());
        let answer = format!(
            "HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        for method in [Method::PUT, Method::GET] {
            let request = check.request(method, "/bucket/key", Body::empty())?;
            let (parts, _, _) = exchange_once(&check, request, answer.as_bytes()).await?;
            expect("the status", &status.to_string(), parts.status.as_str())?;
            let value = parts.headers.get("location").map_or(&b""[..], |value| value.as_bytes());
            expect_body("the header Location", location.as_bytes(), value)?;
        }
    }
    Ok(())
}

async fn encoded(check: Check) -> Result<(), Failure> {
    // "hello" by `gzip -n`, 25 bytes.
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00";
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
            gzip.len()
        );
        let answer = [head.as_bytes(), gzip].concat();
        let request = check.request(Method::GET, "/bucket/key", Body::empty())?;
        let (parts, body, seen) = exchange_once(&check, request, &answer).await?;
        seen.expect_none("accept-encoding")?;
        let kept = parts.headers.get("content-encoding").map_or(&b""[..], |value| value.as_bytes());
        expect_body("the header Content-Encoding", encoding.as_bytes(), kept)?;
        expect_body("the encoded body", gzip, &body)?;
    }
    Ok(())
}

async fn framing(check: Check) -> Result<(), Failure> {
    let content = pattern(300_000);
    let mut by_length = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len()).into_bytes();
    by_length.extend_from_slice(&content);
    let mut by_chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in content.chunks(70_000) {
        by_chunks.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        by_chunks.extend_from_slice(piece);
        by_chunks.extend_from_slice(b"\r\n");
    }
    by_chunks.extend_from_slice(b"0\r\n\r\n");
    let mut by_end = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    by_end.extend_from_slice(&content);

    for (framing, answer) in
        [("by length", by_length), ("by chunks", by_chunks), ("by the end of the connection", by_end)]
    {
        let request = check.put("body")?;
        let (_, body, _) = exchange_once(&check, request, &answer).await?;
        expect_body(&format!("the body framed {framing}"), &content, &body)?;
    }
    Ok(())
}

async fn known_length(check: Check) -> Result<(), Failure> {
    let request = check.put("body")?;
    let caller = async { Ok(check.send(request).await?.into_body().exact_len()) };
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let (len, _) = both(caller, check.server.answer_once(answer)).await?;
    expect("the length of the body", "Some(5)", &format!("{len:?}"))
}

async fn head(check: Check) -> Result<(), Failure> {
    let request = check.request(Method::HEAD, "/bucket/key", Body::empty())?;
    let answer =
        b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: \"5B3C1A2E053D763E1B002CC607C5A0FE\"\r\n\r\n";
    let (parts, body, _) = exchange_once(&check, request, answer).await?;
    expect_body("the body", b"", &body)?;
    let length = parts.headers.get("content-length").map_or(&b""[..], |value| value.as_bytes());
    expect_body("the header Content-Length", b"1234", length)
}

async fn headers(check: Check) -> Result<(), Failure> {
    let answer =
        b"HTTP/1.1 200 OK\r\nX-Oss-Meta-A: one\r\nx-oss-meta-a: two\r\nx-oss-meta-b: \xe4\xbd\xa0\r\nContent-Length: 0\r\n\r\n";
    let request = check.put("body")?;
    let (parts, _, _) = exchange_once(&check, request, answer).await?;
    let values = parts.headers.get_all("x-oss-meta-a").iter().map(http::HeaderValue::as_bytes);
    expect_body("the repeated header", b"one|two", &values.collect::<Vec<_>>().join(&b'|'))?;
    let opaque = parts.headers.get("x-oss-meta-b").map_or(&b""[..], |value| value.as_bytes());
    expect_body("the header beyond ASCII", b"\xe4\xbd\xa0", opaque)
}

async fn interim(check: Check) -> Result<(), Failure> {
    let answer = [b"HTTP/1.1 100 Continue\r\n\r\n", EMPTY_OK].concat();
    let request = check.put("body")?;
    let (parts, _, _) = exchange_once(&check, request, &answer).await?;
    expect("the status", "200", parts.status.as_str())
}

async fn at_headers(check: Check) -> Result<(), Failure> {
    let (head_seen, wait_for_caller) = oneshot::channel();
    let request = check.put("body")?;
    let caller = async {
        let response = check.send(request).await?;
        // The server waits for this before it sends the body, so that a transport that collects bodies hangs.
        let _server_is_gone = head_seen.send(());
        response.into_body().read_to_end(RESPONSE_LIMIT).await.map_err(Failure::UnexpectedError)
    };
    let server = async {
        let (mut connection, _, _) = check.server.accept_request().await?;
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await?;
        let _caller_is_gone = wait_for_caller.await;
        connection.write(b"hello").await?;
        connection.finish().await.map_err(Failure::from)
    };
    let (body, ()) = both(caller, server).await?;
    expect_body("the body", b"hello", &body)
}

fn expect(what: &str, expected: &str, observed: &str) -> Result<(), Failure> {
    if expected == observed {
        return Ok(());
    }
    Err(Failure::caller(format!("{what} {expected}"), observed))
}

fn expect_body(what: &str, expected: &[u8], observed: &[u8]) -> Result<(), Failure> {
    if expected == observed {
        return Ok(());
    }
    let shown = Bytes::copy_from_slice(&observed[..observed.len().min(80)]);
    Err(Failure::caller(
        format!("{what}, {} bytes", expected.len()),
        format!("{} bytes: {}", observed.len(), shown.escape_ascii()),
    ))
}
