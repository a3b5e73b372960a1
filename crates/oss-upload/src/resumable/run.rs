use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::{HeaderMap, StatusCode};
use oss_callback::Callback;
use oss_signing::{BucketName, ObjectKey};
use sha2::{Digest, Sha256};

use super::plan::Plan;
use super::state::{Intent, Remembered};
use crate::call::Ledger;
use crate::checkpoint::{Checkpoint, CheckpointId, CheckpointStore, Durability, Record};
use crate::crc64::{Crc64, Crc64Fold};
use crate::error::{Error, ObjectState};
use crate::look::{Seen, Wanted};
use crate::multipart::{ListedPart, Multipart, SentPart};
use crate::operation::Operation;
use crate::options::ObjectOptions;
use crate::progress::{Stage, Tally};
use crate::source::{Source, SourceIdentity};
use crate::uploaded::{CallbackOutcome, Restart, StoredObject, Uploaded};
use crate::uploader::Engine;

/// One run of a resumable upload whose arguments are in order.
pub(crate) struct Run<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) ledger: &'a Ledger,
    pub(crate) bucket: &'a BucketName,
    pub(crate) key: &'a ObjectKey,
    pub(crate) common: HeaderMap,
    pub(crate) transfer: HeaderMap,
    pub(crate) initiate: HeaderMap,
    pub(crate) options: &'a ObjectOptions,
    pub(crate) callback: Option<&'a Callback>,
    pub(crate) source: &'a dyn Source,
    pub(crate) checkpoints: Option<&'a dyn CheckpointStore>,
    pub(crate) tally: Option<Tally>,
    pub(crate) concurrency: usize,
}

/// A multipart upload under way.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) plan: Plan,
    pub(crate) parts: BTreeMap<u16, SentPart>,
    pub(crate) since: SystemTime,
    resumed: u32,
    bytes_resumed: u64,
}

impl Upload {
    /// CRC-64 of the parts in order.
    pub(crate) fn crc64(&self) -> u64 {
        let mut fold = Crc64Fold::default();
        for part in self.parts.values() {
            fold.push(part.crc64, part.size);
        }
        fold.value()
    }
}

/// The checkpoint of a run, if one is kept.
pub(crate) struct Journal {
    checkpoint: Option<Box<dyn Checkpoint>>,
    id: CheckpointId,
    source: Option<SourceIdentity>,
}

impl Journal {
    pub(crate) async fn append(&mut self, record: Record, durability: Durability) -> Result<(), Error> {
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.append(&record, durability).await?;
        }
        Ok(())
    }

    pub(crate) async fn clear(&mut self) -> Result<(), Error> {
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.clear().await?;
        }
        Ok(())
    }

    /// Forgets an upload that OSS has closed. The object is stored, so a failure is no failure of the upload: a later
    /// run would find the upload gone and look for the object.
    pub(crate) async fn close(&mut self) {
        if let Err(error) = self.clear().await {
            tracing::warn!(%error, "the upload is done, but its checkpoint could not be removed");
        }
    }
}

/// What the checkpoint led to.
enum Found {
    Upload(Upload),
    /// An earlier run's Complete had been carried out.
    Stored(StoredObject),
    Nothing,
}

