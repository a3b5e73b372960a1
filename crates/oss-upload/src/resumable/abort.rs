use oss_signing::ObjectKey;

use super::ResumableUpload;
use super::journal::Journal;
use super::run::checkpoint_id;
use super::state::Remembered;
use crate::call::Ledger;
use crate::error::Error;
use crate::multipart::Multipart;

impl ResumableUpload {
    /// Gives up the upload that earlier runs left: aborts it at OSS, removes its checkpoint, and answers its id; `None`
    /// if there was none. The source need not exist any more.
    ///
    /// Uploads of the key that may be left over, and are somebody else's for all that can be told
    /// ([`Report::orphans`](crate::Report::orphans)) are not aborted, and stay in the checkpoint for the next run to report.
    ///
    /// If the run before ended with its Complete on the way, the object may be stored and the application server called
    /// all the same; the id is answered then too.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Locked`](crate::CheckpointError::Locked) if the upload is under way. Any refusal of OSS; the
    /// checkpoint stays then.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the upload may or may not be aborted; doing it again is safe.
    pub async fn abort(self) -> Result<Option<String>, Error> {
        let key = ObjectKey::try_from(self.key.as_str())?;
        let (Some(store), Some(source)) = (&self.checkpoints, self.content.source_name()) else {
            return Ok(None);
        };
        let id = checkpoint_id(&self.engine, &self.bucket, &key, source);
        let mut journal = Journal::over(store.open(&id).await?, id);
        let recorded = journal.recorded();
        let remembered = Remembered::replay(recorded.records);
        if remembered.intent.is_some() && remembered.upload_id.is_none() {
            // The run died before it heard the id. Its intent is what tells the next run to look for it.
            return Ok(None);
        }
        if recorded.set_aside.is_some() {
            journal.take_over(&remembered.orphans, &recorded.upload_ids).await?;
        }
        let ids: Vec<String> = recorded.upload_ids.into_iter().chain(remembered.upload_id).collect();
        let (ledger, common) = (Ledger::default(), self.options.payer_headers());
        let multipart = Multipart {
            engine: &self.engine,
            ledger: &ledger,
            bucket: &self.bucket,
            key: &key,
            common: &common,
            gate: None,
        };
        for upload_id in &ids {
            journal.keep(multipart.abort(upload_id)).await?;
        }
        if remembered.orphans.iter().all(|orphan| ids.contains(orphan)) {
            journal.clear().await?;
        } else {
            // Not cleared and written anew: whoever dies in between would take the orphans along.
            journal.abandoned(&ids).await?;
        }
        Ok(ids.into_iter().next_back())
    }
}
