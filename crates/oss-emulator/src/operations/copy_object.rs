//! CopyObject.

use std::sync::Arc;

use super::{copy_source, metadata, stored};
use crate::answer::Answer;
use crate::body::Refusal;
use crate::clock::iso8601;
use crate::core::Exchange;
use crate::error::{ENTITY_TOO_LARGE, OssError};
use crate::store::{Object, ObjectType, Record};
use crate::xml::Document;

pub(crate) fn run(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let source = copy_source::source(exchange)?;
    let limit = exchange.core.config.limits.largest_put;
    if source.content.size() > limit {
        return Err(OssError::from(ENTITY_TOO_LARGE).with("MaxSizeAllowed", limit.to_string()).into());
    }
    let metadata = if replaces(exchange, "x-oss-metadata-directive")? {
        metadata::of_request(exchange)?
    } else {
        source.metadata.clone()
    };
    let tags = if replaces(exchange, "x-oss-tagging-directive")? {
        metadata::tags(exchange)?
    } else {
        source.tags.clone()
    };
    let object = Arc::new(Object {
        content: source.content.clone(),
        etag: source.etag.clone(),
        crc64: source.crc64,
        md5: source.md5,
        kind: ObjectType::Normal,
        modified: exchange.now,
        metadata,
        acl: metadata::acl(exchange, "x-oss-object-acl")?,
        tags,
    });
    metadata::lock_to_write(exchange)?.apply(Record::ObjectPut {
        bucket: exchange.bucket.to_owned(),
        key: exchange.key.to_owned(),
        object: Arc::clone(&object),
    })?;
    let mut answer = Answer::xml(Document::build("CopyObjectResult", |result| {
        result.text("LastModified", iso8601(object.modified));
        result.text("ETag", stored::quoted(&object.etag));
    }));
    answer.headers.extend(stored::checksum_headers(&object.etag, object.crc64, None));
    Ok(answer)
}

/// Whether a directive says REPLACE; the default is COPY.
fn replaces(exchange: &Exchange<'_>, name: &'static str) -> Result<bool, OssError> {
    match exchange.header(name)?.map(str::to_ascii_uppercase).as_deref() {
        None | Some("" | "COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) => Err(OssError::invalid_argument(name, other, format!("{name} is COPY or REPLACE."))),
    }
}