impl Run<'_> {
    pub(crate) async fn run(&self, plan: Plan) -> Result<Uploaded, Error> {
        let mut restarts = Vec::new();
        let mut journal = self.open_journal().await?;
        let mut found = self.resume(plan, &mut journal, &mut restarts).await?;
        loop {
            let mut upload = match found {
                Found::Upload(upload) => upload,
                Found::Nothing => self.start(plan, &mut journal).await?,
                Found::Stored(object) => {
                    journal.close().await;
                    return Ok(self.found_stored(object, restarts));
                }
            };
            match self.upload(&mut upload, &mut journal).await {
                Err(error) if error.has_code("NoSuchUpload") && restarts.len() < RESTARTS => {
                    tracing::warn!(%error, "OSS no longer knows the upload; starting anew");
                    restarts.push(Restart::UploadGone);
                    journal.clear().await?;
                    found = Found::Nothing;
                }
                ended => {
                    let failed = matches!(&ended, Err(e) if e.object_state() == ObjectState::NotStored);
                    if failed && journal.checkpoint.is_none() {
                        self.give_up(&upload).await;
                    }
                    return self.with_report(ended, &upload, restarts);
                }
            }
        }
    }

    pub(crate) fn multipart(&self) -> Multipart<'_> {
        Multipart {
            engine: self.engine,
            ledger: self.ledger,
            bucket: self.bucket,
            key: self.key,
            common: &self.common,
        }
    }

    async fn open_journal(&self) -> Result<Journal, Error> {
        let source = self.source.identity();
        let id = CheckpointId {
            endpoint: self.engine.endpoint.to_string(),
            bucket: self.bucket.to_string(),
            key: self.key.to_string(),
            source: source.as_ref().map(|source| source.name.clone()).unwrap_or_default(),
        };
        let checkpoint = match (self.checkpoints, &source) {
            (Some(store), Some(_)) => Some(store.open(&id).await?),
            _ => None,
        };
        Ok(Journal { checkpoint, id, source })
    }

    /// Goes on where the runs before stopped, as far as their records, OSS and the source agree.
    async fn resume(
        &self,
        plan: Plan,
        journal: &mut Journal,
        restarts: &mut Vec<Restart>,
    ) -> Result<Found, Error> {
        let Some(checkpoint) = &mut journal.checkpoint else { return Ok(Found::Nothing) };
        let recorded = checkpoint.recorded();
        if let Some(place) = recorded.set_aside {
            tracing::warn!(place, "the checkpoint could not be read and was set aside");
            restarts.push(Restart::CheckpointUnreadable);
        }
        let remembered = Remembered::replay(recorded.records);
        let (Some(intent), Some(upload_id)) = (&remembered.intent, &remembered.upload_id) else {
            journal.clear().await?;
            return Ok(Found::Nothing);
        };
        let usable = intent.version == Record::VERSION && intent.id == journal.id;
        let (Some(plan), true) = (Plan::resumed(plan.size(), intent.part_size), usable) else {
            restarts.push(Restart::CheckpointUnreadable);
            journal.clear().await?;
            return Ok(Found::Nothing);
        };
        if let Some(restart) = self.differs(intent, journal) {
            tracing::warn!(?restart, upload_id, "aborting the earlier upload and starting anew");
            self.multipart().abort(upload_id).await?;
            restarts.push(restart);
            journal.clear().await?;
            return Ok(Found::Nothing);
        }
        let since = UNIX_EPOCH + Duration::from_secs(intent.since);
        let id = upload_id.clone();
        let parts = BTreeMap::new();
        let mut upload = Upload { id, plan, parts, since, resumed: 0, bytes_resumed: 0 };
        self.merge(remembered, &mut upload, journal, restarts).await
    }

    /// Why the earlier upload cannot be gone on with, if so.
    fn differs(&self, intent: &Intent, journal: &Journal) -> Option<Restart> {
        if journal.source.as_ref() != Some(&intent.source) {
            return Some(Restart::SourceChanged);
        }
        (intent.options != self.options_digest()).then_some(Restart::OptionsChanged)
    }

    /// Keeps the parts that the journal and OSS both have, adopts those OSS alone has if their bytes are proved, and
    /// leaves the rest to be sent.
    async fn merge(
        &self,
        mut remembered: Remembered,
        upload: &mut Upload,
        journal: &mut Journal,
        restarts: &mut Vec<Restart>,
    ) -> Result<Found, Error> {
        let listed = match self.multipart().list_parts(&upload.id).await {
            Ok(listed) => listed,
            Err(error) if error.has_code("NoSuchUpload") => {
                return self.upload_is_gone(remembered, upload, journal, restarts).await;
            }
            Err(error) if error.server().is_some_and(|e| e.status() == StatusCode::FORBIDDEN) => {
                tracing::warn!(%error, "the parts may not be listed; going on from the checkpoint alone");
                upload.parts = remembered.parts;
                upload.parts.retain(|number, part| self.fits(upload.plan, *number, part.size));
                self.count_resumed(upload);
                return Ok(Found::Upload(std::mem::replace(upload, Upload::empty(upload.plan))));
            }
            Err(error) => return Err(error),
        };
        for there in listed {
            if !self.fits(upload.plan, there.number, there.size) {
                continue;
            }
            let part = match remembered.parts.remove(&there.number) {
                Some(ours) if same_etag(&ours.etag, &there.etag) && ours.size == there.size => ours,
                _ => match self.adopt(upload.plan, &there).await? {
                    Some(part) => {
                        journal.append(record(&part), Durability::Buffered).await?;
                        part
                    }
                    None => continue,
                },
            };
            upload.parts.insert(part.number, part);
        }
        self.count_resumed(upload);
        Ok(Found::Upload(std::mem::replace(upload, Upload::empty(upload.plan))))
    }

    fn fits(&self, plan: Plan, number: u16, size: u64) -> bool {
        (1..=plan.parts()).contains(&number) && {
            let range = plan.range(number);
            range.end - range.start == size
        }
    }

    fn count_resumed(&self, upload: &mut Upload) {
        upload.resumed = u32::try_from(upload.parts.len()).unwrap_or(u32::MAX);
        upload.bytes_resumed = upload.parts.values().map(|part| part.size).sum();
        if let Some(tally) = &self.tally {
            tally.resumed(upload.bytes_resumed);
        }
    }

    /// A part OSS has and the journal does not know is ours if the local bytes have its CRC-64.
    async fn adopt(&self, plan: Plan, there: &ListedPart) -> Result<Option<SentPart>, Error> {
        let Some(theirs) = there.crc64 else { return Ok(None) };
        let mut body = self.source.open(plan.range(there.number)).await?;
        let mut crc = Crc64::new();
        while let Some(frame) =
            std::future::poll_fn(|cx| http_body::Body::poll_frame(std::pin::Pin::new(&mut body), cx)).await
        {
            let frame = frame.map_err(crate::source::SourceError::from_body)?;
            if let Ok(data) = frame.into_data() {
                crc.update(&data);
            }
        }
        let part =
            SentPart { number: there.number, size: there.size, etag: there.etag.clone(), crc64: theirs };
        Ok((crc.value() == theirs).then_some(part))
    }

    /// The upload id is gone: aborted, or completed by a run that did not live to hear of it.
    async fn upload_is_gone(
        &self,
        remembered: Remembered,
        upload: &mut Upload,
        journal: &mut Journal,
        restarts: &mut Vec<Restart>,
    ) -> Result<Found, Error> {
        let all = remembered.parts.len() == usize::from(upload.plan.parts());
        upload.parts = remembered.parts;
        let crc64 = match remembered.completing {
            Some(crc64) => Some(crc64),
            None => all.then(|| upload.crc64()),
        };
        if let Some(crc64) = crc64 {
            match self.look(upload, crc64).await {
                Ok(Seen::Stored(object)) => return Ok(Found::Stored(object)),
                Ok(Seen::NotStored(reason)) => tracing::warn!(reason, "the earlier upload is gone"),
                Ok(Seen::Unproven(reason)) => return Err(self.unsettled(journal, reason, None).await),
                Err(error) => {
                    let reason = format!("looking for it failed: {error}");
                    return Err(self.unsettled(journal, reason, Some(error)).await);
                }
            }
        }
        restarts.push(Restart::UploadGone);
        journal.clear().await?;
        Ok(Found::Nothing)
    }

    /// An earlier run may have stored the object, and it cannot be told. If OSS refuses to tell, the next run would
    /// fail the same way for ever, so it is made to start anew.
    async fn unsettled(&self, journal: &mut Journal, reason: String, error: Option<Error>) -> Error {
        let transient = error.as_ref().is_some_and(Error::is_transient);
        if !transient {
            journal.close().await;
        }
        let operation = Operation::CompleteMultipartUpload;
        let lost = error.unwrap_or_else(|| Error::MalformedAnswer { operation, reason: reason.clone() });
        let then = if transient { "run again to look again" } else { "run again to upload anew" };
        Error::OutcomeUnknown { operation, reason: format!("{reason}; {then}"), lost: Box::new(lost) }
    }

    pub(crate) async fn look(&self, upload: &Upload, crc64: u64) -> Result<Seen, Error> {
        let (bucket, key, size, since) = (self.bucket, self.key, upload.plan.size(), upload.since);
        Wanted { bucket, key, size, crc64, since }.look(self.engine).await
    }

    async fn start(&self, plan: Plan, journal: &mut Journal) -> Result<Upload, Error> {
        let since = self.engine.wire.clock.now();
        if let Some(source) = &journal.source {
            let intent = Record::Intent {
                version: Record::VERSION,
                id: journal.id.clone(),
                source: source.clone(),
                part_size: plan.part_size(),
                options: self.options_digest(),
                since: since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            };
            journal.append(intent, Durability::Synced).await?;
        }
        let id = self.multipart().initiate(self.initiate.clone()).await?;
        let started = Record::Started { upload_id: id.clone() };
        if let Err(error) = journal.append(started, Durability::Synced).await {
            // An upload nobody remembers would be billed until somebody finds it.
            let _ = self.multipart().abort(&id).await;
            return Err(error);
        }
        Ok(Upload { id, since, ..Upload::empty(plan) })
    }

    async fn upload(&self, upload: &mut Upload, journal: &mut Journal) -> Result<Uploaded, Error> {
        self.send_parts(upload, journal).await?;
        self.source.check().await?;
        self.finish(upload, journal).await
    }

    async fn send_parts(&self, upload: &mut Upload, journal: &mut Journal) -> Result<(), Error> {
        let multipart = self.multipart();
        let missing: Vec<u16> =
            (1..=upload.plan.parts()).filter(|number| !upload.parts.contains_key(number)).collect();
        let (id, plan) = (upload.id.clone(), upload.plan);
        let send = |number: u16| {
            let meter = self.tally.as_ref().map(Tally::meter);
            let (headers, range) = (self.transfer.clone(), plan.range(number));
            multipart.upload_part(&id, number, self.source, range, headers, meter)
        };
        let mut waiting = missing.into_iter();
        let mut running: FuturesUnordered<_> = waiting.by_ref().take(self.concurrency).map(send).collect();
        while let Some(part) = running.next().await {
            let part = part?;
            if let Some(number) = waiting.next() {
                running.push(send(number));
            }
            if let Err(error) = journal.append(record(&part), Durability::Buffered).await {
                // OSS's own list of parts makes up for it, so a full disk does not end the upload.
                tracing::warn!(%error, part = part.number, "a part could not be written to the checkpoint");
            }
            upload.parts.insert(part.number, part);
        }
        Ok(())
    }

    /// Removes the parts of an upload that nobody can go on with.
    async fn give_up(&self, upload: &Upload) {
        if let Err(error) = self.multipart().abort(&upload.id).await {
            tracing::warn!(%error, upload_id = upload.id, "the parts of the failed upload could not be removed");
        }
    }

    fn options_digest(&self) -> String {
        let mut lines: Vec<Vec<u8>> = self
            .initiate
            .iter()
            .map(|(name, value)| [name.as_str().as_bytes(), b":", value.as_bytes(), b"\n"].concat())
            .collect();
        lines.sort();
        Sha256::digest(lines.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn found_stored(&self, object: StoredObject, restarts: Vec<Restart>) -> Uploaded {
        let callback = match self.callback {
            Some(_) => CallbackOutcome::Unknown,
            None => CallbackOutcome::NotRequested,
        };
        if let Some(tally) = &self.tally {
            tally.resumed(object.size);
            tally.stage(Stage::Stored);
        }
        let mut report = self.ledger.report();
        report.bytes_resumed = object.size;
        report.restarts = restarts;
        Uploaded { object, callback, report }
    }

    fn with_report(
        &self,
        mut result: Result<Uploaded, Error>,
        upload: &Upload,
        restarts: Vec<Restart>,
    ) -> Result<Uploaded, Error> {
        let uploaded = match &mut result {
            Ok(uploaded) => uploaded,
            Err(Error::CallbackFailed(failed)) => &mut failed.uploaded,
            Err(_) => return result,
        };
        if let Some(tally) = &self.tally {
            tally.stage(Stage::Stored);
        }
        uploaded.report = crate::uploaded::Report {
            parts_sent: u32::try_from(upload.parts.len()).unwrap_or(u32::MAX) - upload.resumed,
            parts_resumed: upload.resumed,
            bytes_resumed: upload.bytes_resumed,
            restarts,
            ..self.ledger.report()
        };
        result
    }
}

impl Upload {
    fn empty(plan: Plan) -> Self {
        let parts = BTreeMap::new();
        Self { id: String::new(), plan, parts, since: UNIX_EPOCH, resumed: 0, bytes_resumed: 0 }
    }
}

fn record(part: &SentPart) -> Record {
    let SentPart { number, size, etag, crc64 } = part.clone();
    Record::Part { number, size, etag, crc64 }
}

/// OSS quotes ETags in headers and listings alike; a proxy may not.
fn same_etag(a: &str, b: &str) -> bool {
    a.trim_matches('"').eq_ignore_ascii_case(b.trim_matches('"'))
}

/// How often one run starts anew because OSS forgot the upload under its hands.
const RESTARTS: usize = 3;
