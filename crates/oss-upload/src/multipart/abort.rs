use http::Method;

use super::Multipart;
use crate::error::Error;
use crate::operation::Operation;

impl Multipart<'_> {
    /// Gives the upload up. One that OSS no longer knows counts as given up.
    pub(crate) async fn abort(&self, upload_id: &str) -> Result<(), Error> {
        let query = [("uploadId", upload_id)];
        let call = Multipart::call(self, Operation::AbortMultipartUpload, Method::DELETE, &query);
        match call.execute(self.ledger).await {
            Err(error) if error.has_code("NoSuchUpload") => Ok(()),
            other => other.map(drop),
        }
    }
}
