//! A browser's side of an upload without a browser: for the load, and for tests that try what no page would.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use oss::transport::{Body, ReqwestTransport, Transport as _};
use serde_json::{Value, json};

use crate::scene::Failure;

/// A visitor of the page with a session of its own. Cheap to clone; clones share the session.
#[derive(Clone, Debug)]
pub struct Browser {
    transport: ReqwestTransport,
    page: String,
    cookie: HeaderValue,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
}

/// What the application answered to the wish to upload.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Allowed {
    /// The ticket's id.
    pub id: String,
    /// Where the form goes; empty if the file goes in parts.
    pub url: String,
    /// The form's fields; none if the file goes in parts.
    pub fields: Vec<(String, String)>,
    /// How many parts it goes in; 0 if it goes as a form.
    pub parts: u16,
}

impl Browser {
    /// Opens the page and takes its cookie.
    ///
    /// # Errors
    ///
    /// If the page cannot be reached or sets no cookie.
    pub async fn open(page: &str) -> Result<Self, Failure> {
        let transport = ReqwestTransport::new()?;
        let mut browser = Self { transport, page: page.to_owned(), cookie: HeaderValue::from_static("") };
        let answer = browser.request(Method::GET, page, HeaderMap::new(), Bytes::new()).await?;
        let cookie = answer.headers.get(SET_COOKIE).ok_or("the page sets no cookie")?.to_str()?;
        browser.cookie = HeaderValue::from_str(cookie.split(';').next().unwrap_or_default())?;
        Ok(browser)
    }

    /// Asks the application for `path`, with a JSON body if there is one.
    ///
    /// # Errors
    ///
    /// If no answer comes; a refusal is an answer.
    pub async fn api(&self, method: Method, path: &str, body: Option<Value>) -> Result<Answer, Failure> {
        let mut headers = HeaderMap::from_iter([(COOKIE, self.cookie.clone())]);
        let body = body.map(|body| {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Bytes::from(body.to_string())
        });
        self.request(method, &format!("{}{path}", self.page), headers, body.unwrap_or_default()).await
    }

    /// Wishes to upload a file.
    ///
    /// # Errors
    ///
    /// If it is not allowed.
    pub async fn allow(&self, name: &str, content_type: &str, size: usize) -> Result<Allowed, Failure> {
        let wish = json!({ "name": name, "type": content_type, "size": size });
        let answer = self.api(Method::POST, "/api/uploads", Some(wish)).await?;
        if answer.status != StatusCode::OK {
            return Err(format!("the upload is not allowed: {}", answer.text).into());
        }
        let answer = answer.json()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let form = &answer["way"]["form"];
        let fields = match &form["fields"] {
            Value::Null => Vec::new(),
            fields => serde_json::from_value(fields.clone())?,
        };
        let parts = answer["way"]["parts"]["count"].as_u64().unwrap_or_default();
        Ok(Allowed { id: text(&answer["id"]), url: text(&form["url"]), fields, parts: u16::try_from(parts)? })
    }

    /// Sends a form with a file, whatever is in it.
    ///
    /// # Errors
    ///
    /// If no answer comes.
    pub async fn send_form(&self, form: &Allowed, file_type: &str, file: &[u8]) -> Result<Answer, Failure> {
        let content_type = HeaderValue::try_from(format!("multipart/form-data; boundary={BOUNDARY}"))?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type)]);
        self.request(Method::POST, &form.url, headers, multipart(&form.fields, file_type, file)).await
    }

    /// Sends bytes to a presigned URL.
    ///
    /// # Errors
    ///
    /// If no answer comes.
    pub async fn put(&self, url: &str, bytes: impl Into<Bytes> + Send) -> Result<Answer, Failure> {
        self.request(Method::PUT, url, HeaderMap::new(), bytes.into()).await
    }

    /// Listens to what the application tells the page.
    ///
    /// # Errors
    ///
    /// If no answer comes, or a refusal.
    pub async fn events(&self) -> Result<EventStream, Failure> {
        let mut request = Request::get(format!("{}/api/events", self.page)).body(Body::empty())?;
        request.headers_mut().insert(COOKIE, self.cookie.clone());
        let response = self.transport.send(request).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("the application does not tell: {}", response.status()).into());
        }
        Ok(EventStream { body: response.into_body(), text: String::new() })
    }

    /// Sends any request.
    ///
    /// # Errors
    ///
    /// If no answer comes.
    pub async fn request(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let mut request = Request::builder().method(method).uri(url).body(Body::from(body))?;
        *request.headers_mut() = headers;
        let (head, body) = self.transport.send(request).await?.into_parts();
        let bytes = body.read_to_end(LONGEST_ANSWER).await?;
        Ok(Answer { status: head.status, headers: head.headers, text: String::from_utf8(bytes.to_vec())? })
    }
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn json(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_str(&self.text)
    }
}

/// Events as they come.
#[derive(Debug)]
pub struct EventStream {
    body: Body,
    text: String,
}

impl EventStream {
    /// The next event, as its lines.
    ///
    /// # Errors
    ///
    /// If the stream breaks or ends.
    pub async fn next(&mut self) -> Result<String, Failure> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                // A line that begins with a colon only keeps the connection open.
                if !event.starts_with(':') {
                    return Ok(event);
                }
                continue;
            }
            let frame = poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut self.body), cx)).await;
            let frame = frame.ok_or("the stream has ended")??;
            if let Ok(data) = frame.into_data() {
                self.text.push_str(std::str::from_utf8(&data)?);
            }
        }
    }
}

/// A form as a browser sends it.
fn multipart(fields: &[(String, String)], file_type: &str, file: &[u8]) -> Bytes {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n\
         Content-Type: {file_type}\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    body.into()
}

const BOUNDARY: &str = "a-boundary-that-is-in-no-file";

/// Enough for what OSS and the application answer.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;
