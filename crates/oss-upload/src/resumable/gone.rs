use super::journal::Journal;
use super::plan::Plan;
use super::report::History;
use super::resume::{Found, Likeness};
use super::run::{Run, Upload};
use super::state::Remembered;
use crate::checkpoint::CheckpointError;
use crate::error::Error;
use crate::look::Seen;
use crate::operation::Operation;
use crate::uploaded::Restart;

impl Run<'_> {
    /// The upload id is gone: aborted, or completed by a run that did not live to hear of it.
    ///
    /// On a full disk the record of the Complete may be missing, and those of the parts. So whatever the journal says,
    /// no new upload begins before the object under the key was looked at, and the source was read if nothing else
    /// tells its bytes.
    pub(crate) async fn upload_is_gone(
        &self,
        remembered: Remembered,
        mut upload: Upload,
        plan: Plan,
        likeness: Likeness,
        journal: &mut Journal,
        history: &mut History,
    ) -> Result<Found, Error> {
        let calls_back = remembered.completing.is_some_and(|it| it.until.is_some());
        let all = remembered.parts.len() == usize::from(plan.parts());
        upload.parts = remembered.parts;
        let sent = remembered.completing.map(|it| it.crc64).or_else(|| all.then(|| upload.crc64()));
        if let Some(sent) = sent
            && self.must_compare(&likeness)
            && self.crc64_of_all(plan, journal).await? != sent
        {
            history.restarts.push(Restart::SourceChanged);
            return self.anew(None, journal, history).await;
        }
        match journal.keep(self.look(upload.began, plan.size(), sent)).await {
            Ok(Seen::Stored(object)) => {
                if sent.is_some() || object.crc64 == Some(self.crc64_of_all(plan, journal).await?) {
                    return Ok(Found::Stored(object));
                }
                tracing::warn!("the earlier upload is gone, and the object under the key has other bytes");
            }
            // The Complete may have been carried out and called back, and its object replaced since.
            Ok(Seen::Another(reason)) if calls_back => {
                return Err(self.unsettled(journal, reason, None).await);
            }
            Ok(Seen::NotStored(reason) | Seen::Another(reason)) => {
                tracing::warn!(reason, "the earlier upload is gone");
            }
            Ok(Seen::Unproven(reason)) => return Err(self.unsettled(journal, reason, None).await),
            Err(lost @ Error::Checkpoint(CheckpointError::Lost { .. })) => return Err(lost),
            // Nothing says that a Complete was sent, and who may not look would never get any further.
            Err(error) if sent.is_none() && !error.is_transient() => {
                tracing::warn!(%error, "the earlier upload is gone, and its object may not be looked for");
            }
            Err(error) => {
                let reason = format!("looking for it failed: {error}");
                return Err(self.unsettled(journal, reason, Some(error)).await);
            }
        }
        history.restarts.push(Restart::UploadGone);
        self.anew(None, journal, history).await
    }

    /// Reads the whole source. If it cannot be read, it stays unknown what the earlier run has stored.
    async fn crc64_of_all(&self, plan: Plan, journal: &mut Journal) -> Result<u64, Error> {
        let operation = Operation::CompleteMultipartUpload;
        journal.keep(self.local_crc64(operation, 0..plan.size())).await.map_err(|error| match error {
            lost @ Error::Checkpoint(_) => lost,
            error => {
                let reason = format!("the source cannot be compared with it: {error}; run again to compare");
                Error::unknown(operation, reason, error)
            }
        })
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
}
