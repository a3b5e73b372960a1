//! A server that does one thing after the other, as a test writes it down.

#![allow(clippy::disallowed_methods, reason = "a test compares with the wall clock")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, Response};
use oss_signing::Credentials;
use oss_transport::{Body, Request, Transport, TransportError, TransportErrorKind, transport_fn};
use oss_upload::{Backoff, Crc64, Error, PutObject, Uploaded, Uploader};

use super::{bucket, callback};

/// What happens to one request. All but a refused connection take the whole body.
#[derive(Clone, Debug)]
pub enum Step {
    /// Status, headers and text; then the text stalls for ever, breaks off, or ends.
    Answer(u16, Vec<(&'static str, String)>, &'static str, Then),
    /// The answer does not come.
    Lost,
    NoConnection,
}

#[derive(Clone, Copy, Debug)]
pub enum Then {
    End,
    Break,
    Stall,
}

pub const CONTENT: &str = "some content";

pub fn crc() -> (&'static str, String) {
    ("x-oss-hash-crc64ecma", Crc64::of(CONTENT.as_bytes()).to_string())
}

pub fn id() -> (&'static str, String) {
    ("x-oss-request-id", "5C3D9175B6FC201293AD4890".into())
}

pub fn stored() -> Step {
    Step::Answer(200, vec![crc(), id()], "", Then::End)
}

pub fn refused(status: u16, text: &'static str) -> Step {
    Step::Answer(status, vec![id()], text, Then::End)
}

pub const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
pub const EXISTS: &str = "<Error><Code>FileAlreadyExists</Code><Message>it does</Message></Error>";
pub const FAILED: &str =
    "<Error><Code>CallbackFailed</Code><Message>Error status : 502.</Message><EC>0007-00000203</EC></Error>";

pub fn answer(step: Step) -> Result<Response<Body>, TransportError> {
    let interrupted = || TransportError::new(TransportErrorKind::ReceiveInterrupted, "cut");
    let (status, headers, text, then) = match step {
        Step::Answer(status, headers, text, then) => (status, headers, text, then),
        Step::Lost => return Err(interrupted()),
        Step::NoConnection => return Err(TransportError::new(TransportErrorKind::Connect, "refused")),
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    let text = stream::iter([Ok(Bytes::from_static(text.as_bytes()))]);
    let body = match then {
        Then::End => Body::from_stream(text, None),
        Then::Break => Body::from_stream(text.chain(stream::iter([Err(interrupted())])), None),
        Then::Stall => Body::from_stream(text.chain(stream::pending()), None),
    };
    Ok(response.body(body).unwrap())
}

/// The methods of the requests a server got.
pub type Log = Arc<Mutex<Vec<Method>>>;

/// A server that does these things in turn.
pub fn server(steps: impl IntoIterator<Item = Step>) -> (Arc<dyn Transport>, Log) {
    let steps = Arc::new(Mutex::new(steps.into_iter().collect::<VecDeque<_>>()));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let transport = transport_fn(move |request: Request| {
        log.lock().unwrap().push(request.method().clone());
        let step = steps.lock().unwrap().pop_front().expect("one request more than was thought of");
        async move {
            if !matches!(step, Step::NoConnection) {
                request.into_body().read_to_end(usize::MAX).await?;
            }
            answer(step)
        }
    });
    (Arc::new(transport), seen)
}

pub fn played(steps: impl IntoIterator<Item = Step>) -> (Uploader, Log) {
    let (transport, seen) = server(steps);
    let quick = Backoff::default().with_waits(Duration::from_millis(1), Duration::from_millis(1));
    let endpoint = "http://oss-cn-hangzhou.aliyuncs.com".parse().unwrap();
    let uploader = Uploader::builder(endpoint, transport, Arc::new(Credentials::new("id", "secret")))
        .retry(Arc::new(quick.with_attempts(3)));
    (uploader.build().unwrap(), seen)
}

pub fn put(uploader: &Uploader) -> PutObject {
    uploader.put_object(bucket(), "k", Bytes::from_static(CONTENT.as_bytes()))
}

pub async fn end(
    steps: impl IntoIterator<Item = Step>,
    change: impl FnOnce(PutObject) -> PutObject,
) -> (Result<Uploaded, Error>, Vec<Method>) {
    let (uploader, seen) = played(steps);
    let result = change(put(&uploader)).await;
    let seen = seen.lock().unwrap().clone();
    (result, seen)
}

pub fn calls_back(put: PutObject) -> PutObject {
    put.callback(callback("http://127.0.0.1:1/ok"))
}

/// A HEAD that finds the content, stored so many seconds ago by OSS's clock, which is right.
pub fn found(ago: i64) -> Step {
    found_at(0, ago)
}

/// The same by a clock of OSS's that is so many seconds behind.
pub fn found_at(behind: i64, ago: i64) -> Step {
    let headers = vec![
        crc(),
        id(),
        ("content-length", CONTENT.len().to_string()),
        ("last-modified", before_now(behind + ago)),
        ("date", before_now(behind)),
    ];
    Step::Answer(200, headers, "", Then::End)
}

/// A HEAD that finds an object of the same length with other bytes.
pub fn found_other(ago: i64) -> Step {
    let Step::Answer(status, mut headers, text, then) = found(ago) else { unreachable!() };
    headers[0].1 = "7".into();
    Step::Answer(status, headers, text, then)
}

/// An HTTP date so many seconds ago.
pub fn before_now(seconds: i64) -> String {
    let (now, off) = (SystemTime::now(), Duration::from_secs(seconds.unsigned_abs()));
    httpdate::fmt_http_date(if seconds < 0 { now + off } else { now - off })
}
