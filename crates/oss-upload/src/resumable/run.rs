use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use oss_callback::Callback;
use oss_signing::{BucketName, ObjectKey};
use tokio::time::{Instant, sleep};

use super::Recheck;
use super::hedge::Hedges;
use super::journal::Journal;
use super::piece::{Piece, PieceReader, Supply};
use super::plan::Plan;
use super::report::History;
use super::resume::Found;
use crate::call::Ledger;
use crate::checkpoint::{CheckpointError, CheckpointId, CheckpointStore};
use crate::crc64::Crc64Fold;
use crate::error::{Error, ObjectState};
use crate::gate::Gate;
use crate::look::{Began, Seen, Wanted};
use crate::multipart::{Multipart, SentPart};
use crate::options::ObjectOptions;
use crate::progress::Tally;
use crate::source::Source;
use crate::uploaded::{Restart, Uploaded};
use crate::uploader::Engine;

/// One run of a resumable upload whose arguments are in order.
pub(crate) struct Run<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) ledger: &'a Ledger,
    pub(crate) gate: &'a Gate,
    pub(crate) hedges: Option<&'a Hedges>,
    pub(crate) bucket: &'a BucketName,
    pub(crate) key: &'a ObjectKey,
    pub(crate) common: HeaderMap,
    pub(crate) transfer: HeaderMap,
    pub(crate) initiate: HeaderMap,
    pub(crate) options: &'a ObjectOptions,
    pub(crate) callback: Option<&'a Callback>,
    pub(crate) source: &'a dyn Source,
    pub(crate) recheck: Recheck,
    pub(crate) checkpoints: Option<&'a dyn CheckpointStore>,
    pub(crate) tally: Option<Tally>,
    pub(crate) concurrency: usize,
}

/// What became of the upload in parts that earlier runs left.
pub(crate) enum Earlier {
    /// There was none.
    None,
    /// It is no more; the report must say so, and the checkpoint has what could not be aborted until it does.
    GivenUp(Journal, History),
    Done(Uploaded),
}

/// A multipart upload under way.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) id: String,
    /// How the source was cut; `None` for a stream, which cannot be cut again.
    pub(crate) plan: Option<Plan>,
    pub(crate) parts: BTreeMap<u16, SentPart>,
    pub(crate) began: Began,
    /// Parts of earlier runs.
    pub(crate) resumed: u32,
    pub(crate) bytes_resumed: u64,
}

impl Upload {
    pub(crate) fn new(id: String, plan: Option<Plan>, began: Began) -> Self {
        Self { id, plan, parts: BTreeMap::new(), began, resumed: 0, bytes_resumed: 0 }
    }

    /// CRC-64 of the parts in order.
    pub(crate) fn crc64(&self) -> u64 {
        let mut fold = Crc64Fold::default();
        for part in self.parts.values() {
            fold.push(part.crc64, part.size);
        }
        fold.value()
    }

    /// Bytes of all parts.
    pub(crate) fn size(&self) -> u64 {
        self.parts.values().map(|part| part.size).sum()
    }
}

impl<'a> Run<'a> {
    /// Uploads a source that can be opened again, from where earlier runs stopped.
    pub(crate) async fn run(&self, size: u64, plan: Plan) -> Result<Uploaded, Error> {
        let mut history = History::default();
        let mut journal = Journal::open(self).await?;
        let found = self.resume(size, &mut journal, &mut history).await?;
        self.go_on(found, plan, journal, history).await
    }

    /// Goes on with the upload in parts that earlier runs left of a source that is now to be sent with one PUT, or gives
    /// it up.
    pub(crate) async fn run_earlier(&self, size: u64, plan: Plan) -> Result<Earlier, Error> {
        let mut history = History::default();
        let mut journal = match self.journal_when_free().await {
            Ok(journal) => journal,
            // An upload in parts that is under way would call back too, and the one that ends last would win.
            Err(error @ Error::Checkpoint(CheckpointError::Locked { .. } | CheckpointError::Lost { .. })) => {
                return Err(error);
            }
            // One PUT needs no checkpoint, so it does not fail for the lack of one.
            Err(error) => {
                tracing::warn!(%error, "not looking for an earlier upload in parts");
                return Ok(Earlier::None);
            }
        };
        match self.resume(size, &mut journal, &mut history).await? {
            Found::Nothing if history.is_empty() => Ok(Earlier::None),
            Found::Nothing => Ok(Earlier::GivenUp(journal, history)),
            found => self.go_on(found, plan, journal, history).await.map(Earlier::Done),
        }
    }

    /// Opens the checkpoint. Who holds it may be looking into it only, as every small upload does, or the store may not
    /// have let go of it yet, so this waits for a moment.
    async fn journal_when_free(&self) -> Result<Journal, Error> {
        let began = Instant::now();
        loop {
            match Journal::open(self).await {
                Err(Error::Checkpoint(CheckpointError::Locked { .. })) if began.elapsed() < PATIENCE => {
                    sleep(PAUSE).await;
                }
                opened => return opened,
            }
        }
    }

