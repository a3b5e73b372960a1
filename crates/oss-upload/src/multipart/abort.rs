use http::{HeaderMap, Method};
use oss_signing::{BucketName, ObjectKey};

use super::Multipart;
use crate::call::Ledger;
use crate::error::Error;
use crate::operation::Operation;
use crate::uploader::Engine;

/// Aborts an upload by its id alone.
pub(crate) async fn abort_upload(
    engine: &Engine,
    bucket: &BucketName,
    key: &ObjectKey,
    upload_id: &str,
    common: &HeaderMap,
) -> Result<(), Error> {
    let ledger = &Ledger::default();
    Multipart { engine, ledger, bucket, key, common, gate: None }.abort(upload_id).await
}

impl Multipart<'_> {
    /// Gives the upload up. One that OSS no longer knows counts as given up.
    ///
    /// A part that is on its way while OSS aborts may stay behind, and the upload with it, so OSS's page on
    /// AbortMultipartUpload has the client look and abort again.
    pub(crate) async fn abort(&self, upload_id: &str) -> Result<(), Error> {
        for _ in 0..ROUNDS {
            if self.abort_once(upload_id).await? {
                return Ok(());
            }
            // Without the right to look, the first answer stands.
            match self.list_parts(upload_id).await {
                Err(_) => return Ok(()),
                Ok(left) => tracing::debug!(upload_id, left = left.len(), "aborting once more"),
            }
        }
        Ok(())
    }

    /// Whether OSS no longer knew the upload.
    async fn abort_once(&self, upload_id: &str) -> Result<bool, Error> {
        let query = [("uploadId", upload_id)];
        let call = Multipart::call(self, Operation::AbortMultipartUpload, Method::DELETE, &query);
        match call.execute(self.ledger).await {
            Err(error) if error.has_code("NoSuchUpload") => Ok(true),
            other => other.map(|_| false),
        }
    }
}

/// How often an upload is aborted whose last parts are still arriving.
const ROUNDS: u32 = 3;
