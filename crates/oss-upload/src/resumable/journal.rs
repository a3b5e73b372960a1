use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};

use super::run::Run;
use crate::checkpoint::{Checkpoint, CheckpointError, CheckpointId, Durability, Record, Recorded};
use crate::error::Error;
use crate::multipart::SentPart;
use crate::source::SourceIdentity;

/// The checkpoint of a run, if one is kept.
pub(crate) struct Journal {
    checkpoint: Option<Box<dyn Checkpoint>>,
    pub(crate) id: CheckpointId,
    pub(crate) source: Option<SourceIdentity>,
    /// When the checkpoint wants its upkeep.
    due: Instant,
}

impl Journal {
    /// Opens and locks the run's checkpoint, if there is a store and the source can be recognised.
    pub(crate) async fn open(run: &Run<'_>) -> Result<Self, Error> {
        let source = run.source.identity();
        let name = source.as_ref().map(|source| source.name.clone()).unwrap_or_default();
        let id = run.checkpoint_id(name);
        let checkpoint = match (run.checkpoints, &source) {
            (Some(store), Some(_)) => Some(store.open(&id).await?),
            _ => None,
        };
        Ok(Self { checkpoint, id, source, due: Instant::now() })
    }

    /// The journal of an upload whose source need not exist any more.
    pub(crate) fn over(checkpoint: Box<dyn Checkpoint>, id: CheckpointId) -> Self {
        Self { checkpoint: Some(checkpoint), id, source: None, due: Instant::now() }
    }

    /// The journal of a run that nobody can go on with.
    pub(crate) fn none(run: &Run<'_>) -> Self {
        let id = run.checkpoint_id(String::new());
        Self { checkpoint: None, id, source: None, due: Instant::now() }
    }

    /// Whether a later run could go on from here.
    pub(crate) fn is_kept(&self) -> bool {
        self.checkpoint.is_some()
    }

    pub(crate) fn recorded(&mut self) -> Recorded {
        self.checkpoint.as_mut().map(|checkpoint| checkpoint.recorded()).unwrap_or_default()
    }

    pub(crate) async fn append(&mut self, record: Record, durability: Durability) -> Result<(), Error> {
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.append(&record, durability).await?;
            self.due = self.due.min(Instant::now() + GROUP);
        }
        Ok(())
    }

    /// Writes down a part that OSS has. OSS's own list of parts makes up for a record that cannot be written, so a full
    /// disk does not end the upload; a lease that is lost does. If the list is gone too, the source is compared with
    /// the object.
    pub(crate) async fn part(&mut self, part: &SentPart) -> Result<(), Error> {
        let SentPart { number, size, etag, crc64 } = part.clone();
        let record = Record::Part { number, size, etag, crc64 };
        survive(self.append(record, Durability::Buffered).await)
    }

    /// Writes down that Complete is about to be sent, and until when another must not follow it. Who has lost the lease
    /// learns it here, before the request.
    pub(crate) async fn completing(&mut self, crc64: u64, until: Option<u64>) -> Result<(), Error> {
        survive(self.append(Record::Completing { crc64, until }, Durability::Synced).await)
    }

    /// Writes down that OSS has not carried Complete out, so that the next run need not wait for it.
    pub(crate) async fn refused(&mut self, crc64: u64) -> Result<(), Error> {
        survive(self.append(Record::Completing { crc64, until: None }, Durability::Buffered).await)
    }

    /// Waits, and does the checkpoint's upkeep meanwhile.
    pub(crate) async fn rest(&mut self, pause: Duration) -> Result<(), Error> {
        let resting = async {
            tokio::time::sleep(pause).await;
            Ok(())
        };
        self.keep(resting).await
    }

    /// Writes down uploads that may be left over, for the run that comes to report them.
    pub(crate) async fn orphans(&mut self, upload_ids: &[String]) -> Result<(), Error> {
        for upload_id in upload_ids {
            self.append(Record::Orphan { upload_id: upload_id.clone() }, Durability::Synced).await?;
        }
        Ok(())
    }

    /// Writes down that these uploads are given up, where the records of them stay.
    pub(crate) async fn abandoned(&mut self, upload_ids: &[String]) -> Result<(), Error> {
        for upload_id in upload_ids {
            self.append(Record::Abandoned { upload_id: upload_id.clone() }, Durability::Synced).await?;
        }
        Ok(())
    }

    /// Writes down the uploads of a checkpoint that was set aside: they are in no other any more.
    pub(crate) async fn take_over(&mut self, orphans: &[String], upload_ids: &[String]) -> Result<(), Error> {
        for record in Record::taken_over(orphans, upload_ids) {
            self.append(record, Durability::Synced).await?;
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

    /// Does other work and the checkpoint's upkeep beside it.
    pub(crate) async fn keep<T>(&mut self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let mut work = pin!(work);
        loop {
            match select(work.as_mut(), pin!(sleep_until(self.due))).await {
                Either::Left((result, _)) => return result,
                Either::Right(_) => self.upkeep().await?,
            }
        }
    }

    /// Does work that must be done also by whoever has lost the lease, and the upkeep beside it as long as that goes.
    pub(crate) async fn keep_if_possible<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            match select(work.as_mut(), pin!(sleep_until(self.due))).await {
                Either::Left((result, _)) => return result,
                Either::Right(_) => {
                    if let Err(error) = self.upkeep().await {
                        tracing::warn!(%error, "going on without the checkpoint");
                        return work.await;
                    }
                }
            }
        }
    }

    /// Writes down the parts as they come, until no more can.
    pub(crate) async fn write_down(&mut self, mut parts: UnboundedReceiver<SentPart>) -> Result<(), Error> {
        loop {
            // The upkeep first, so that a rush of parts does not let a lease end.
            match select(pin!(sleep_until(self.due)), pin!(parts.recv())).await {
                Either::Left(_) => self.upkeep().await?,
                Either::Right((Some(part), _)) => self.part(&part).await?,
                Either::Right((None, _)) => return Ok(()),
            }
        }
    }

    async fn upkeep(&mut self) -> Result<(), Error> {
        let mut next = NEVER;
        if let Some(checkpoint) = &mut self.checkpoint {
            match checkpoint.upkeep().await {
                Ok(pause) => next = pause.clamp(SHORTEST, NEVER),
                Err(error) => survive(Err(error.into()))?,
            }
        }
        self.due = Instant::now() + next;
        Ok(())
    }
}

/// Lets every failure of the checkpoint pass but the loss of the lease.
fn survive(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error @ Error::Checkpoint(CheckpointError::Lost { .. })) => Err(error),
        Err(error) => {
            tracing::warn!(%error, "the checkpoint falls behind the upload");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// How long a buffered record may wait for the disk.
const GROUP: Duration = Duration::from_millis(100);
const SHORTEST: Duration = Duration::from_millis(1);
const NEVER: Duration = Duration::from_secs(3600);
