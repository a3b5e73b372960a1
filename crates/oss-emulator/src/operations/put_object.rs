//! PutObject.

use std::sync::Arc;

use super::{metadata, receive, stored};
use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::Exchange;
use crate::store::{Object, ObjectType, Record};

pub(crate) async fn run(exchange: &mut Exchange<'_>) -> Result<Answer, Refusal> {
    // Asked before the body comes as well, so that what is forbidden from the start is not received.
    drop(metadata::lock_to_write(exchange)?);
    let callback = stored::callback(exchange).await?;
    let headers = metadata::of_request(exchange)?;
    let acl = metadata::acl(exchange, "x-oss-object-acl")?;
    let tags = metadata::tags(exchange)?;
    let (content, checksums) = receive::content(exchange).await?;
    let object = Arc::new(Object {
        content,
        etag: checksums.etag(),
        crc64: Some(checksums.crc64),
        md5: checksums.md5,
        kind: ObjectType::Normal,
        modified: exchange.now,
        metadata: headers,
        acl,
        tags,
    });
    metadata::lock_to_write(exchange)?.apply(Record::ObjectPut {
        bucket: exchange.bucket.to_owned(),
        key: exchange.key.to_owned(),
        object: Arc::clone(&object),
    })?;
    let mut plain = Answer::ok();
    plain.headers = stored::checksum_headers(&object.etag, object.crc64, object.md5);
    Ok(stored::answer(exchange, callback, exchange.key, &object, plain).await)
}
