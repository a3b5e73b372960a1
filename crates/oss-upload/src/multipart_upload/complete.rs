use std::future::IntoFuture;
use std::pin::Pin;
use std::time::UNIX_EPOCH;

use http::HeaderMap;
use oss_callback::Callback;

use super::{MultipartUpload, UploadedPart};
use crate::call::Ledger;
use crate::clock::Moment;
use crate::crc64::Crc64Fold;
use crate::error::Error;
use crate::look::{Began, Seen, Wanted};
use crate::multipart::{Completed, SentPart, read_completed};
use crate::operation::Operation;
use crate::options::ObjectOptions;
use crate::put_object::reported;
use crate::uploaded::{CallbackOutcome, Report, Uploaded};

/// Puts the parts of a [`MultipartUpload`] together. Awaiting it does it.
///
/// If OSS told the CRC-64 of every part, that of the object is compared with theirs put together. A lost answer is not
/// followed by a second Complete, which could call the application server twice: the object is looked for, and if it is
/// there with these parts, the upload is done with [`CallbackOutcome::Unknown`]. The same holds where OSS no longer knows
/// the upload id because another Complete came first.
///
/// # Errors
///
/// [`Error::CallbackFailed`] if the object is stored and its callback failed; [`Error::OutcomeUnknown`] if an answer was lost
/// and looking did not settle it. For every other error [`Error::object_state`] says whether the object is stored.
///
/// # Cancellation
///
/// If the future is dropped, the object may be stored and the application server called.
#[derive(Debug)]
#[must_use = "nothing is put together until it is awaited"]
pub struct CompleteMultipartUpload {
    upload: MultipartUpload,
    parts: Vec<UploadedPart>,
    options: ObjectOptions,
    callback: Option<Callback>,
}

impl CompleteMultipartUpload {
    pub(super) fn new(upload: MultipartUpload, parts: Vec<UploadedPart>) -> Self {
        Self { upload, parts, options: ObjectOptions::new(), callback: None }
    }

    /// Lets OSS call the application server when the object is stored.
    pub fn callback(mut self, callback: Callback) -> Self {
        self.callback = Some(callback);
        self
    }

    /// Of the options, OSS takes these here: the ACL, that the object must not replace another, who pays.
    pub fn options(mut self, options: ObjectOptions) -> Self {
        self.options = options;
        self
    }

    async fn send(self) -> Result<Uploaded, Error> {
        if self.parts.is_empty() {
            return Err(Error::invalid("parts", "is empty; an object has at least one part"));
        }
        let headers = self.options.complete_headers(self.callback.as_ref());
        // A CRC-64 that is not known is not compared; Complete does not ask for it.
        let parts: Vec<SentPart> = self
            .parts
            .iter()
            .map(|UploadedPart { number, size, etag, crc64 }| SentPart {
                number: *number,
                size: *size,
                etag: etag.clone(),
                crc64: crc64.unwrap_or_default(),
            })
            .collect();
        let callback = self.callback.is_some();
        let completed = Completed { upload_id: &self.upload.id, parts: &parts, headers, callback };
        let (ledger, common) = (Ledger::default(), self.payer_headers());
        let began = Began::Here(Moment::now());
        let result = match self.upload.multipart(&ledger, &common).complete(&completed).await {
            Ok(answer) => read_completed(answer, self.size(), self.crc64(), callback),
            Err(error) if error.lost_answer() => self.look(error, began).await,
            // Somebody else completed it, whenever that was.
            Err(error) if error.has_code("NoSuchUpload") => {
                self.look(error, Began::Earlier(UNIX_EPOCH)).await
            }
            Err(error) => Err(error),
        };
        reported(result, &ledger, None)
    }

    /// Asks OSS what became of a Complete that got no answer, or that found no upload.
    async fn look(&self, lost: Error, began: Began) -> Result<Uploaded, Error> {
        let unknown = |reason: String, lost: Error| {
            Err(Error::unknown(Operation::CompleteMultipartUpload, reason, lost))
        };
        let Some(crc64) = self.crc64() else {
            return unknown("OSS did not tell the CRC-64 of every part".into(), lost);
        };
        let (bucket, key, size) = (&self.upload.bucket, &self.upload.key, self.size());
        let common = &self.payer_headers();
        match (Wanted { bucket, key, common, size, crc64: Some(crc64), began })
            .look(&self.upload.engine)
            .await
        {
            Ok(Seen::Stored(object)) => {
                tracing::warn!(%lost, "the object is stored; its callback is unknown");
                let callback = CallbackOutcome::unheard(self.callback.is_some());
                Ok(Uploaded { object, callback, report: Report::default() })
            }
            Ok(Seen::NotStored(_) | Seen::Another(_)) if !lost.lost_answer() => Err(lost),
            Ok(Seen::NotStored(reason) | Seen::Another(reason) | Seen::Unproven(reason)) => {
                unknown(reason, lost)
            }
            Err(error) => unknown(format!("looking for it failed: {error}"), lost),
        }
    }

    /// Who pays, whether it was said of the upload or of this.
    fn payer_headers(&self) -> HeaderMap {
        let mut headers = self.upload.common.clone();
        headers.extend(self.options.payer_headers());
        headers
    }

    fn size(&self) -> u64 {
        self.parts.iter().map(|part| part.size).sum()
    }

    /// The CRC-64 of the object to be.
    fn crc64(&self) -> Option<u64> {
        let mut whole = Crc64Fold::default();
        for part in &self.parts {
            whole.push(part.crc64?, part.size);
        }
        Some(whole.value())
    }
}

impl IntoFuture for CompleteMultipartUpload {
    type Output = Result<Uploaded, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
