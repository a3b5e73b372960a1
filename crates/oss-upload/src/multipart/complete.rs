use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use quick_xml::escape::escape;

use super::{Multipart, SentPart};
use crate::call::{Answer, Payload, complete_time};
use crate::error::Error;
use crate::operation::Operation;
use crate::put_object::read_stored;
use crate::uploaded::{StoredObject, Uploaded, crc64};

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

/// Reads the answer to a Complete; `expected` is the CRC-64 of all parts, if it is known.
pub(crate) fn read_completed(
    answer: Answer,
    size: u64,
    expected: Option<u64>,
    callback_requested: bool,
) -> Result<Uploaded, Error> {
    let operation = Operation::CompleteMultipartUpload;
    match (expected, crc64(&answer.headers)) {
        (Some(expected), Some(actual)) if actual != expected => {
            return Err(Error::Corrupted { operation, expected, actual });
        }
        _ => {}
    }
    let object = StoredObject::from_answer(&answer, size);
    read_stored(operation, object, callback_requested, answer)
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
