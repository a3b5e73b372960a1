//! Uploads in parts that survive a crash.

mod abort;
mod complete;
mod gone;
mod hedge;
mod journal;
mod local_crc64;
mod piece;
mod plan;
mod repair;
mod report;
mod resume;
mod run;
mod send;
mod settle;
mod start;
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
use crate::gate::Gate;
use crate::operation::Operation;
use crate::options::{ObjectOptions, guess_content_type};
use crate::progress::{Progress, Reporter};
use crate::put_object::{Put, PutObject};
use crate::source::{Content, Opened, Source, SourceError};
use crate::uploaded::Uploaded;
use crate::uploader::Engine;

use self::hedge::Hedges;
use self::local_crc64::source_within;
use self::piece::{Held, PieceReader};
use self::plan::{Cut, Plan};
use self::run::{Earlier, Run};

/// An upload in parts. Awaiting it sends it; awaiting the like of it again after a crash goes on with it.
///
/// Parts are sent side by side, each with its own signature, attempts and CRC-64. What OSS has acknowledged is written
/// to the checkpoint before the next step is taken, so a later run with the same source, bucket, key and endpoint sends
/// only what is missing. The callback rides on CompleteMultipartUpload. Content of at most
/// [`single_put_limit`](Self::single_put_limit) bytes is sent with one PUT.
///
/// # Streams
///
/// Content that can be read only once ([`StreamSource`](crate::StreamSource)), or whose length is not known, goes the
/// same way without a checkpoint. Each
/// part is kept in memory until OSS has it, so that it can be sent again; the memory is taken from the uploader's
/// [`memory_limit`](crate::UploaderBuilder::memory_limit) before the part is read, and a slow OSS holds the stream back.
/// A stream that is waited for holds its part's memory too, for as long as
/// [`TimeLimits::source_idle`](crate::TimeLimits::source_idle) lets it be silent.
/// A stream of unknown length begins with parts of [`part_size`](Self::part_size), 8 MiB by default, that double every
/// thousand parts up to the memory limit: 64 MiB reach 492 GiB, 4 GiB reach 7.8 TiB. One that ends within its first
/// part is sent with one PUT. If the upload fails, it is aborted.
///
/// # Errors
///
/// [`Error::CallbackFailed`] if the object is stored and its callback failed; the checkpoint is closed, a later run
/// starts a new upload. So it is where the reason of [`Error::OutcomeUnknown`] says to upload anew: OSS does not tell
/// what became of a Complete, or another object is where one that carried a callback was to be. For any other error the
/// checkpoint stays and a later run goes on. Without a checkpoint the parts are removed from OSS, and
/// [`Error::LeftBehind`] says so if that fails too.
///
/// If the answer to CompleteMultipartUpload is lost, the uploader looks: an object with the bytes sent is the end of the
/// upload, with [`CallbackOutcome::Unknown`](crate::CallbackOutcome::Unknown). Complete is sent again only while the
/// upload is still open and the first has had time to end: two seconds and 50 ms a part. A run that finds that the one
/// before died with a Complete that carries a callback on the way waits as long, if OSS has the upload still open, since
/// two Completes side by side might call the application server twice.
///
/// # Cancellation
///
/// Dropping the future at any time leaves a checkpoint that a later run goes on with. Nothing keeps running. Without a
/// checkpoint the parts stay at OSS: see [`Uploader::sweep_uploads`](crate::Uploader::sweep_uploads).
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
    recheck: Recheck,
    hedges: u32,
}

