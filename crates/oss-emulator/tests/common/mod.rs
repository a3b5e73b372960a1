//! A small client that signs requests, and an application server that collects callbacks.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is the test's failure")]
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod upload;

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use oss_emulator::{DEFAULT_ACCESS_KEY_ID, DEFAULT_ACCESS_KEY_SECRET, Emulator};
use oss_signing::{Credentials, Resource, Signer, V4Signer};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const BUCKET: &str = "examplebucket";

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name} in {self:?}")).to_str().unwrap()
    }

    /// The text of the first element of that name.
    pub(crate) fn element(&self, name: &str) -> &str {
        let text = self.text();
        let start = text.find(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {text}"));
        let inside = &text[start + name.len() + 2..];
        &inside[..inside.find(&format!("</{name}>")).unwrap()]
    }
}

/// Starts an emulator with one bucket.
pub(crate) async fn emulator() -> Emulator {
    Emulator::builder().bucket(BUCKET).start().await.unwrap()
}

/// A request under construction.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Percent-encoded, behind the bucket.
    pub(crate) key: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
    pub(crate) id: String,
    pub(crate) signed: bool,
}

pub(crate) fn call(method: &str, key: &str) -> Call {
    Call {
        method: Method::from_bytes(method.as_bytes()).unwrap(),
        key: key.to_owned(),
        query: String::new(),
        headers: Vec::new(),
        body: Bytes::new(),
        secret: DEFAULT_ACCESS_KEY_SECRET.to_owned(),
        token: None,
        id: DEFAULT_ACCESS_KEY_ID.to_owned(),
        signed: true,
    }
}

impl Call {
    pub(crate) fn query(mut self, query: impl Into<String>) -> Self {
        self.query = query.into();
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn secret(mut self, secret: &str) -> Self {
        self.secret = secret.to_owned();
        self
    }

    pub(crate) fn anonymous(mut self) -> Self {
        self.signed = false;
        self
    }

    /// The request in path style, signed with V4 in its header.
    pub(crate) fn request(&self, emulator: &Emulator) -> Request<Full<Bytes>> {
        let host = emulator.endpoint().strip_prefix("http://").unwrap();
        let question = if self.query.is_empty() { "" } else { "?" };
        let target = format!("/{BUCKET}/{}{question}{}", self.key, self.query);
        let mut builder = Request::builder().method(self.method.clone()).uri(target).header("host", host);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        if !self.body.is_empty() || matches!(self.method.as_str(), "PUT" | "POST") {
            builder = builder.header("content-length", self.body.len());
        }
        let (mut parts, body) = builder.body(Full::new(self.body.clone())).unwrap().into_parts();
        if self.signed {
            let key = percent_encoding::percent_decode_str(&self.key).decode_utf8().unwrap();
            let resource =
                if key.is_empty() { Resource::bucket(BUCKET) } else { Resource::object(BUCKET, &key) };
            let mut credentials = Credentials::new(self.id.clone(), self.secret.clone());
            if let Some(token) = &self.token {
                credentials = credentials.with_security_token(token.clone());
            }
            #[expect(clippy::disallowed_methods, reason = "a client signs with the time of day")]
            let now = SystemTime::now();
            V4Signer::new(emulator.region().parse().unwrap())
                .sign(&mut parts, resource, &credentials, now)
                .unwrap();
        }
        Request::from_parts(parts, body)
    }

    /// Sends it on a connection of its own.
    pub(crate) async fn send(&self, emulator: &Emulator) -> Reply {
        self.try_send(emulator).await.expect("the emulator answers")
    }

    pub(crate) async fn try_send(&self, emulator: &Emulator) -> Result<Reply, hyper::Error> {
        send(emulator, self.request(emulator)).await
    }
}

/// Sends any request on a connection of its own.
pub(crate) async fn send(emulator: &Emulator, request: Request<Full<Bytes>>) -> Result<Reply, hyper::Error> {
    let stream = TcpStream::connect(emulator.endpoint().strip_prefix("http://").unwrap()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    connection.abort();
    Ok(Reply { status: head.status, headers: head.headers, body })
}

/// A callback that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An application server.
pub(crate) struct Application {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Application {
    /// Answers every callback with this status and body.
    pub(crate) async fn answering(status: u16, body: &'static str) -> Self {
        Self::with(move |_| {
            Response::builder().status(status).body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
        })
        .await
    }

    pub(crate) async fn with(
        answer: impl Fn(&Received) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let task = {
            let received = Arc::clone(&received);
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let received = Arc::clone(&received);
                    let answer = Arc::clone(&answer);
                    let service = service_fn(move |request: Request<Incoming>| {
                        let received = Arc::clone(&received);
                        let answer = Arc::clone(&answer);
                        async move {
                            let (head, body) = request.into_parts();
                            let body = body.collect().await?.to_bytes();
                            let one = Received { target: head.uri.to_string(), headers: head.headers, body };
                            let reply = answer(&one);
                            received.lock().unwrap().push(one);
                            Ok::<_, hyper::Error>(reply)
                        }
                    });
                    tokio::spawn(
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service),
                    );
                }
            })
        };
        Self { url, received, task }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The value of `x-oss-callback` for a URL and a form body.
pub(crate) fn callback(url: &str, body: &str) -> String {
    use base64::Engine;
    let json = serde_json::json!({ "callbackUrl": url, "callbackBody": body }).to_string();
    base64::engine::general_purpose::STANDARD.encode(json)
}
