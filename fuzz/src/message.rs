//! Input is read like an HTTP message, so that seeds are text that a person can read and write.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};

/// Reads `METHOD TARGET`, header lines, an empty line and a body; `None` if the types of `http` refuse it, as a server
/// would have done before our code is reached.
#[must_use]
pub fn request(data: &[u8]) -> Option<Request<Bytes>> {
    let (first, headers, body) = split(data)?;
    let (method, target) = first.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(body).ok()
}

/// Reads a status, header lines, an empty line and a body.
#[must_use]
pub fn response(data: &[u8]) -> Option<Response<Bytes>> {
    let (first, headers, body) = split(data)?;
    let mut response = Response::builder().status(first.parse::<u16>().ok()?);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body).ok()
}

type Message<'a> = (&'a str, Vec<(HeaderName, HeaderValue)>, Bytes);

fn split(data: &[u8]) -> Option<Message<'_>> {
    let end = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    // A seed is a text file, whose last line break is no part of the body.
    let body = data.get(end + 2..).unwrap_or_default();
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    let mut lines = data[..end].split(|byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let headers = lines.map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        Some((HeaderName::from_bytes(&line[..colon]).ok()?, value))
    });
    Some((first, headers.collect::<Option<_>>()?, Bytes::copy_from_slice(body)))
}
