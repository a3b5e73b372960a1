use std::time::Duration;

use tokio::time::Instant;

use super::journal::Journal;
use super::run::{Run, Upload};
use crate::error::Error;
use crate::look::Seen;
use crate::operation::Operation;
use crate::uploaded::{CallbackOutcome, Report, StoredObject, Uploaded};

/// What is known after a Complete that may have been carried out.
pub(crate) enum Settled {
    Stored(StoredObject),
    /// The upload is still open although the Complete has had time to end: it was not carried out.
    StillOpen(Error),
}

/// Whether a Complete that ended so may have been carried out, or an earlier attempt at it.
pub(crate) fn may_be_carried_out(error: &Error) -> bool {
    // `FileAlreadyExists` can be our own object, `NoSuchUpload` the trace of our own success.
    error.lost_answer() || error.has_code("NoSuchUpload") || error.has_code("FileAlreadyExists")
}

impl Run<'_> {
    /// Asks OSS what became of a Complete. `NoSuchUpload` means "look": the upload id is gone because the object is
    /// there, or because somebody aborted it.
    ///
    /// OSS works on after its client has gone, and a Complete that runs into another might call the application server
    /// twice. So while the upload is open, this waits until the first has had time to end.
    ///
    /// `doubted` says that a Complete before this one may have been carried out: then an upload that is gone may have
    /// been completed and its object replaced since, and a new upload is no answer.
    pub(crate) async fn settle(
        &self,
        upload: &Upload,
        crc64: u64,
        sent_at: Instant,
        doubted: bool,
        journal: &mut Journal,
        error: Error,
    ) -> Result<Settled, Error> {
        tracing::warn!(%error, "looking whether the upload is complete");
        if !error.has_code("NoSuchUpload") {
            let refused = error.has_code("FileAlreadyExists");
            let patience = if refused { Duration::ZERO } else { time_to_end(upload.parts.len()) };
            let mut pause = FIRST_PAUSE;
            loop {
                match journal.keep(self.multipart().list_parts(&upload.id)).await {
                    // Another object is in the way, since this upload is not done.
                    Ok(_) if refused => return Err(error),
                    Ok(_) => {}
                    Err(gone) if gone.has_code("NoSuchUpload") => break,
                    // Whoever may not list the parts can still look for the object.
                    Err(denied) if denied.server().is_some_and(|refusal| !refusal.is_transient()) => {
                        match journal.keep(self.look(upload.began, upload.size(), Some(crc64))).await {
                            Ok(Seen::Stored(object)) => return Ok(Settled::Stored(object)),
                            Ok(Seen::NotStored(_) | Seen::Another(_)) if !refused => {}
                            _ if refused => return Err(error),
                            Ok(Seen::Unproven(reason) | Seen::NotStored(reason) | Seen::Another(reason)) => {
                                return Err(unknown(reason, error));
                            }
                            Err(failed) => {
                                return Err(unknown(format!("looking for it failed: {failed}"), error));
                            }
                        }
                    }
                    Err(failed) => {
                        return Err(unknown(format!("asking for its parts failed: {failed}"), error));
                    }
                }
                if sent_at.elapsed() >= patience {
                    return Ok(Settled::StillOpen(error));
                }
                journal.rest(pause).await?;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        self.look_after(upload, crc64, doubted, journal, error).await
    }

    async fn look_after(
        &self,
        upload: &Upload,
        crc64: u64,
        doubted: bool,
        journal: &mut Journal,
        error: Error,
    ) -> Result<Settled, Error> {
        let refused = !doubted && (error.has_code("NoSuchUpload") || error.has_code("FileAlreadyExists"));
        let reason = match journal.keep(self.look(upload.began, upload.size(), Some(crc64))).await {
            Ok(Seen::Stored(object)) => return Ok(Settled::Stored(object)),
            // Nobody completed it: it was aborted, and a new upload is the answer.
            Ok(Seen::NotStored(_) | Seen::Another(_)) if refused => return Err(error),
            Ok(Seen::NotStored(reason) | Seen::Another(reason) | Seen::Unproven(reason)) => reason,
            Err(failed) => return Err(unknown(format!("looking for it failed: {failed}"), error)),
        };
        // The upload id is gone, so there is nothing a later run could go on with.
        journal.close().await;
        Err(unknown(reason, error))
    }

    pub(crate) fn stored_unheard(&self, object: StoredObject) -> Uploaded {
        let callback = CallbackOutcome::unheard(self.callback.is_some());
        Uploaded { object, callback, report: Report::default() }
    }
}

/// Complete was tried as often as the policy has it, and the upload is open as before.
pub(crate) fn still_open(upload: &Upload, journal: &Journal, error: Error) -> Error {
    let then = match journal.is_kept() {
        true => "run again to complete it",
        false => "nothing remembers it, so abort it by its id",
    };
    unknown(format!("the upload {} is still open at OSS; {then}", upload.id), error)
}

fn unknown(reason: String, lost: Error) -> Error {
    Error::unknown(Operation::CompleteMultipartUpload, reason, lost)
}

/// How long a Complete of so many parts may take at OSS. Reports speak of five minutes for 5,600 parts.
pub(crate) fn time_to_end(parts: usize) -> Duration {
    Duration::from_secs(2) + Duration::from_millis(50) * u32::try_from(parts).unwrap_or(10_000)
}

pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(500);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(15);
