//! A transport of one's own, on bare hyper: one connection per request, plain HTTP, no pool.
//!
//! It is small, keeps the whole contract, and checks that itself:
//!
//! ```text
//! cargo run --example custom_transport
//! ```
//!
//! prints one line per promise and ends with status 0 if all are kept. The large body of the check has 256 MiB; another
//! size in bytes can be given as an argument, for example the 5 GB that OSS takes at most: `-- 5368709120`.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Method, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use hyper_util::rt::TokioIo;
use oss_transport::{Body, Request, Response, Transport, TransportError, TransportErrorKind, conformance};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example shows what it finds")]
async fn main() -> ExitCode {
    let mut settings = conformance::Settings::default();
    if let Some(size) = std::env::args().nth(1) {
        let Ok(size) = size.parse() else {
            println!("the size of the large body is a number of bytes, not {size:?}");
            return ExitCode::FAILURE;
        };
        settings = settings.large_body(size);
    }
    let report = settings.run(|| HyperTransport).await;
    println!("{report}");
    if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Debug)]
struct HyperTransport;

#[async_trait::async_trait]
impl Transport for HyperTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let (mut parts, body) = request.into_parts();
        let authority = parts.uri.authority().ok_or_else(|| invalid("the URI has no host"))?.clone();
        let socket = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80)))
            .await
            .map_err(|error| TransportError::new(TransportErrorKind::Connect, error))?;
        let io = TokioIo::new(AnswerFirst { socket, broken: false });
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.map_err(other)?;
        // Aborted when this future or the response's body is dropped: nothing of a request outlives its caller.
        let connection = Connection(tokio::spawn(connection).abort_handle());

        // What hyper leaves to its caller: Host, the length of an empty body, the path alone as the target.
        let host = HeaderValue::try_from(authority.as_str()).map_err(invalid)?;
        parts.headers.entry(HOST).or_insert(host);
        if body.exact_len() == Some(0) && matches!(parts.method, Method::PUT | Method::POST) {
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        parts.uri = parts.uri.path_and_query().cloned().map_or(Uri::from_static("/"), Uri::from);

        let declared = body.exact_len();
        let sent = Arc::new(AtomicU64::new(0));
        let counter = sent.clone();
        let body = body.inspect_frame(move |frame| {
            counter.fetch_add(frame.data_ref().map_or(0, |data| data.len() as u64), Ordering::AcqRel);
        });
        match sender.send_request(http::Request::from_parts(parts, body)).await {
            Ok(response) => Ok(response.map(|body| answer(body, connection))),
            Err(error) => {
                // With an unknown length nobody knows whether all was sent, so the careful kind is given.
                let unsent = declared.is_some_and(|declared| sent.load(Ordering::Acquire) < declared);
                Err(TransportError::new(kind(&error, unsent), error))
            }
        }
    }
}

/// Ties the connection to the body of its response: it ends with it, even if the server has not read everything.
fn answer(body: hyper::body::Incoming, connection: Connection) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    let body = body.map_err(|error| TransportError::new(TransportErrorKind::ReceiveInterrupted, error));
    Body::wrap(body.inspect_frame(move |_| {
        let _the_connection_lives_as_long_as_this_closure = &connection;
    }))
}

fn kind(error: &hyper::Error, unsent: bool) -> TransportErrorKind {
    if error.is_user() {
        TransportErrorKind::Body
    } else if error.is_parse() {
        TransportErrorKind::Other
    } else if unsent {
        TransportErrorKind::SendInterrupted
    } else {
        TransportErrorKind::ReceiveInterrupted
    }
}

fn invalid(error: impl Into<Box<dyn Error + Send + Sync>>) -> TransportError {
    TransportError::new(TransportErrorKind::InvalidRequest, error)
}

fn other(error: impl Into<Box<dyn Error + Send + Sync>>) -> TransportError {
    TransportError::new(TransportErrorKind::Other, error)
}

struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A socket that lets the answer be read after a write has failed.
///
/// A server that answers early and closes resets the connection, and the next write fails. hyper then gives up, with
/// the answer unread in the socket. Here a failed write only waits: what follows is read, the answer first, and then
/// the end of the connection, which hyper reports as an error if no answer came.
struct AnswerFirst {
    socket: TcpStream,
    broken: bool,
}

impl AnswerFirst {
    fn written<T>(&mut self, cx: &Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if !matches!(result, Poll::Ready(Err(_))) {
            return result;
        }
        self.broken = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl AsyncRead for AnswerFirst {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for AnswerFirst {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.broken {
            return Poll::Pending;
        }
        let result = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.written(cx, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
