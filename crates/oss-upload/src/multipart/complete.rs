use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use quick_xml::escape::escape;

use super::{Multipart, SentPart};
use crate::call::{Answer, Payload, complete_time};
use crate::error::Error;
use crate::operation::Operation;

/// What is to be put together.
#[derive(Debug)]
pub(crate) struct Completed<'a> {
    pub(crate) upload_id: &'a str,
    pub(crate) parts: &'a [SentPart],
    pub(crate) headers: HeaderMap,
    /// Whether the headers carry a callback.
    pub(crate) callback: bool,
}

impl Multipart<'_> {
    /// Puts the parts together. A lost answer is an error, since a second Complete finds no upload.
    pub(crate) async fn complete(&self, completed: &Completed<'_>) -> Result<Answer, Error> {
        let operation = Operation::CompleteMultipartUpload;
        let query = [("uploadId", completed.upload_id)];
        let mut call = Multipart::call(self, operation, Method::POST, &query);
        call.headers.extend(completed.headers.clone());
        call.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        call.payload = Payload::Bytes(body(completed.parts));
        let callback_time = if completed.callback { call.limits.callback } else { Duration::ZERO };
        call.limits =
            call.limits.with_longer_first_byte(complete_time(completed.parts.len()) + callback_time);
        call.repeat_when_lost = false;
        call.execute(self.ledger).await
    }
}

fn body(parts: &[SentPart]) -> Bytes {
    let mut xml = String::with_capacity(64 + parts.len() * 96);
    xml.push_str("<CompleteMultipartUpload>");
    for part in parts {
        let etag = escape(part.etag.as_str());
        // Writing to a String cannot fail.
        let _ = write!(xml, "<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag></Part>", part.number);
    }
    xml.push_str("</CompleteMultipartUpload>");
    xml.into()
}
