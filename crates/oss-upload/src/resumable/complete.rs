use tokio::time::Instant;

use super::journal::Journal;
use super::run::{Run, Upload, seconds};
use super::settle::{Settled, may_be_carried_out, still_open, time_to_end};
use crate::call::Answer;
use crate::error::{Error, ObjectState};
use crate::multipart::{Completed, SentPart, read_completed};
use crate::operation::Operation;
use crate::progress::Stage;
use crate::retry::Failure;
use crate::uploaded::Uploaded;

impl Run<'_> {
    /// Puts the parts together and learns what became of the callback.
    pub(crate) async fn complete(
        &self,
        upload: &mut Upload,
        journal: &mut Journal,
    ) -> Result<Uploaded, Error> {
        let mut doubted = None;
        let ended = self.try_complete(upload, journal, &mut doubted).await;
        // How the last attempt ended does not undo what an earlier one may have done.
        let ended = ended.map_err(|error| match doubted {
            Some(doubted) => error.after(Operation::CompleteMultipartUpload, doubted),
            None => error,
        });
        if matches!(&ended, Err(error) if error.object_state() == ObjectState::NotStored) {
            journal.refused(upload.crc64()).await?;
        }
        ended
    }

    /// Puts into `doubted` the last attempt that may have been carried out, although the upload was open after it.
    async fn try_complete(
        &self,
        upload: &mut Upload,
        journal: &mut Journal,
        doubted: &mut Option<Error>,
    ) -> Result<Uploaded, Error> {
        let mut crc64 = upload.crc64();
        if let Some(tally) = &self.tally {
            tally.stage(Stage::Completing);
        }
        let (started, mut attempts, mut repairs) = (Instant::now(), 0, 0);
        loop {
            attempts += 1;
            let sent_at = Instant::now();
            let error = match self.send_complete(upload, crc64, journal).await {
                Ok(answer) => {
                    // Closed before anything is read out of the answer: the upload is over, whatever it says.
                    journal.close().await;
                    return read_completed(answer, upload.size(), Some(crc64), self.callback.is_some());
                }
                Err(error) => error,
            };
            if error.has_code("InvalidPart") && repairs < REPAIRS {
                repairs += 1;
                self.repair(error, upload, journal).await?;
                self.source.check().await?;
                crc64 = upload.crc64();
                continue;
            }
            if !may_be_carried_out(&error) {
                return Err(error);
            }
            match self.settle(upload, crc64, sent_at, doubted.is_some(), journal, error).await? {
                Settled::Stored(object) => {
                    journal.close().await;
                    return Ok(self.stored_unheard(object));
                }
                Settled::StillOpen(error) => {
                    let operation = Operation::CompleteMultipartUpload;
                    let elapsed = started.elapsed();
                    let failure = Failure { operation, attempts, elapsed, error: &error };
                    let Some(wait) = self.engine.wire.retry.wait(&failure) else {
                        return Err(still_open(upload, journal, error));
                    };
                    *doubted = Some(error);
                    journal.rest(wait).await?;
                }
            }
        }
    }

    async fn send_complete(
        &self,
        upload: &Upload,
        crc64: u64,
        journal: &mut Journal,
    ) -> Result<Answer, Error> {
        // Rounded up thrice, since whole seconds are told and kept. Without a callback nothing speaks against a second
        // Complete.
        let patience = time_to_end(upload.parts.len()).as_secs() + 3;
        let now = seconds(self.engine.wire.clock.server_now());
        let until = self.callback.map(|_| now.saturating_add(patience));
        journal.completing(crc64, until).await?;
        let parts: Vec<SentPart> = upload.parts.values().cloned().collect();
        let headers = self.options.complete_headers(self.callback);
        let completed =
            Completed { upload_id: &upload.id, parts: &parts, headers, callback: self.callback.is_some() };
        let multipart = self.multipart();
        journal.keep(multipart.complete(&completed)).await
    }
}

/// How often parts that OSS does not accept at Complete are sent again.
const REPAIRS: u32 = 3;
