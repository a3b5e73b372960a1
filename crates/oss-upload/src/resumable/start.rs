use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::journal::Journal;
use super::plan::Plan;
use super::report::History;
use super::run::{Run, Upload, seconds};
use crate::checkpoint::{Durability, Record};
use crate::clock::Moment;
use crate::error::Error;
use crate::look::{Began, SKEW};
use crate::multipart::list_uploads;
use crate::sweep::OpenUpload;

impl Run<'_> {
    /// Begins a new upload and writes it down: the intent before, the id after.
    pub(crate) async fn start(
        &self,
        plan: Option<Plan>,
        journal: &mut Journal,
        history: &mut History,
    ) -> Result<Upload, Error> {
        let since = self.engine.wire.clock.now();
        if let (Some(source), Some(plan)) = (journal.source.clone(), plan) {
            let intent = Record::Intent {
                version: Record::VERSION,
                id: journal.id.clone(),
                source,
                part_size: plan.part_size(),
                options: self.options_digest(),
                since: seconds(since),
            };
            journal.append(intent, Durability::Synced).await?;
        }
        let (requests, began) = (self.ledger.requests(), Moment::now());
        let id = journal.keep(self.multipart().initiate(self.initiate.clone())).await?;
        // By now the clock has been corrected if it was far from OSS's.
        let since = self.engine.wire.clock.at(began);
        // An attempt before this one may have begun an upload whose id never arrived. It is looked for before this id is
        // written down: a run that dies in between leaves an intent alone, and the next one looks for both.
        let written = match self.ledger.requests() > requests + 1 {
            true => self.write_orphans(since, &id, journal, history).await,
            false => Ok(()),
        };
        let started = Record::Started { upload_id: id.clone(), since: seconds(since) };
        let written = match written {
            Ok(()) => journal.append(started, Durability::Synced).await,
            failed => failed,
        };
        if let Err(error) = written {
            // An upload nobody remembers would be billed until somebody finds it.
            return Err(match journal.keep_if_possible(self.multipart().abort(&id)).await {
                Ok(()) => error,
                Err(abort) => {
                    Error::LeftBehind { upload_id: id, abort: Box::new(abort), cause: Box::new(error) }
                }
            });
        }
        Ok(Upload::new(id, plan, Began::Here(began)))
    }

    async fn write_orphans(
        &self,
        since: SystemTime,
        ours: &str,
        journal: &mut Journal,
        history: &mut History,
    ) -> Result<(), Error> {
        self.find_orphans(since, Some(ours), journal, history).await?;
        journal.orphans(&history.orphans).await
    }

    /// Gives an earlier upload up. One that may not be aborted is reported; a passing failure ends the run, since the
    /// next one can try again.
    pub(crate) async fn abandon(&self, upload_id: &str, history: &mut History) -> Result<(), Error> {
        match self.multipart().abort(upload_id).await {
            Ok(()) => {
                history.abandoned(upload_id);
                Ok(())
            }
            Err(error) if error.server().is_some_and(|refusal| !refusal.is_transient()) => {
                tracing::warn!(%error, upload_id, "the earlier upload could not be aborted");
                history.orphan(upload_id);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Looks for uploads of this key that began after `since` and that nobody wrote down. They may be another
    /// program's, so they are reported and left alone.
    pub(crate) async fn find_orphans(
        &self,
        since: SystemTime,
        ours: Option<&str>,
        journal: &mut Journal,
        history: &mut History,
    ) -> Result<(), Error> {
        let listing = list_uploads(self.engine, self.ledger, self.bucket, self.key.as_str(), &self.common);
        let listed = journal.keep(listing).await;
        match listed {
            Ok(uploads) => {
                let orphans = uploads.into_iter().map(OpenUpload::from).filter(|upload| {
                    upload.key == self.key.as_str()
                        && Some(upload.upload_id.as_str()) != ours
                        && upload.initiated.is_none_or(|initiated| initiated + SKEW >= since)
                });
                for orphan in orphans {
                    tracing::warn!(upload_id = orphan.upload_id, "an upload of this key may be left over");
                    history.orphan(&orphan.upload_id);
                }
            }
            Err(lost @ Error::Checkpoint(_)) => return Err(lost),
            Err(error) => {
                tracing::warn!(%error, "an upload may be left over whose id never arrived; sweep_uploads finds it");
            }
        }
        Ok(())
    }

    /// Names the options that are fixed at Initiate, so that a later run with others is noticed.
    pub(crate) fn options_digest(&self) -> String {
        let mut lines: Vec<Vec<u8>> = self
            .initiate
            .iter()
            .map(|(name, value)| [name.as_str().as_bytes(), b":", value.as_bytes(), b"\n"].concat())
            .collect();
        lines.sort();
        Sha256::digest(lines.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
