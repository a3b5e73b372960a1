//! Sends a callback: one fresh connection per URL, all within one time limit.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING, USER_AGENT,
};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use md5::{Digest, Md5};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::key::CallbackKey;
use super::parameter::Callback;
use super::template::Facts;
use super::url::CallbackUrl;
use super::verdict::{Failure, judge_body, judge_head};
use crate::encoding::{base64, percent_decode};
use crate::error::OssError;
use crate::journal::CallbackRecord;
use crate::names::OWNER;

/// Sends callbacks.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) key: CallbackKey,
    pub(crate) timeout: Duration,
    /// Refuse loopback and private addresses, as the real service does.
    pub(crate) public_only: bool,
    /// Certificates (PEM) that https callbacks trust besides those of the platform.
    #[cfg(feature = "https")]
    pub(crate) roots: Option<String>,
}

/// A connection, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What came of a callback.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) record: CallbackRecord,
    pub(crate) outcome: Result<Reply, Failure>,
}

/// The application server's answer, for the uploader.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) content_type: HeaderValue,
    pub(crate) body: Bytes,
}

/// One URL's result: what was answered, whatever it is worth, and the verdict.
struct Try {
    status: Option<u16>,
    answer: Bytes,
    outcome: Result<Reply, Failure>,
}

impl From<Failure> for Try {
    fn from(failure: Failure) -> Self {
        Self { status: None, answer: Bytes::new(), outcome: Err(failure) }
    }
}

impl Sender {
    /// Sends the callback to its URLs in turn until one succeeds or the time is up.
    pub(crate) async fn deliver(
        &self,
        callback: &Callback,
        facts: &Facts,
        key_url: &str,
        now: SystemTime,
    ) -> Delivery {
        let body = callback.template.render(callback.body_type, facts, &callback.variables);
        let started = Instant::now();
        let mut urls_called = 0;
        let mut last = None;
        for url in &callback.urls {
            urls_called += 1;
            let mut request = Outgoing { callback, facts, key_url, now, body: &body }.headers(url);
            let signature = base64(&self.key.sign(&string_to_sign(&url.target, &body)));
            if let Ok(signature) = HeaderValue::from_str(&signature) {
                request.insert(AUTHORIZATION, signature);
            }
            let result = self.call(callback, url, request, &body, started).await;
            let succeeded = result.outcome.is_ok();
            last = Some((url, result));
            if succeeded || started.elapsed() >= self.timeout {
                break;
            }
        }
        let (url, result) = match last {
            Some((url, result)) => (url.to_string(), result),
            None => (String::new(), Try::from(Failure::no_connection(""))),
        };
        let failure = result.outcome.as_ref().err();
        Delivery {
            record: CallbackRecord {
                url,
                urls_called,
                body,
                content_type: callback.body_type.as_str().to_owned(),
                status: result.status,
                answer: String::from_utf8_lossy(&result.answer).into_owned(),
                failure: failure.map(|failure| failure.message.clone()),
                ec: failure.map(|failure| failure.ec.to_owned()),
                took: started.elapsed(),
            },
            outcome: result.outcome,
        }
    }

    async fn call(
        &self,
        callback: &Callback,
        url: &CallbackUrl,
        headers: HeaderMap,
        body: &str,
        started: Instant,
    ) -> Try {
        let left = self.timeout.saturating_sub(started.elapsed());
        let peer = format!("{}:{}", url.host, url.port);
        match tokio::time::timeout(left, self.exchange(callback, url, headers, body)).await {
            Ok(result) => result,
            Err(_) => Failure::timeout(&peer, self.timeout.as_millis()).into(),
        }
    }

    async fn exchange(&self, callback: &Callback, url: &CallbackUrl, headers: HeaderMap, body: &str) -> Try {
        let stream = match self.connect(url, callback.sni).await {
            Ok(stream) => stream,
            Err(error) => return Failure::no_connection(&error.to_string()).into(),
        };
        let Ok((mut sender, connection)) = http1::handshake(TokioIo::new(stream)).await else {
            return Failure::no_connection("").into();
        };
        // Ends with the sender, which lives no longer than this call.
        let connection = tokio::spawn(connection);
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        let result = match url.target.parse() {
            Ok(target) => {
                *request.uri_mut() = target;
                match sender.send_request(request).await {
                    Ok(response) => receive(response).await,
                    Err(error) => Failure::no_connection(&error.to_string()).into(),
                }
            }
            Err(_) => Failure::no_connection("the URL is not valid").into(),
        };
        connection.abort();
        result
    }

    async fn connect(&self, url: &CallbackUrl, sni: bool) -> io::Result<Box<dyn Stream>> {
        let stream = self.connect_plain(url).await?;
        if !url.https {
            return Ok(Box::new(stream));
        }
        #[cfg(feature = "https")]
        return Ok(Box::new(super::tls::connect(stream, &url.host, sni, self.roots.as_deref()).await?));
        #[cfg(not(feature = "https"))]
        Err(io::Error::other(format!("this emulator was built without the feature https (SNI {sni})")))
    }

