use std::time::SystemTime;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LAST_MODIFIED};
use http::{HeaderMap, Method};
use oss_signing::{BucketName, ObjectKey};

use crate::call::{Call, Ledger};
use crate::error::Error;
use crate::operation::Operation;
use crate::uploaded::{StoredObject, text};
use crate::uploader::Engine;

/// An object's facts, as HeadObject tells them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ObjectHead {
    /// Size, ETag, CRC-64 and version id.
    pub object: StoredObject,
    /// `Last-Modified`, in whole seconds of OSS's clock.
    pub last_modified: Option<SystemTime>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// All headers of the answer, user metadata (`x-oss-meta-…`) among them.
    pub headers: HeaderMap,
}

pub(crate) async fn head_object(
    engine: &Engine,
    bucket: &BucketName,
    key: &ObjectKey,
    common: &HeaderMap,
) -> Result<ObjectHead, Error> {
    let operation = Operation::HeadObject;
    let mut call = Call::new(engine, operation, Method::HEAD, bucket, Some(key));
    call.headers = common.clone();
    let answer = call.execute(&Ledger::default()).await?;
    let size = text(&answer.headers, &CONTENT_LENGTH)
        .and_then(|len| len.parse().ok())
        .ok_or_else(|| Error::MalformedAnswer { operation, reason: "it has no Content-Length".into() })?;
    Ok(ObjectHead {
        object: StoredObject::from_answer(&answer, size),
        last_modified: text(&answer.headers, &LAST_MODIFIED)
            .and_then(|date| httpdate::parse_http_date(&date).ok()),
        content_type: text(&answer.headers, &CONTENT_TYPE),
        headers: answer.headers,
    })
}