    async fn go_on(
        &self,
        mut found: Found,
        plan: Plan,
        mut journal: Journal,
        mut history: History,
    ) -> Result<Uploaded, Error> {
        loop {
            let mut upload = match found {
                Found::Upload(upload) => upload,
                Found::Nothing => self.start(Some(plan), &mut journal, &mut history).await?,
                Found::Stored(object) => {
                    journal.close().await;
                    return Ok(self.found_stored(object, history));
                }
            };
            // An earlier run's upload keeps the plan it began with.
            let plan = upload.plan.unwrap_or(plan);
            let missing = (1..=plan.parts()).filter(|number| !upload.parts.contains_key(number)).collect();
            let supply = self.ranges(plan, missing);
            match self.send_and_complete(supply, &mut upload, &mut journal).await {
                Err(error) if error.has_code("NoSuchUpload") && history.restarts.len() < RESTARTS => {
                    tracing::warn!(%error, "OSS no longer knows the upload; starting anew");
                    history.restarts.push(Restart::UploadGone);
                    self.tally.iter().for_each(Tally::restarted);
                    found = self.anew(None, &mut journal, &mut history).await?;
                }
                ended => return self.end(ended, upload, journal.is_kept(), history).await,
            }
        }
    }

    /// Uploads a stream whose first part has been read. Nothing is kept for a later run, so a failure aborts.
    pub(crate) async fn run_stream(
        &self,
        first: Option<Piece<'a>>,
        reader: PieceReader,
    ) -> Result<Uploaded, Error> {
        let mut history = History::default();
        // Also where the source says who it is: one of unknown length is not read a second time.
        let mut journal = Journal::none(self);
        let mut upload = self.start(None, &mut journal, &mut history).await?;
        let supply = Supply::Stream { first, reader };
        let ended = self.send_and_complete(supply, &mut upload, &mut journal).await;
        self.end(ended, upload, journal.is_kept(), history).await
    }

    /// The parts of these numbers.
    pub(crate) fn ranges(&self, plan: Plan, missing: VecDeque<u16>) -> Supply<'_> {
        Supply::Ranges { source: self.source, plan, missing, memory: &self.engine.memory }
    }

    async fn send_and_complete(
        &self,
        supply: Supply<'_>,
        upload: &mut Upload,
        journal: &mut Journal,
    ) -> Result<Uploaded, Error> {
        self.send(supply, upload, journal).await?;
        self.source.check().await?;
        self.complete(upload, journal).await
    }

    /// Leaves nothing behind that nobody can go on with, and says what was done.
    async fn end(
        &self,
        ended: Result<Uploaded, Error>,
        upload: Upload,
        is_kept: bool,
        history: History,
    ) -> Result<Uploaded, Error> {
        match ended {
            Err(cause) if cause.object_state() == ObjectState::NotStored && !is_kept => {
                match self.multipart().abort(&upload.id).await {
                    Ok(()) => Err(cause),
                    Err(abort) => Err(Error::LeftBehind {
                        upload_id: upload.id,
                        abort: Box::new(abort),
                        cause: Box::new(cause),
                    }),
                }
            }
            ended => self.with_report(ended, &upload, history),
        }
    }

    pub(crate) fn multipart(&self) -> Multipart<'_> {
        Multipart {
            engine: self.engine,
            ledger: self.ledger,
            bucket: self.bucket,
            key: self.key,
            common: &self.common,
            gate: Some(self.gate),
        }
    }

    /// The name of the checkpoint of a source.
    pub(crate) fn checkpoint_id(&self, source: String) -> CheckpointId {
        checkpoint_id(self.engine, self.bucket, self.key, source)
    }

    /// Looks whether the object under the key is what this upload would have stored, as far as that is known.
    pub(crate) async fn look(&self, began: Began, size: u64, crc64: Option<u64>) -> Result<Seen, Error> {
        let (bucket, key, common) = (self.bucket, self.key, &self.common);
        Wanted { bucket, key, common, size, crc64, began }.look(self.engine).await
    }
}

/// The name of the checkpoint of a source's upload to an object.
pub(crate) fn checkpoint_id(
    engine: &Engine,
    bucket: &BucketName,
    key: &ObjectKey,
    source: String,
) -> CheckpointId {
    CheckpointId {
        endpoint: engine.endpoint.to_string(),
        bucket: bucket.to_string(),
        key: key.to_string(),
        source,
    }
}

/// Seconds since 1970, as checkpoints keep a time.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// As long as [`FileCheckpoints`](crate::FileCheckpoints) waits for its lock.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(20);

/// How often one run starts anew because OSS forgot the upload under its hands.
const RESTARTS: usize = 3;
