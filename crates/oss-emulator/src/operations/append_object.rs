//! AppendObject.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use super::{metadata, receive, stored};
use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::Exchange;
use crate::error::{OBJECT_NOT_APPENDABLE, OssError, POSITION_NOT_EQUAL_TO_LENGTH};
use crate::store::{Bucket, Checksums, Content, Object, ObjectType, Record, combine};

pub(crate) const NEXT_POSITION: HeaderName = HeaderName::from_static("x-oss-next-append-position");

pub(crate) async fn run(exchange: &mut Exchange<'_>) -> Result<Answer, Refusal> {
    let Some(position) = exchange.query.number("position", 0, u64::MAX)? else {
        return Err(OssError::invalid_argument("position", "", "The position is missing.").into());
    };
    check(exchange.core.store.lock().bucket(exchange.bucket)?, exchange.key, position)?;
    let headers = metadata::of_request(exchange)?;
    let acl = metadata::acl(exchange, "x-oss-object-acl")?;
    let tags = metadata::tags(exchange)?;
    let (content, checksums) = receive::content(exchange).await?;
    let object = {
        let mut store = exchange.core.store.lock();
        let old = check(store.bucket(exchange.bucket)?, exchange.key, position)?;
        // Metadata belongs to the first piece; what later pieces bring is ignored, as OSS does.
        let mut object = old.map_or_else(
            || Object {
                content: Content::default(),
                etag: String::new(),
                crc64: Some(0),
                md5: None,
                kind: ObjectType::Appendable,
                modified: exchange.now,
                metadata: headers,
                acl,
                tags,
            },
            |old| (*old).clone(),
        );
        object.content = Content::join([&object.content, &content]);
        object.crc64 = object.crc64.map(|crc64| combine(crc64, checksums.crc64, checksums.size));
        object.modified = exchange.now;
        let whole = Checksums { size: object.content.size(), crc64: object.crc64.unwrap_or(0), md5: None };
        object.etag = whole.etag();
        let object = Arc::new(object);
        store.apply(Record::ObjectPut {
            bucket: exchange.bucket.to_owned(),
            key: exchange.key.to_owned(),
            object: Arc::clone(&object),
        })?;
        object
    };
    let mut answer = Answer::ok();
    answer.headers = stored::checksum_headers(&object.etag, object.crc64, checksums.md5);
    answer.set(NEXT_POSITION, object.content.size().to_string());
    Ok(answer)
}

/// The object to append to, if there is one and the position is its length.
fn check(bucket: &Bucket, key: &str, position: u64) -> Result<Option<Arc<Object>>, OssError> {
    let old = bucket.objects.get(key);
    if old.is_some_and(|old| old.kind != ObjectType::Appendable) {
        return Err(OssError::from(OBJECT_NOT_APPENDABLE).with("Key", key));
    }
    let length = old.map_or(0, |old| old.content.size());
    if position != length {
        return Err(OssError::from(POSITION_NOT_EQUAL_TO_LENGTH)
            .with("Key", key)
            .with("ObjectSize", length.to_string())
            .header(NEXT_POSITION, HeaderValue::from(length)));
    }
    Ok(old.cloned())
}
