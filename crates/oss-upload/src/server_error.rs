//! An answer of OSS that refuses the request.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use serde::Deserialize;

use crate::operation::Operation;
use crate::uploaded::{REQUEST_ID, text};

/// OSS's answer to a request it did not carry out, read from its error XML and headers.
#[derive(Clone)]
pub struct ServerError {
    operation: Operation,
    status: StatusCode,
    request_id: Option<String>,
    server_time: Option<SystemTime>,
    pause: Option<Duration>,
    xml: ErrorXml,
    raw: Bytes,
}

impl ServerError {
    /// What was asked for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// OSS's code, such as `NoSuchBucket`; empty if the answer was not OSS's error XML, as from a proxy.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.xml.code
    }

    /// OSS's explanation.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.xml.message
    }

    /// The request's id; quote it to Alibaba Cloud support. `None` if the answer came from something before OSS.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// OSS's detailed error code, such as `0002-00000040`. Its numbers may change; do not build logic on them.
    #[must_use]
    pub fn ec(&self) -> Option<&str> {
        self.xml.ec.as_deref()
    }

    /// The part the refusal is about, as in `InvalidPart`.
    pub(crate) fn part_number(&self) -> Option<u16> {
        self.xml.part_number.as_deref().and_then(|number| number.trim().parse().ok())
    }

    /// The host that answered.
    #[must_use]
    pub fn host_id(&self) -> Option<&str> {
        self.xml.host_id.as_deref()
    }

    /// The body as it came, at most 64 KiB. It may echo parts of the request.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Whether OSS asks for less: too many requests or too much traffic. Concurrency falls on it.
    #[must_use]
    pub fn is_throttling(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
            || (self.status == StatusCode::SERVICE_UNAVAILABLE)
            || THROTTLING.contains(&self.code())
    }

    /// The wait OSS asks for (`x-oss-qos-delay-time`), at most five minutes.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        self.pause
    }

    /// Whether the same request may well succeed later: any 5xx, 408, 429, and the codes OSS uses for a request it did
    /// not get whole or in time.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.status.is_server_error()
            || self.status == StatusCode::REQUEST_TIMEOUT
            || self.is_throttling()
            || TRANSIENT.contains(&self.code())
    }

    /// Whether OSS itself decided. A 5xx without OSS's XML may come from a proxy whose OSS went on working.
    #[must_use]
    pub(crate) fn is_from_oss(&self) -> bool {
        !self.code().is_empty()
    }

    /// Whether the request may have been carried out all the same.
    pub(crate) fn may_come_after_the_work(&self) -> bool {
        // `InternalError` may come after the work; throttling comes before it. A proxy knows neither.
        if self.status == StatusCode::INTERNAL_SERVER_ERROR || self.code() == "InternalError" {
            return true;
        }
        let failed = self.status.is_server_error();
        match self.operation {
            // OSS goes on with one whose client has gone, and may begin to answer before it knows the outcome.
            Operation::CompleteMultipartUpload => {
                self.status.is_success() || (failed && !(self.is_from_oss() && self.is_throttling()))
            }
            _ => failed && !self.is_from_oss(),
        }
    }

    /// The server's clock, where the answer tells it.
    pub(crate) fn server_time(&self) -> Option<SystemTime> {
        self.server_time
    }

    pub(crate) fn into_raw(self) -> Bytes {
        self.raw
    }

    pub(crate) fn from_answer(
        operation: Operation,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Self {
        let raw = match text(headers, &ERROR_IN_HEADER).and_then(|xml| STANDARD.decode(xml.trim()).ok()) {
            // The answer to a HEAD has no body; OSS puts the XML in a header.
            Some(xml) if body.is_empty() => Bytes::from(xml),
            _ => body.slice(..body.len().min(RAW_LIMIT)),
        };
        let mut xml = ErrorXml::parse(&raw);
        if xml.ec.is_none() {
            xml.ec = text(headers, &EC);
        }
        let date = text(headers, &http::header::DATE);
        Self {
            operation,
            status,
            request_id: text(headers, &REQUEST_ID).or_else(|| xml.request_id.clone()),
            server_time: date.and_then(|date| httpdate::parse_http_date(&date).ok()),
            pause: text(headers, &QOS_DELAY)
                .and_then(|millis| millis.trim().parse().ok())
                .map(|millis| Duration::from_millis(millis).min(LONGEST_PAUSE)),
            xml,
            raw,
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was refused with status {}", self.operation, self.status.as_u16())?;
        if self.is_from_oss() {
            write!(f, " {}: {}", self.code(), self.message())?;
        } else {
            f.write_str(" by something that is not OSS, as it sent no error XML")?;
        }
        if let Some(ec) = self.ec() {
            write!(f, " (EC {ec})")?;
        }
        match &self.request_id {
            Some(id) => write!(f, " [request id {id}]"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ServerError {
    /// The raw body can echo headers and signatures, so only its size is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerError")
            .field("operation", &self.operation)
            .field("status", &self.status)
            .field("code", &self.code())
            .field("message", &self.message())
            .field("request_id", &self.request_id)
            .field("ec", &self.ec())
            .field("raw", &format_args!("{} bytes", self.raw.len()))
            .finish()
    }
}

impl std::error::Error for ServerError {}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct ErrorXml {
    #[serde(rename = "Code")]
    code: String,
    #[serde(rename = "Message")]
    message: String,
    #[serde(rename = "RequestId")]
    request_id: Option<String>,
    #[serde(rename = "HostId")]
    host_id: Option<String>,
    #[serde(rename = "EC")]
    ec: Option<String>,
    #[serde(rename = "PartNumber")]
    part_number: Option<String>,
}

impl ErrorXml {
    /// Anything that is not OSS's error XML gives an empty code.
    fn parse(raw: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(raw) else { return Self::default() };
        if !is_error_document(text) {
            return Self::default();
        }
        quick_xml::de::from_str(text).unwrap_or_default()
    }
}

/// Whether the text is an `<Error>` document. OSS, like its relatives, may send one with status 200 when it has
/// begun to answer before it knew the outcome.
pub(crate) fn is_error_document(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let text = match text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")) {
        Some((_, rest)) => rest.trim_start(),
        None => text,
    };
    text.starts_with("<Error>") || text.starts_with("<Error ")
}

/// The codes of the OSS error pages that ask the client to slow down.
const THROTTLING: &[&str] = &[
    "UploadTrafficRateLimitExceeded",
    "DownloadTrafficRateLimitExceeded",
    "TotalQpsLimitExceeded",
    "ActiveRequestLimitExceeded",
    "MetaOperationQpsLimitExceeded",
    "CpuLimitExceeded",
    "ServiceUnavailable",
    "SlowDown",
];
/// Codes with a 4xx status that pass: the body stalled, or it did not arrive as the client sent it.
const TRANSIENT: &[&str] = &["RequestTimeout", "InternalError", "InvalidDigest", "IncompleteBody"];
/// Nothing a server says may hold an upload for ever.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
const RAW_LIMIT: usize = 64 * 1024;
static ERROR_IN_HEADER: HeaderName = HeaderName::from_static("x-oss-err");
static QOS_DELAY: HeaderName = HeaderName::from_static("x-oss-qos-delay-time");
static EC: HeaderName = HeaderName::from_static("x-oss-ec");

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\n  <Code>NoSuchUpload</Code>\n  <Message>The specified upload does not exist: a&amp;b &lt;c&gt;.</Message>\n  <RequestId>5C3D9175B6FC201293AD4890</RequestId>\n  <HostId>b.oss-cn-hangzhou.aliyuncs.com</HostId>\n  <UploadId>x</UploadId>\n  <EC>0042-00000002</EC>\n</Error>";

    fn error(status: u16, headers: &HeaderMap, body: &str) -> ServerError {
        let status = StatusCode::from_u16(status).unwrap();
        ServerError::from_answer(
            Operation::PutObject,
            status,
            headers,
            &Bytes::copy_from_slice(body.as_bytes()),
        )
    }

    #[test]
    fn error_xml_with_entities_is_read() {
        let error = error(404, &HeaderMap::new(), XML);
        assert_eq!(error.code(), "NoSuchUpload");
        assert_eq!(error.message(), "The specified upload does not exist: a&b <c>.");
        assert_eq!(error.request_id(), Some("5C3D9175B6FC201293AD4890"));
        assert_eq!(error.ec(), Some("0042-00000002"));
        assert!(!error.is_transient());
    }

    #[test]
    fn the_answer_to_a_head_carries_its_xml_in_a_header() {
        let mut headers = HeaderMap::new();
        headers.insert("x-oss-err", HeaderValue::from_str(&STANDARD.encode(XML)).unwrap());
        let error = error(404, &headers, "");
        assert_eq!(error.code(), "NoSuchUpload");
    }

    #[test]
    fn a_proxys_page_is_not_mistaken_for_oss() {
        let error = error(502, &HeaderMap::new(), "<html><body>Bad gateway</body></html>");
        assert!(!error.is_from_oss());
        assert!(error.is_transient());
        assert_eq!(error.code(), "");
    }

    #[test]
    fn odd_bodies_do_not_panic() {
        for body in [
            "",
            "<Error>",
            "<Error><Code>",
            "\u{feff}<Error></Error>",
            "<Error><Code><b/></Code></Error>",
            "{}",
        ] {
            let error = error(500, &HeaderMap::new(), body);
            assert!(error.is_transient(), "{body}");
        }
    }

    #[test]
    fn what_passes_is_told_by_status_or_code() {
        let none = HeaderMap::new();
        for status in [408, 429, 500, 502, 503, 504, 599] {
            assert!(error(status, &none, "").is_transient(), "{status}");
        }
        for status in [300, 307, 400, 401, 403, 404, 409, 411, 412] {
            assert!(!error(status, &none, "").is_transient(), "{status}");
        }
        for code in TRANSIENT.iter().chain(THROTTLING) {
            let xml = format!("<?xml version='1.0'?>\n<Error><Code>{code}</Code></Error>");
            let error = error(400, &none, &xml);
            assert!(error.is_transient(), "{code}");
            assert_eq!(error.is_throttling(), THROTTLING.contains(code), "{code}");
        }
    }

    #[test]
    fn a_server_can_hold_an_upload_for_five_minutes_and_fill_64_kib() {
        let mut headers = HeaderMap::new();
        for (said, pause) in
            [("1500", Some(1500)), ("999999999", Some(300_000)), ("-1", None), ("soon", None)]
        {
            headers.insert(&QOS_DELAY, HeaderValue::from_static(said));
            assert_eq!(error(503, &headers, "").pause(), pause.map(Duration::from_millis), "{said}");
        }
        let error = error(500, &HeaderMap::new(), &"hush ".repeat(100_000));
        assert_eq!(error.raw().len(), 64 * 1024);
        assert!(!format!("{error:?} {error}").contains("hush"));
    }
}
