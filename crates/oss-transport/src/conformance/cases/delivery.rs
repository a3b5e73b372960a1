//! What the server sees of a request.

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::try_join;
use http::Method;

use super::super::source::{Source, Then, cut, pattern};
use super::super::{Case, Check, Failure};
use super::{EMPTY_OK, both};
use crate::{Body, TransportErrorKind};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::promise("delivery/empty-put", "a PUT without a body says Content-Length: 0", |check| {
            Box::pin(empty(check, Method::PUT))
        }),
        Case::promise("delivery/empty-post", "a POST without a body says Content-Length: 0", |check| {
            Box::pin(empty(check, Method::POST))
        }),
        Case::promise(
            "delivery/bodyless",
            "GET, HEAD and DELETE without a body say nothing about one",
            |check| Box::pin(bodyless(check)),
        ),
        Case::promise("delivery/bytes", "bytes in memory arrive with their length", |check| {
            Box::pin(bytes(check))
        }),
        Case::promise(
            "delivery/known-length",
            "a stream of known length arrives with that length, not in chunks",
            |check| Box::pin(known_length(check)),
        ),
        Case::promise("delivery/unknown-length", "a stream of unknown length arrives in chunks", |check| {
            Box::pin(unknown_length(check))
        }),
        Case::promise("delivery/target", "path and query arrive byte for byte", |check| {
            Box::pin(targets(check))
        }),
        Case::promise(
            "delivery/dot-segments",
            "a path with dot segments arrives byte for byte, or is InvalidRequest and nothing is sent",
            |check| Box::pin(dot_segments(check)),
        ),
        Case::promise(
            "delivery/headers",
            "header values arrive byte for byte, repeated ones in order, and Host as the caller set it",
            |check| Box::pin(headers(check)),
        ),
    ]
}

async fn empty(check: Check, method: Method) -> Result<(), Failure> {
    let request = check.request(method.clone(), "/bucket/key", Body::empty())?;
    let (_, (head, _)) = both(check.exchange(request), check.server.answer_once(EMPTY_OK)).await?;
    expect_eq("the method", method.as_str(), &head.method)?;
    head.expect("content-length", "0")?;
    head.expect_none("transfer-encoding")
}

async fn bodyless(check: Check) -> Result<(), Failure> {
    for method in [Method::GET, Method::HEAD, Method::DELETE] {
        let request = check.request(method.clone(), "/bucket/key", Body::empty())?;
        let (_, (head, _)) = both(check.exchange(request), check.server.answer_once(EMPTY_OK)).await?;
        expect_eq("the method", method.as_str(), &head.method)?;
        head.expect_none("content-length")?;
        head.expect_none("transfer-encoding")?;
    }
    Ok(())
}

async fn bytes(check: Check) -> Result<(), Failure> {
    for size in [1, 4096, 3 << 20] {
        let content = pattern(size);
        let request = check.put(content.clone())?;
        let (_, (head, body)) = both(check.exchange(request), check.server.answer_once(EMPTY_OK)).await?;
        head.expect("content-length", &size.to_string())?;
        head.expect_none("transfer-encoding")?;
        expect_body(&content, &body)?;
    }
    Ok(())
}

async fn known_length(check: Check) -> Result<(), Failure> {
    let content = pattern(1 << 20);
    let (source, _gone) = Source::new(cut(&content, 60_001), Then::End);
    let request = check.put(source.into_body(Some(1 << 20)))?;
    let (_, (head, body)) = both(check.exchange(request), check.server.answer_once(EMPTY_OK)).await?;
    head.expect("content-length", &content.len().to_string())?;
    head.expect_none("transfer-encoding")?;
    expect_body(&content, &body)
}

