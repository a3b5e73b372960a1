//! The operations of the OSS API, one file each.

mod abort_multipart_upload;
mod complete_multipart_upload;
mod delete_object;
mod get_object;
mod initiate_multipart_upload;
mod list_parts;
mod metadata;
mod put_object;
mod receive;
pub(crate) mod stored;
mod upload_part;

pub(crate) use metadata::USER_PREFIX as USER_METADATA_PREFIX;

use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::Exchange;
use crate::error::{NOT_IMPLEMENTED, OssError};
use crate::names::{check_bucket_name, check_object_key};
use crate::operation::Operation;

/// Carries out a request whose sender is known to be allowed to.
pub(crate) async fn run(exchange: &mut Exchange<'_>) -> Result<Answer, Refusal> {
    if !exchange.bucket.is_empty() {
        check_bucket_name(exchange.bucket)?;
    }
    if !exchange.key.is_empty() {
        check_object_key(exchange.key)?;
    }
    match exchange.operation {
        Operation::PutObject => put_object::run(exchange).await,
        Operation::GetObject => get_object::run(exchange, get_object::Part::Whole),
        Operation::HeadObject => get_object::run(exchange, get_object::Part::Head),
        Operation::GetObjectMeta => get_object::run(exchange, get_object::Part::Meta),
        Operation::DeleteObject => delete_object::run(exchange),
        Operation::InitiateMultipartUpload => initiate_multipart_upload::run(exchange),
        Operation::UploadPart => upload_part::run(exchange).await,
        Operation::ListParts => list_parts::run(exchange),
        Operation::CompleteMultipartUpload => complete_multipart_upload::run(exchange).await,
        Operation::AbortMultipartUpload => abort_multipart_upload::run(exchange),
        other => Err(OssError::from(NOT_IMPLEMENTED).saying(format!("{other:?} is not offered.")).into()),
    }
}