/// When the bytes of parts that earlier runs sent are compared with the source by their CRC-64.
///
/// The comparison reads the source and sends nothing. If a part differs, the earlier upload is aborted and a new one
/// begins ([`Restart::SourceChanged`](crate::Restart::SourceChanged)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recheck {
    /// When the source is as long as it was and its version is another: a file that was touched, copied back, or lies on
    /// a file system whose times cannot be trusted.
    #[default]
    WhenInDoubt,
    /// Always, also when nothing points to a change: for sources that can be rewritten under the same size and time.
    Always,
    /// Never: a source whose version is another is another source.
    Never,
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
            recheck: Recheck::default(),
            hedges: 0,
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

    /// Sends content of at most this many bytes with one PUT, without a checkpoint; what is longer than
    /// [`PutObject::LIMIT`](crate::PutObject::LIMIT) goes in parts all the same. The default is the part size. What an earlier run left in parts is gone on with, or given up if the source has changed.
    pub fn single_put_limit(mut self, bytes: u64) -> Self {
        self.single_put_limit = Some(bytes);
        self
    }

    /// Sends so many parts side by side; the default is 4. Fewer while OSS throttles: half as many after each refusal
    /// that asks for less, and one more after each round of successes.
    pub fn concurrency(mut self, parts: NonZeroUsize) -> Self {
        self.concurrency = parts;
        self
    }

    /// Says when parts of earlier runs are compared with the source; the default is [`Recheck::WhenInDoubt`].
    pub fn recheck(mut self, recheck: Recheck) -> Self {
        self.recheck = recheck;
        self
    }

    /// Sends at most so many parts a second time when they are late; the default is none.
    ///
    /// A part is late when it has taken three times the median of those before it, at least eight, and at least a
    /// second. It is sent again only where a place of [`concurrency`](Self::concurrency) is free, which is at the end of
    /// an upload; the attempt that is answered first counts, and the other is dropped. Both carry the same bytes, so it
    /// does not matter which of them OSS takes last: the ETag of a part is the MD5 of its bytes.
    pub fn hedge_slow_parts(mut self, most: u32) -> Self {
        self.hedges = most;
        self
    }

    async fn send(self) -> Result<Uploaded, Error> {
        let key = ObjectKey::try_from(self.key.as_str())?;
        let source: Opened = self.content.open().await?;
        match source.length() {
            Some(size) if can_be_reopened(&*source, size).await? => {
                let plan = Plan::new(size, self.part_size)?;
                let single_put_limit =
                    self.single_put_limit.unwrap_or(plan.part_size()).min(PutObject::LIMIT);
                if size == 0 || size <= single_put_limit {
                    return self.send_small(&key, &*source, size, plan).await;
                }
                let (ledger, gate, hedges) = self.instruments();
                self.over(&key, &*source, &ledger, &gate, hedges.as_ref())?.run(size, plan).await
            }
            len => self.send_stream(&key, &*source, len).await,
        }
    }

    /// Sends content with one PUT, unless an earlier run left an upload in parts that can be gone on with.
    async fn send_small(
        &self,
        key: &ObjectKey,
        source: &dyn Source,
        size: u64,
        plan: Plan,
    ) -> Result<Uploaded, Error> {
        if self.checkpoints.is_none() || source.identity().is_none() {
            return self.put(key, source).await;
        }
        let (ledger, gate, hedges) = self.instruments();
        let earlier =
            self.over(key, source, &ledger, &gate, hedges.as_ref())?.run_earlier(size, plan).await?;
        match earlier {
            Earlier::None => self.put(key, source).await,
            Earlier::GivenUp(mut journal, history) => {
                let ended = history.told(journal.keep(self.put(key, source)).await);
                if matches!(ended, Ok(_) | Err(Error::CallbackFailed(_))) {
                    journal.close().await;
                }
                ended
            }
            Earlier::Done(uploaded) => Ok(uploaded),
        }
    }

    async fn send_stream(
        &self,
        key: &ObjectKey,
        source: &dyn Source,
        len: Option<u64>,
    ) -> Result<Uploaded, Error> {
        let memory = &self.engine.memory;
        let cut = Cut::new(len, self.part_size, memory.limit())?;
        let idle = self.engine.wire.limits.source_idle;
        let opening = source.open(0..len.unwrap_or(u64::MAX));
        let body = source_within(Operation::UploadPart(1), idle, opening).await??;
        let mut reader = PieceReader::new(body, len, cut, memory.clone(), idle);
        let (first, is_all) = reader.read_first().await?;
        let size = first.as_ref().map_or(0, |piece| piece.len());
        if is_all && size <= self.single_put_limit.unwrap_or(u64::MAX) {
            return match &first {
                Some(piece) => self.put(key, piece.source().0).await,
                None => self.put(key, &Held::default()).await,
            };
        }
        let (ledger, gate, hedges) = self.instruments();
        self.over(key, source, &ledger, &gate, hedges.as_ref())?.run_stream(first, reader).await
    }

    async fn put(&self, key: &ObjectKey, source: &dyn Source) -> Result<Uploaded, Error> {
        let put = Put {
            engine: &self.engine,
            bucket: &self.bucket,
            key,
            source,
            content_type: guess_content_type(self.content.file_name(), key.as_str()),
            options: &self.options,
            callback: self.callback.as_ref(),
            content_md5: ContentMd5::Unsaid,
            reporter: self.reporter.as_ref(),
            resend_when_unsure: false,
        };
        put.run().await
    }

    fn instruments(&self) -> (Ledger, Gate, Option<Hedges>) {
        let hedges = (self.hedges > 0).then(|| Hedges::new(self.hedges));
        (Ledger::default(), Gate::new(self.concurrency.get()), hedges)
    }

    fn over<'a>(
        &'a self,
        key: &'a ObjectKey,
        source: &'a dyn Source,
        ledger: &'a Ledger,
        gate: &'a Gate,
        hedges: Option<&'a Hedges>,
    ) -> Result<Run<'a>, Error> {
        let content_type = guess_content_type(self.content.file_name(), key.as_str());
        Ok(Run {
            engine: &self.engine,
            ledger,
            gate,
            hedges,
            bucket: &self.bucket,
            key,
            common: self.options.payer_headers(),
            transfer: self.options.transfer_headers()?,
            initiate: self.options.initiate_headers(content_type)?,
            options: &self.options,
            callback: self.callback.as_ref(),
            source,
            recheck: self.recheck,
            checkpoints: self.checkpoints.as_deref(),
            tally: self.reporter.as_ref().map(|reporter| reporter.start(source.length())),
            concurrency: self.concurrency.get(),
        })
    }
}

/// Whether the source gives a part of itself away without losing the rest. One with an identity does; any other is
/// asked for no bytes at all.
async fn can_be_reopened(source: &dyn Source, size: u64) -> Result<bool, SourceError> {
    if size == 0 || source.identity().is_some() {
        return Ok(true);
    }
    match source.open(0..0).await {
        Ok(_) => Ok(true),
        Err(SourceError::NotReopenable) => Ok(false),
        Err(error) => Err(error),
    }
}

impl IntoFuture for ResumableUpload {
    type Output = Result<Uploaded, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
