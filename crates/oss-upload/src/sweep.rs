//! Aborting multipart uploads that nobody goes on with.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use jiff::Timestamp;
use oss_signing::{BucketName, ObjectKey};

use crate::call::Ledger;
use crate::error::Error;
use crate::multipart::{ListedUpload, abort_upload, list_uploads};
use crate::options;
use crate::uploader::Engine;

/// A sweep: lists the open multipart uploads of a bucket and aborts the old ones. Awaiting it does it.
///
/// The parts of an upload that is neither completed nor aborted are billed and seen in no listing of objects. A
/// lifecycle rule of the bucket (`AbortMultipartUpload`) does the same day by day; a sweep does it now, and tells what it
/// did. Choose an age that no upload in use reaches: OSS tells when an upload began, not when its last part came.
///
/// ```no_run
/// # async fn example(uploader: oss_upload::Uploader, bucket: oss_signing::BucketName) -> Result<(), oss_upload::Error> {
/// use std::time::Duration;
///
/// let week = Duration::from_secs(7 * 24 * 3600);
/// let swept = uploader.sweep_uploads(bucket, week).prefix("backup/").await?;
/// for upload in &swept.aborted {
///     println!("aborted {} of {}", upload.upload_id, upload.key);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The listing's; nothing was aborted then. That one upload cannot be aborted does not end the sweep: it is in
/// [`Swept::failed`].
///
/// # Cancellation
///
/// Dropping the future stops the sweep; what it has aborted stays aborted.
#[derive(Debug)]
#[must_use = "a sweep does nothing until it is awaited"]
pub struct SweepUploads {
    engine: Arc<Engine>,
    bucket: BucketName,
    older_than: Duration,
    prefix: String,
    dry_run: bool,
    /// Who pays.
    common: HeaderMap,
}

/// What a sweep found and did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Swept {
    /// Uploads that are younger than the age, or whose beginning OSS did not tell.
    pub kept: Vec<OpenUpload>,
    /// Uploads that are old enough and were left alone, since it was a dry run.
    pub would_abort: Vec<OpenUpload>,
    /// Uploads that were aborted.
    pub aborted: Vec<OpenUpload>,
    /// Uploads that could not be aborted.
    pub failed: Vec<Unswept>,
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenUpload {
    /// The key of the object to be.
    pub key: String,
    /// The upload's id.
    pub upload_id: String,
    /// When it began, by OSS's clock.
    pub initiated: Option<SystemTime>,
}

/// An upload a sweep could not abort.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unswept {
    /// The upload.
    pub upload: OpenUpload,
    /// Why not.
    pub error: Error,
}

impl SweepUploads {
    pub(crate) fn new(engine: Arc<Engine>, bucket: BucketName, older_than: Duration) -> Self {
        Self { engine, bucket, older_than, prefix: String::new(), dry_run: false, common: HeaderMap::new() }
    }

    /// Looks only at keys that begin like this; the default is all keys.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Aborts nothing and only says what it would.
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Declares that the requester pays (`x-oss-request-payer: requester`).
    pub fn requester_pays(mut self) -> Self {
        self.common = options::requester_pays();
        self
    }

    async fn sweep(self) -> Result<Swept, Error> {
        let ledger = Ledger::default();
        let listed = list_uploads(&self.engine, &ledger, &self.bucket, &self.prefix, &self.common).await?;
        // The clock that requests are signed with is the server's, if this machine's was found wrong.
        let limit = self.engine.wire.clock.now().checked_sub(self.older_than);
        let mut swept = Swept::default();
        for upload in listed.into_iter().map(OpenUpload::from) {
            let old = upload.initiated.zip(limit).is_some_and(|(initiated, limit)| initiated <= limit);
            match (old, self.dry_run) {
                (false, _) => swept.kept.push(upload),
                (true, true) => swept.would_abort.push(upload),
                (true, false) => match self.abort(&upload).await {
                    Ok(()) => swept.aborted.push(upload),
                    Err(error) => swept.failed.push(Unswept { upload, error }),
                },
            }
        }
        Ok(swept)
    }

    async fn abort(&self, upload: &OpenUpload) -> Result<(), Error> {
        let key = ObjectKey::try_from(upload.key.as_str())?;
        abort_upload(&self.engine, &self.bucket, &key, &upload.upload_id, &self.common).await
    }
}

impl IntoFuture for SweepUploads {
    type Output = Result<Swept, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.sweep())
    }
}

impl From<ListedUpload> for OpenUpload {
    fn from(listed: ListedUpload) -> Self {
        let initiated = listed.initiated.parse::<Timestamp>().ok().map(SystemTime::from);
        Self { key: listed.key, upload_id: listed.upload_id, initiated }
    }
}
