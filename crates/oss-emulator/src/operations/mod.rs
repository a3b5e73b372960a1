//! The operations of the OSS API, one file each.

mod abort_multipart_upload;
mod append_object;
mod bucket;
mod complete_multipart_upload;
mod copy_object;
mod copy_source;
pub(crate) mod cors;
mod delete_multiple_objects;
mod delete_object;
mod get_object;
mod initiate_multipart_upload;
mod list_multipart_uploads;
mod list_objects;
mod list_parts;
mod listing;
mod metadata;
mod object_acl;
mod object_tagging;
mod post_object;
mod put_object;
mod receive;
pub(crate) mod stored;
mod tamper;
mod traffic_limit;
mod upload_part;
mod upload_part_copy;

pub(crate) use metadata::USER_PREFIX as USER_METADATA_PREFIX;

use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::Exchange;
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
    traffic_limit::apply(exchange)?;
    tamper::run(exchange).await?;
    match exchange.operation {
        Operation::ListBuckets => bucket::list(exchange),
        Operation::PutBucket => bucket::put(exchange).await,
        Operation::HeadBucket => bucket::head(exchange),
        Operation::DeleteBucket => bucket::delete(exchange),
        Operation::GetBucketInfo => bucket::info(exchange),
        Operation::GetBucketLocation => bucket::location(exchange),
        Operation::GetBucketAcl => bucket::acl(exchange),
        Operation::PutBucketAcl => bucket::put_acl(exchange),
        Operation::PutBucketCors => cors::put(exchange).await,
        Operation::GetBucketCors => cors::get(exchange),
        Operation::DeleteBucketCors => cors::delete(exchange),
        Operation::OptionObject => cors::preflight(exchange),
        Operation::ListObjects | Operation::ListObjectsV2 => list_objects::run(exchange),
        Operation::ListMultipartUploads => list_multipart_uploads::run(exchange),
        Operation::DeleteMultipleObjects => delete_multiple_objects::run(exchange).await,
        Operation::PostObject => post_object::run(exchange).await,
        Operation::PutObject => put_object::run(exchange).await,
        Operation::GetObject => get_object::run(exchange, get_object::Part::Whole),
        Operation::HeadObject => get_object::run(exchange, get_object::Part::Head),
        Operation::GetObjectMeta => get_object::run(exchange, get_object::Part::Meta),
        Operation::DeleteObject => delete_object::run(exchange),
        Operation::CopyObject => copy_object::run(exchange),
        Operation::AppendObject => append_object::run(exchange).await,
        Operation::PutObjectAcl => object_acl::put(exchange),
        Operation::GetObjectAcl => object_acl::get(exchange),
        Operation::PutObjectTagging => object_tagging::put(exchange).await,
        Operation::GetObjectTagging => object_tagging::get(exchange),
        Operation::DeleteObjectTagging => object_tagging::delete(exchange),
        Operation::InitiateMultipartUpload => initiate_multipart_upload::run(exchange),
        Operation::UploadPart => upload_part::run(exchange).await,
        Operation::UploadPartCopy => upload_part_copy::run(exchange).await,
        Operation::ListParts => list_parts::run(exchange),
        Operation::CompleteMultipartUpload => complete_multipart_upload::run(exchange).await,
        Operation::AbortMultipartUpload => abort_multipart_upload::run(exchange),
    }
}
