use async_trait::async_trait;
use oss_upload::{Checkpoint, CheckpointError, CheckpointId, CheckpointStore};

/// Stands for the default store where the machine names no directory for a user's state, as in some containers. A put
/// needs no checkpoint and goes on; a resumable upload is told before it sends anything.
#[derive(Debug)]
pub(crate) struct NoPlace;

#[async_trait]
impl CheckpointStore for NoPlace {
    async fn open(&self, _: &CheckpointId) -> Result<Box<dyn Checkpoint>, CheckpointError> {
        Err(CheckpointError::Failed(
            "there is no place for checkpoints, since HOME and XDG_STATE_HOME (Windows: LOCALAPPDATA) are not set; give \
             one with `ClientBuilder::checkpoint_directory`, or keep none with `ResumableUpload::checkpoints(None)`"
                .into(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_refusal_says_what_to_do() {
        let id = CheckpointId::new("endpoint", "bucket", "key", "source");
        let error = NoPlace.open(&id).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("HOME") && source.contains("checkpoint_directory"), "{source}");
    }
}
