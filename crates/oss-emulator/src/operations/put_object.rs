//! PutObject.

use std::sync::Arc;

use super::{metadata, receive, stored};
use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::Exchange;
use crate::store::{Object, ObjectType, Record};

pub(crate) async fn run(exchange: &mut Exchange<'_>) -> Result<Answer, Refusal> {
    let forbidden = metadata::forbids_overwrite(exchange)?;
    metadata::check_overwrite(forbidden, exchange.core.store.lock().bucket(exchange.bucket)?, exchange.key)?;
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
    {
        let mut store = exchange.core.store.lock();
        metadata::check_overwrite(forbidden, store.bucket(exchange.bucket)?, exchange.key)?;
        store.apply(Record::ObjectPut {
            bucket: exchange.bucket.to_owned(),
            key: exchange.key.to_owned(),
            object: Arc::clone(&object),
        })?;
    }
    let mut plain = Answer::ok();
    plain.headers = stored::checksum_headers(&object.etag, object.crc64, object.md5);
    Ok(stored::answer(exchange, callback, exchange.key, &object, plain).await)
}
