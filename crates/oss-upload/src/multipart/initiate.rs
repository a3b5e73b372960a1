use http::{HeaderMap, Method};
use serde::Deserialize;

use super::{Multipart, read_xml};
use crate::error::Error;
use crate::operation::Operation;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InitiateMultipartUploadResult {
    upload_id: String,
}

impl Multipart<'_> {
    /// Begins an upload and returns its id. If an answer is lost and the request repeated, the first id is an orphan
    /// without parts, which costs nothing and goes with the bucket's lifecycle rule.
    pub(crate) async fn initiate(&self, headers: HeaderMap) -> Result<String, Error> {
        let operation = Operation::InitiateMultipartUpload;
        let mut call = self.call(operation, Method::POST, &[("uploads", "")]);
        call.headers.extend(headers);
        let answer = call.execute(self.ledger).await?;
        let result: InitiateMultipartUploadResult = read_xml(operation, &answer)?;
        if result.upload_id.is_empty() {
            return Err(Error::MalformedAnswer { operation, reason: "it has no UploadId".into() });
        }
        Ok(result.upload_id)
    }
}
