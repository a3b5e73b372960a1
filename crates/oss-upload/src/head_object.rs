use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LAST_MODIFIED};
use http::{HeaderMap, Method};
use oss_signing::{BucketName, ObjectKey};

use crate::call::{Call, Ledger};
use crate::error::Error;
use crate::operation::Operation;
use crate::options;
use crate::uploaded::{StoredObject, text};
use crate::uploader::Engine;

/// Asks for an object's facts. Awaiting it does it.
///
/// # Errors
///
/// [`Error::Server`] with status 404 and code `NoSuchKey` if there is no such object.
#[derive(Debug)]
#[must_use = "nothing is asked until it is awaited"]
pub struct HeadObject {
    engine: Arc<Engine>,
    bucket: BucketName,
    key: String,
    /// Who pays.
    common: HeaderMap,
}

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

impl HeadObject {
    pub(crate) fn new(engine: Arc<Engine>, bucket: BucketName, key: String) -> Self {
        Self { engine, bucket, key, common: HeaderMap::new() }
    }

    /// Declares that the requester pays (`x-oss-request-payer: requester`).
    pub fn requester_pays(mut self) -> Self {
        self.common = options::requester_pays();
        self
    }

    async fn send(self) -> Result<ObjectHead, Error> {
        let key = ObjectKey::try_from(self.key)?;
        head_object(&self.engine, &self.bucket, &key, &self.common).await
    }
}

impl IntoFuture for HeadObject {
    type Output = Result<ObjectHead, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
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
