mod builder;
mod incoming;
mod map_error;
mod outgoing;
#[cfg(feature = "rustls")]
mod rustls_config;

use std::fmt;

use http::header::{CONTENT_LENGTH, HOST};
use http::uri::Scheme;
use http::{HeaderValue, Method};

use crate::{Body, Request, Response, Transport, TransportError, TransportErrorKind};
use map_error::map_send_error;
use outgoing::Progress;

pub use builder::ReqwestTransportBuilder;

/// A [`Transport`] over a [`reqwest::Client`]: HTTP/1.1, pooled connections, TLS as the crate's features say.
///
/// Cloning is cheap, and clones share one connection pool. Make one transport per process and keep it. It can be made
/// anywhere and must be used within a Tokio runtime.
///
/// HTTP/1.1 only, on purpose: uploads want many connections, not many streams that share the window of one.
///
/// # Limits
///
/// Three things come from reqwest and hyper, and a transport that minds them needs another library:
///
/// - **Dot segments.** reqwest parses URIs by the rules for browsers, which remove `.` and `..` from a path, even
///   percent-encoded. Such a request is refused with [`TransportErrorKind::InvalidRequest`], since it would go to another
///   object.
/// - **Early answers of servers that close at once.** If a server answers before it has read the body and closes the
///   connection in the same moment, the connection is reset, and hyper gives up on the failed write with the answer
///   unread: it is [`TransportErrorKind::SendInterrupted`]. This happens to a server that reads as fast as this side
///   writes, as on the loopback interface; where the network is the slower part, the answer was read first in every
///   one of 200 tries. A server that reads on for a while, as nginx does by default, never loses its answer.
/// - **A server that answers early and then neither reads nor closes** holds its connection until
///   [`tcp_user_timeout`](ReqwestTransportBuilder::tcp_user_timeout) ends it. The answer is returned meanwhile.
#[derive(Clone)]
pub struct ReqwestTransport {
    client: reqwest::Client,
    https: Https,
    /// Whether each request says its host: the client is one of this crate's, which speaks HTTP/1.1 and has no default
    /// for it.
    says_host: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Https {
    Available,
    NotBuiltIn,
}

impl Https {
    const BUILT_IN: Self = if cfg!(any(feature = "rustls", feature = "native-tls")) {
        Self::Available
    } else {
        Self::NotBuiltIn
    };
}

impl ReqwestTransport {
    /// Makes a transport with the defaults of [`ReqwestTransportBuilder`].
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::Other`] if the client cannot be set up.
    pub fn new() -> Result<Self, TransportError> {
        Self::builder().build()
    }

    /// Starts a transport with other settings.
    pub fn builder() -> ReqwestTransportBuilder {
        ReqwestTransportBuilder::new()
    }

    /// Uses a client made elsewhere, with its proxies, certificates and pool.
    ///
    /// The contract of [`Transport`] is then the caller's to keep: switch redirects off
    /// (`redirect(Policy::none())`), retries off (`retry(reqwest::retry::never())`), leave out the decompression
    /// features or switch each off, and set neither `timeout` nor `read_timeout`: both end an upload that is still
    /// moving. The conformance check of this crate tells whether it is kept.
    ///
    /// The feature `rustls` of this crate switches reqwest's `rustls-no-provider` on. A client that is built in the
    /// same program without any TLS settings then panics unless a feature of reqwest brings a provider (`rustls`) or
    /// the program installs one with `rustls::crypto::CryptoProvider::install_default`.
    #[must_use]
    pub fn from_client(client: reqwest::Client) -> Self {
        Self { client, https: Https::Available, says_host: false }
    }

    /// Makes reqwest's request, which asks for the same as `request`.
    fn prepare(&self, request: Request) -> Result<(reqwest::Request, Progress), TransportError> {
        self.check_scheme(&request)?;
        let (mut parts, body) = request.into_parts();
        let body = outgoing::agree_on_length(body, parts.headers.get(CONTENT_LENGTH))?;
        say_length(&mut parts, &body);
        let target = parts.uri.clone();
        let (body, progress) = outgoing::outgoing(body);
        let mut request = reqwest::Request::try_from(http::Request::from_parts(parts, body))
            .map_err(|error| map_send_error(error, &Progress::finished()))?;
        check_target(&target, request.url())?;
        if self.says_host {
            say_host(&mut request);
        }
        Ok((request, progress))
    }

    fn check_scheme(&self, request: &Request) -> Result<(), TransportError> {
        if self.https == Https::Available || request.uri().scheme() != Some(&Scheme::HTTPS) {
            return Ok(());
        }
        Err(TransportError::new(
            TransportErrorKind::Tls,
            "the URI is https, but oss-transport was built without TLS; switch its feature `rustls` or \
             `native-tls` on",
        ))
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client's own Debug prints default headers and proxies, which may hold credentials.
        f.debug_struct("ReqwestTransport").field("https", &self.https).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        // Boxed, since it is rare and would take room in the future of every request.
        let request = match outgoing::is_empty_by_its_word(&request) {
            true => Box::pin(outgoing::confirmed_empty(request)).await?,
            false => request,
        };
        let (request, progress) = self.prepare(request)?;
        let response = match self.client.execute(request).await {
            Ok(response) => response,
            Err(error) => return Err(map_send_error(error, &progress)),
        };
        let response = http::Response::<reqwest::Body>::from(response);
        Ok(response.map(|body| incoming::incoming(body, progress)))
    }
}

/// Says the length of the body, which hyper would say too, but in a map without room for it. Where a body is usual,
/// that holds for an empty one too, which hyper leaves out: OSS answers such a request with 411 `MissingContentLength`.
fn say_length(parts: &mut http::request::Parts, body: &Body) {
    let usual = matches!(parts.method, Method::PUT | Method::POST | Method::PATCH);
    if let Some(len) = body.exact_len().filter(|len| usual || *len > 0) {
        parts.headers.entry(CONTENT_LENGTH).or_insert_with(|| len.into());
    }
}

/// Says the host, which hyper would say too, but in a map without room for it.
fn say_host(request: &mut reqwest::Request) {
    let url = request.url();
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => HeaderValue::try_from(format!("{host}:{port}")),
        (Some(host), None) => HeaderValue::from_str(host),
        (None, _) => return,
    };
    if let Ok(host) = host {
        request.headers_mut().entry(HOST).or_insert(host);
    }
}

/// Refuses a URI that would be sent as another one.
///
/// reqwest parses the URI by the rules for browsers, which remove `.` and `..` segments, even percent-encoded
/// ones, and encode some bytes of the query. The request would go to another object than the one it was signed for.
fn check_target(target: &http::Uri, url: &reqwest::Url) -> Result<(), TransportError> {
    let (wanted, path) = (target.path(), url.path());
    if wanted == path && target.query() == url.query() {
        return Ok(());
    }
    Err(TransportError::new(
        TransportErrorKind::InvalidRequest,
        format!(
            "reqwest would change the path {wanted:?} to {path:?} (or the query with it); percent-encode the \
             query fully, and use another transport for object keys with `.` or `..` segments"
        ),
    ))
}
