//! Uploads in parts that survive a crash.

mod finish;
mod plan;
mod run;
mod state;

use std::future::{Future, IntoFuture};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;

use oss_callback::Callback;
use oss_signing::{BucketName, ObjectKey};

use crate::call::Ledger;
use crate::checkpoint::CheckpointStore;
use crate::content_md5::ContentMd5;
use crate::error::Error;
use crate::options::{ObjectOptions, guess_content_type};
use crate::progress::{Progress, Reporter};
use crate::put_object::Put;
use crate::source::{Content, Opened};
use crate::uploaded::Uploaded;
use crate::uploader::Engine;

use self::plan::Plan;
use self::run::Run;

/// An upload in parts. Awaiting it sends it; awaiting the like of it again after a crash goes on with it.
///
/// Parts are sent side by side, each with its own signature, attempts and CRC-64. What OSS has acknowledged is written
/// to the checkpoint before the next step is taken, so a later run with the same source, bucket, key and endpoint sends
/// only what is missing. The callback rides on CompleteMultipartUpload. Content of at most
/// [`single_put_limit`](Self::single_put_limit) bytes is sent with one PUT.
///
/// # Errors
///
/// [`Error::CallbackFailed`] if the object is stored and its callback failed; the checkpoint is closed, a later run
/// starts a new upload. For any other error the checkpoint stays and a later run goes on.
///
/// If the answer to CompleteMultipartUpload is lost, the uploader looks: an object with the bytes sent is the end of the
/// upload, with [`CallbackOutcome::Unknown`](crate::CallbackOutcome::Unknown).
///
/// # Cancellation
///
/// Dropping the future at any time leaves a checkpoint that a later run goes on with. Nothing keeps running.
#[derive(Debug)]
#[must_use = "an upload does nothing until it is awaited"]
pub struct ResumableUpload {
    engine: Arc<Engine>,
    bucket: BucketName,
    key: String,
    content: Content,
    options: ObjectOptions,
    callback: Option<Callback>,
    reporter: Option<Reporter>,
    checkpoints: Option<Arc<dyn CheckpointStore>>,
    part_size: Option<u64>,
    single_put_limit: Option<u64>,
    concurrency: NonZeroUsize,
}

impl ResumableUpload {
    /// Parts sent side by side unless [`concurrency`](Self::concurrency) says otherwise.
    pub const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(4).expect("four is not zero");

    pub(crate) fn new(engine: Arc<Engine>, bucket: BucketName, key: String, content: Content) -> Self {
        Self {
            checkpoints: engine.checkpoints.clone(),
            engine,
            bucket,
            key,
            content,
            options: ObjectOptions::new(),
            callback: None,
            reporter: None,
            part_size: None,
            single_put_limit: None,
            concurrency: Self::CONCURRENCY,
        }
    }

    /// Lets OSS call the application server when the object is stored.
    pub fn callback(mut self, callback: Callback) -> Self {
        self.callback = Some(callback);
        self
    }

    /// Sets what the object is stored with.
    pub fn options(mut self, options: ObjectOptions) -> Self {
        self.options = options;
        self
    }

    /// Tells how far the upload is: after each chunk, on the task that sends it, so the function must be quick.
    pub fn on_progress(mut self, tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.reporter = Some(Reporter::new(tell));
        self
    }

    /// Keeps the checkpoint here instead of where the uploader keeps them; `None` keeps none, and the parts are then
    /// removed from OSS if the upload fails.
    pub fn checkpoints(mut self, store: Option<Arc<dyn CheckpointStore>>) -> Self {
        self.checkpoints = store;
        self
    }

    /// Bytes of every part but the last, 100 KiB to 5 GiB; more if there would be more than 10,000 parts. The default
    /// is 8 MiB, or more in steps of 1 MiB so that there are about 1,000 parts. A resumed upload keeps its first size.
    pub fn part_size(mut self, bytes: u64) -> Self {
        self.part_size = Some(bytes);
        self
    }

    /// Sends content of at most this many bytes with one PUT, without a checkpoint. The default is the part size.
    pub fn single_put_limit(mut self, bytes: u64) -> Self {
        self.single_put_limit = Some(bytes);
        self
    }

    /// Sends so many parts side by side; the default is 4.
    pub fn concurrency(mut self, parts: NonZeroUsize) -> Self {
        self.concurrency = parts;
        self
    }

    async fn send(self) -> Result<Uploaded, Error> {
        let key = ObjectKey::try_from(self.key.as_str())?;
        let source: Opened = self.content.open().await?;
        let Some(size) = source.length() else {
            let reason = "has no known length; resumable_upload needs one, put_object does not";
            return Err(Error::invalid("content", reason));
        };
        let plan = Plan::new(size, self.part_size)?;
        let content_type = guess_content_type(self.content.file_name(), key.as_str());
        let single_put_limit = self.single_put_limit.unwrap_or(plan.part_size());
        if size == 0 || size <= single_put_limit {
            let put = Put {
                engine: &self.engine,
                bucket: &self.bucket,
                key: &key,
                source: &*source,
                content_type,
                options: &self.options,
                callback: self.callback.as_ref(),
                content_md5: ContentMd5::Unsaid,
                reporter: self.reporter.as_ref(),
                resend_when_unsure: false,
            };
            return put.run().await;
        }
        let run = Run {
            engine: &self.engine,
            ledger: &Ledger::default(),
            bucket: &self.bucket,
            key: &key,
            common: self.options.payer_headers(),
            transfer: self.options.transfer_headers()?,
            initiate: self.options.initiate_headers(&content_type)?,
            options: &self.options,
            callback: self.callback.as_ref(),
            source: &*source,
            checkpoints: self.checkpoints.as_deref(),
            tally: self.reporter.as_ref().map(|reporter| reporter.start(Some(size))),
            concurrency: self.concurrency.get(),
        };
        run.run(plan).await
    }
}

impl IntoFuture for ResumableUpload {
    type Output = Result<Uploaded, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