async fn unknown_length(check: Check) -> Result<(), Failure> {
    for size in [0, 1, 1 << 20] {
        let content = pattern(size);
        let (source, _gone) = Source::new(cut(&content, 60_001), Then::End);
        let request = check.put(source.into_body(None))?;
        let (_, (head, body)) = both(check.exchange(request), check.server.answer_once(EMPTY_OK)).await?;
        head.expect("transfer-encoding", "chunked")?;
        head.expect_none("content-length")?;
        expect_body(&content, &body)?;
    }
    Ok(())
}

async fn targets(check: Check) -> Result<(), Failure> {
    let targets = [
        "/",
        "/bucket//key",
        "/bucket/dir/",
        "/bucket/a%2Fb%23c%3Fd%25",
        "/bucket/%e4%bd%a0%E5%A5%BD",
        "/bucket/~!$&()*+,;=:@-._",
        "/bucket/key?uploads",
        "/bucket/key?partNumber=1&uploadId=A%2BB%3D",
        "/bucket/key?x=a+b&y=&y=%20&z=/?:@",
    ];
    for target in targets {
        let request = check.request(Method::PUT, target, Body::from("x"))?;
        let (_, (head, _)) = both(check.exchange(request), check.server.answer_once(EMPTY_OK)).await?;
        expect_eq("the target", target, &head.target)?;
    }
    Ok(())
}

async fn dot_segments(check: Check) -> Result<(), Failure> {
    for target in ["/bucket/a/../b", "/bucket/./a", "/bucket/%2E%2e/a", "/bucket/a/.."] {
        let request = check.request(Method::PUT, target, Body::from("x"))?;
        let sending = async {
            check.transport.send(request).await.map_err(|error| match error.kind() {
                TransportErrorKind::InvalidRequest => None,
                _ => Some(Failure::UnexpectedError(error)),
            })
        };
        let serving = async { check.server.answer_once(EMPTY_OK).await.map_err(Some) };
        match try_join(sending, serving).await {
            Ok((_, (head, _))) => expect_eq("the target", target, &head.target)?,
            Err(Some(failure)) => return Err(failure),
            Err(None) if check.server.accept().now_or_never().is_none() => (),
            Err(None) => return Err(Failure::server("nothing of a refused request", "a connection")),
        }
    }
    Ok(())
}

async fn headers(check: Check) -> Result<(), Failure> {
    let mut request = check.put("x")?;
    let headers = request.headers_mut();
    headers.append("host", http::HeaderValue::from_static("bucket.oss-cn-hangzhou.aliyuncs.com"));
    headers.append("x-oss-meta-a", http::HeaderValue::from_static("one, two  three"));
    headers.append("x-oss-meta-a", http::HeaderValue::from_static("four"));
    if let Ok(value) = http::HeaderValue::from_bytes("\u{4f60}\u{597d}".as_bytes()) {
        headers.append("x-oss-meta-b", value);
    }
    let (_, (head, _)) = both(check.exchange(request), check.server.answer_once(EMPTY_OK)).await?;
    head.expect("host", "bucket.oss-cn-hangzhou.aliyuncs.com")?;
    head.expect("x-oss-meta-b", "\u{4f60}\u{597d}")?;
    if head.values("x-oss-meta-a") != [b"one, two  three".as_slice(), b"four"] {
        return Err(Failure::server("x-oss-meta-a: [one, two  three, four]", head.text("x-oss-meta-a")));
    }
    Ok(())
}

fn expect_eq(what: &str, expected: &str, observed: &str) -> Result<(), Failure> {
    if expected == observed {
        return Ok(());
    }
    Err(Failure::server(format!("{what} {expected:?}"), format!("{observed:?}")))
}

fn expect_body(expected: &Bytes, observed: &[u8]) -> Result<(), Failure> {
    if expected == observed {
        return Ok(());
    }
    let same = expected.iter().zip(observed).take_while(|(expected, observed)| expected == observed).count();
    Err(Failure::server(
        format!("the {} bytes of the body", expected.len()),
        format!("{} bytes, different from byte {same} on", observed.len()),
    ))
}