    async fn connect_plain(&self, url: &CallbackUrl) -> io::Result<TcpStream> {
        let mut last = io::Error::other("the name has no address");
        for address in tokio::net::lookup_host((url.host.as_str(), url.port)).await? {
            if self.public_only && !is_public(address.ip()) {
                last = io::Error::other("the address is private");
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Refuses, where only public addresses may be called, names without an address and private ones.
    pub(crate) async fn check(&self, callback: &Callback) -> Result<(), OssError> {
        if !self.public_only {
            return Ok(());
        }
        for url in &callback.urls {
            let refused = |message: &'static str, ec: &'static str| {
                Err(OssError::invalid_argument("callback", url.to_string(), message).ec(ec))
            };
            let Ok(addresses) = tokio::net::lookup_host((url.host.as_str(), url.port)).await else {
                return refused("The host of the callback url can not be resolved.", "0007-00000007");
            };
            if !addresses.map(|address| address.ip()).any(is_public) {
                return refused("The callback url is a private or internal address.", "0007-00000008");
            }
        }
        Ok(())
    }
}

/// Whether OSS would call an address: IPv4, and neither private nor of this machine.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V6(_) => false,
        IpAddr::V4(address) => {
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || address.is_documentation()
                // 100.64.0.0/10, which Alibaba Cloud uses inside.
                || (address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64))
        }
    }
}

/// The parts of the request that all URLs share.
struct Outgoing<'a> {
    callback: &'a Callback,
    facts: &'a Facts,
    key_url: &'a str,
    now: SystemTime,
    body: &'a str,
}

impl Outgoing<'_> {
    fn headers(&self, url: &CallbackUrl) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host(self.callback, url));
        let additional: Vec<&str> =
            self.callback.additional_headers.iter().map(|(name, _)| name.as_str()).collect();
        for (name, value) in [
            (CONNECTION, "close"),
            (CONTENT_TYPE, self.callback.body_type.as_str()),
            (CONTENT_LENGTH, &self.body.len().to_string()),
            (HeaderName::from_static("content-md5"), &base64(&Md5::digest(self.body))),
            (DATE, &httpdate::fmt_http_date(self.now)),
            (USER_AGENT, "aliyun-oss-callback"),
            (HeaderName::from_static("x-oss-additional-headers"), &additional.join(";")),
            (HeaderName::from_static("x-oss-bucket"), &self.facts.bucket),
            (HeaderName::from_static("x-oss-owner"), OWNER),
            (HeaderName::from_static("x-oss-pub-key-url"), &base64(self.key_url.as_bytes())),
            (HeaderName::from_static("x-oss-request-id"), &self.facts.request_id),
            (HeaderName::from_static("x-oss-requester"), OWNER),
            (HeaderName::from_static("x-oss-signature-version"), "1.0"),
            (HeaderName::from_static("x-oss-tag"), "CALLBACK"),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        for (name, value) in &self.callback.additional_headers {
            // A header of the caller's must not change the framing or the signature of the request.
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value))
                && name != TRANSFER_ENCODING
                && name != AUTHORIZATION
            {
                headers.entry(name).or_insert(value);
            }
        }
        headers
    }
}

fn host(callback: &Callback, url: &CallbackUrl) -> HeaderValue {
    let host = callback.host.clone().unwrap_or_else(|| url.host_header());
    HeaderValue::from_str(&host).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Decoded path, `?` and raw query if there is a `?`, a line feed, and the body.
fn string_to_sign(target: &str, body: &str) -> Vec<u8> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut text = percent_decode(path);
    if let Some(query) = query {
        text.push(b'?');
        text.extend_from_slice(query.as_bytes());
    }
    text.push(b'\n');
    text.extend_from_slice(body.as_bytes());
    text
}

async fn receive(response: Response<Incoming>) -> Try {
    let (head, mut body) = response.into_parts();
    let status = Some(head.status.as_u16());
    let verdict = judge_head(&head);
    // A refused answer's beginning is kept all the same: it is what explains the failure to a person.
    let limit = usize::try_from(*verdict.as_ref().unwrap_or(&4096)).unwrap_or(4096);
    let mut answer = BytesMut::new();
    let mut whole = true;
    while answer.len() < limit {
        match body.frame().await {
            None => break,
            Some(Err(_)) => {
                whole = false;
                break;
            }
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    answer.extend_from_slice(data);
                }
            }
        }
    }
    answer.truncate(limit);
    let answer = answer.freeze();
    let content_type =
        head.headers.get(CONTENT_TYPE).cloned().unwrap_or(HeaderValue::from_static("application/json"));
    let outcome = verdict.and_then(|_| {
        if !whole {
            return Err(Failure::invalid_length());
        }
        judge_body(content_type.to_str().unwrap_or(""), &answer)?;
        Ok(Reply { content_type, body: answer.clone() })
    });
    Try { status, answer, outcome }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_decoded_and_the_query_is_not() {
        assert_eq!(string_to_sign("/a%2Fb+c?x=%41", "k=v"), b"/a/b+c?x=%41\nk=v");
        assert_eq!(string_to_sign("/a?", ""), b"/a?\n");
        assert_eq!(string_to_sign("/a", "b"), b"/a\nb");
    }

    #[test]
    fn genuine_signatures_are_over_this_string() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/callback.json")).unwrap();
        let vectors = vectors["strings_to_sign"].as_array().unwrap();
        assert_eq!(vectors.len(), 5);
        for vector in vectors {
            let text = |name: &str| vector[name].as_str().unwrap();
            let made = string_to_sign(text("target"), text("body"));
            assert_eq!(String::from_utf8(made).unwrap(), text("string_to_sign"), "{vector}");
        }
    }

    #[test]
    fn addresses_that_oss_cannot_reach() {
        for private in
            ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.5.4", "100.100.100.200", "169.254.1.1", "::1"]
        {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        assert!(is_public("121.43.113.8".parse().unwrap()));
    }
}
