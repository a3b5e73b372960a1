//! What an upload has done.

use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderName};
use serde::de::DeserializeOwned;

use crate::call::Answer;
use crate::callback_failure::CallbackFailure;
use crate::error::Error;

/// An object that is stored, and what became of its callback.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Uploaded {
    /// The object as OSS described it.
    pub object: StoredObject,
    /// What became of the callback.
    pub callback: CallbackOutcome,
    /// What the run did to get there.
    pub report: Report,
}

/// The facts OSS gives of a stored object, from the answer's headers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredObject {
    /// Where it is: its URL without a query, such as `https://examplebucket.oss-cn-hangzhou.aliyuncs.com/files/hello`.
    pub location: String,
    /// The object's size in bytes.
    pub size: u64,
    /// The ETag without its quotes: for a put the MD5 of the content in upper-case hex, for a multipart upload an
    /// opaque value.
    pub etag: Option<String>,
    /// CRC-64/XZ of the object as OSS computed it (`x-oss-hash-crc64ecma`). After an upload it was compared with that of
    /// the bytes sent, and it was equal. Two only tell it: [`head_object`](crate::Uploader::head_object), and
    /// [`MultipartUpload::complete`](crate::MultipartUpload::complete) if OSS did not tell the CRC-64 of every part.
    pub crc64: Option<u64>,
    /// The version id, in a bucket with versioning.
    pub version_id: Option<String>,
    /// The id of the request that stored it; quote it to Alibaba Cloud support. `None` when the answer was lost.
    pub request_id: Option<String>,
}

impl StoredObject {
    /// Reads the facts from the headers of an answer about the object.
    pub(crate) fn from_answer(answer: &Answer, size: u64) -> Self {
        let headers = &answer.headers;
        Self {
            location: answer.location.clone(),
            size,
            etag: etag(headers),
            crc64: crc64(headers),
            version_id: text(headers, &VERSION_ID),
            request_id: text(headers, &REQUEST_ID),
        }
    }
}

/// What became of the callback of an upload.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CallbackOutcome {
    /// None was asked for.
    NotRequested,
    /// The application server answered 200.
    Answered(CallbackAnswer),
    /// The application server could not be reached or did not answer as it must. Only found here after
    /// [`Error::ignore_callback_failure`](crate::Error::ignore_callback_failure).
    Failed(CallbackFailure),
    /// OSS's answer was lost; the object was found in place, and nobody can say whether the application server was
    /// called. OSS does not call again for a stored object: let the application server learn of it another way.
    Unknown,
}

impl CallbackOutcome {
    /// Of an object that is stored although nobody heard so.
    pub(crate) fn unheard(requested: bool) -> Self {
        if requested { Self::Unknown } else { Self::NotRequested }
    }
}

/// The upload in an outcome that says the object is stored, whatever became of its callback.
pub(crate) fn stored_mut(outcome: &mut Result<Uploaded, Error>) -> Option<&mut Uploaded> {
    match outcome {
        Ok(uploaded) => Some(uploaded),
        Err(Error::CallbackFailed(failed)) => Some(&mut failed.uploaded),
        Err(_) => None,
    }
}

/// The application server's answer as OSS relayed it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallbackAnswer {
    /// The body, as it came.
    pub body: Bytes,
    /// The `Content-Type`, usually `application/json`.
    pub content_type: Option<String>,
}

impl CallbackAnswer {
    pub(crate) fn new(headers: &HeaderMap, body: Bytes) -> Self {
        Self { body, content_type: text(headers, &CONTENT_TYPE) }
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// What is wrong with the JSON, or that it does not fit `T`. OSS accepts only valid JSON from most application
    /// servers, but says nothing of its shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, AnswerError> {
        serde_json::from_slice(&self.body).map_err(|error| AnswerError(error.into()))
    }
}

/// An application server's answer that cannot be read as what was asked for. The upload is done all the same.
#[derive(Debug, thiserror::Error)]
#[error("the application server's answer cannot be read as the JSON that was expected; the object is stored")]
pub struct AnswerError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl fmt::Debug for CallbackAnswer {
    /// The body is the application server's business and stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackAnswer")
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("content_type", &self.content_type)
            .finish()
    }
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Requests sent, repeated ones included; the HEADs that look for the object of a lost answer are not counted.
    pub requests: u32,
    /// Bytes of content handed to the transport, repeated ones included.
    pub bytes_sent: u64,
    /// Parts this run sent and OSS acknowledged; 0 if one PUT did it.
    pub parts_sent: u32,
    /// Parts sent again in this run: repeated after a failure, because they were late, or because OSS no longer had
    /// them at Complete.
    pub parts_resent: u32,
    /// Parts an earlier run had sent.
    pub parts_resumed: u32,
    /// Bytes of the parts an earlier run had sent: what resuming saved.
    pub bytes_resumed: u64,
    /// Why an earlier run's upload was not gone on with, if there was one.
    pub restarts: Vec<Restart>,
    /// How often fewer parts were sent at once because OSS throttled.
    pub throttled: u32,
    /// Ids of uploads of this key that may still be open at OSS: earlier ones that could not be aborted, and ones that
    /// were begun without their id arriving. They have no part that is needed; abort them with
    /// [`MultipartUpload::abort`](crate::MultipartUpload::abort) unless another program uploads to the same key.
    pub orphans: Vec<String>,
}

/// Why an earlier run's multipart upload was not gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Restart {
    /// The source is no longer what it was. The old upload was aborted.
    SourceChanged,
    /// The options fixed when an upload is initiated (content type, metadata, storage class, …) are others now. The
    /// old upload was aborted.
    OptionsChanged,
    /// OSS no longer knows the upload id: aborted by someone else or by a lifecycle rule.
    UploadGone,
    /// The checkpoint could not be read and was set aside, or lacks what is needed to go on.
    CheckpointUnreadable,
}

pub(crate) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok()).map(str::to_owned)
}

pub(crate) fn etag(headers: &HeaderMap) -> Option<String> {
    let etag = text(headers, &ETAG)?;
    // A proxy that changes the framing makes an ETag weak; the value is OSS's still.
    let etag = etag.strip_prefix("W/").unwrap_or(&etag).trim_matches('"');
    (!etag.is_empty()).then(|| etag.to_owned())
}

pub(crate) fn crc64(headers: &HeaderMap) -> Option<u64> {
    text(headers, &HASH_CRC64).and_then(|crc| crc.trim().parse().ok())
}

pub(crate) static HASH_CRC64: HeaderName = HeaderName::from_static("x-oss-hash-crc64ecma");
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("x-oss-request-id");
pub(crate) static VERSION_ID: HeaderName = HeaderName::from_static("x-oss-version-id");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_what_the_application_server_said() {
        let answer = CallbackAnswer::new(&HeaderMap::new(), Bytes::from_static(b"hush"));
        assert_eq!(&answer.body[..], b"hush");
        // Bytes show text as text and everything else as numbers.
        let shown = format!("{answer:?} {:?}", CallbackOutcome::Answered(answer.clone()));
        assert!(shown.contains("4 bytes") && !shown.contains("hush") && !shown.contains("104"), "{shown}");
    }
}
