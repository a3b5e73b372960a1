use std::time::Duration;

use tokio::time::Instant;

use super::run::{Journal, Run, Upload};
use crate::call::Answer;
use crate::checkpoint::{Durability, Record};
use crate::error::Error;
use crate::look::Seen;
use crate::multipart::{Completed, SentPart};
use crate::operation::Operation;
use crate::progress::Stage;
use crate::put_object::read_stored;
use crate::retry::Failure;
use crate::uploaded::{CallbackOutcome, Report, StoredObject, Uploaded, crc64};

/// What is known after a Complete whose answer was lost.
enum After {
    Stored(StoredObject),
    /// The upload is still open: Complete was not carried out, or not yet.
    StillOpen,
}

impl Run<'_> {
    /// Puts the parts together and learns what became of the callback.
    pub(crate) async fn finish(&self, upload: &Upload, journal: &mut Journal) -> Result<Uploaded, Error> {
        let crc64 = upload.crc64();
        if let Err(error) = journal.append(Record::Completing { crc64 }, Durability::Synced).await {
            // The records of the parts tell a later run the same.
            tracing::warn!(%error, "the checkpoint does not say that the upload is being completed");
        }
        if let Some(tally) = &self.tally {
            tally.stage(Stage::Completing);
        }
        let parts: Vec<SentPart> = upload.parts.values().cloned().collect();
        let mut headers = self.options.complete_headers();
        if let Some(callback) = self.callback {
            headers.extend(callback.encode().headers());
        }
        let completed =
            Completed { upload_id: &upload.id, parts: &parts, headers, callback: self.callback.is_some() };
        let (started, mut attempts) = (Instant::now(), 0);
        loop {
            attempts += 1;
            let error = match self.multipart().complete(&completed).await {
                Ok(answer) => {
                    journal.close().await;
                    return self.read(upload, crc64, answer);
                }
                Err(error) => error,
            };
            let lost = error.lost_answer();
            if !lost && !error.has_code("NoSuchUpload") {
                return Err(error);
            }
            match self.after_lost(upload, crc64, journal, error).await? {
                (After::Stored(object), _) => {
                    journal.close().await;
                    return Ok(self.stored_unheard(object));
                }
                (After::StillOpen, error) => {
                    let operation = Operation::CompleteMultipartUpload;
                    let elapsed = started.elapsed();
                    let failure = Failure { operation, attempts, elapsed, error: &error };
                    let Some(wait) = self.engine.wire.retry.wait(&failure) else { return Err(error) };
                    // Time for a Complete that is still under way to end, so that two do not run side by side.
                    tokio::time::sleep(wait.max(SETTLE)).await;
                }
            }
        }
    }

    fn read(&self, upload: &Upload, expected: u64, answer: Answer) -> Result<Uploaded, Error> {
        let operation = Operation::CompleteMultipartUpload;
        match crc64(&answer.headers) {
            Some(actual) if actual != expected => {
                return Err(Error::Corrupted { operation, expected, actual });
            }
            _ => {}
        }
        let size = upload.plan.size();
        let object = StoredObject::from_answer(&answer, size);
        read_stored(operation, object, self.callback.is_some(), answer)
    }

    /// Asks OSS what became of a Complete that got no answer. `NoSuchUpload` means "look": the upload id is gone because
    /// the object is there, or because somebody aborted it.
    async fn after_lost(
        &self,
        upload: &Upload,
        crc64: u64,
        journal: &mut Journal,
        lost: Error,
    ) -> Result<(After, Error), Error> {
        let sent_before = lost.lost_answer();
        tracing::warn!(error = %lost, "looking whether the upload is complete");
        if sent_before {
            match self.multipart().list_parts(&upload.id).await {
                Ok(_) => return Ok((After::StillOpen, lost)),
                Err(error) if error.has_code("NoSuchUpload") => {}
                Err(error) if error.server().is_some_and(|refusal| !refusal.is_transient()) => {}
                Err(error) => return Err(unknown(format!("asking for its parts failed: {error}"), lost)),
            }
        }
        let reason = match self.look(upload, crc64).await {
            Ok(Seen::Stored(object)) => return Ok((After::Stored(object), lost)),
            // Nobody completed it: it was aborted, and a new upload is the answer.
            Ok(Seen::NotStored(_)) if !sent_before => return Err(lost),
            Ok(Seen::NotStored(reason) | Seen::Unproven(reason)) => reason,
            Err(error) => return Err(unknown(format!("looking for it failed: {error}"), lost)),
        };
        // The upload id is gone, so there is nothing a later run could go on with.
        journal.close().await;
        Err(unknown(reason, lost))
    }

    fn stored_unheard(&self, object: StoredObject) -> Uploaded {
        let callback = match self.callback {
            Some(_) => CallbackOutcome::Unknown,
            None => CallbackOutcome::NotRequested,
        };
        Uploaded { object, callback, report: Report::default() }
    }
}

fn unknown(reason: String, lost: Error) -> Error {
    Error::OutcomeUnknown { operation: Operation::CompleteMultipartUpload, reason, lost: Box::new(lost) }
}

/// The least time between two Completes of one upload.
const SETTLE: Duration = Duration::from_secs(1);
