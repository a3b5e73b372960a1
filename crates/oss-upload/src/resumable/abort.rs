use oss_signing::ObjectKey;

use super::ResumableUpload;
use super::run::checkpoint_id;
use super::state::Remembered;
use crate::error::Error;
use crate::multipart::abort_upload;

impl ResumableUpload {
    /// Gives up the upload that earlier runs left: aborts it at OSS, removes its checkpoint, and answers its id; `None`
    /// if there was none. The source need not exist any more.
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
        let mut checkpoint = store.open(&id).await?;
        let recorded = checkpoint.recorded();
        let ids: Vec<String> =
            recorded.upload_ids.into_iter().chain(Remembered::replay(recorded.records).upload_id).collect();
        for upload_id in &ids {
            abort_upload(&self.engine, &self.bucket, &key, upload_id).await?;
        }
        checkpoint.clear().await?;
        Ok(ids.into_iter().next_back())
    }
}
