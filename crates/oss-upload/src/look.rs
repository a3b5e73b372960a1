//! Looking for an object whose upload got no answer.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::DATE;
use oss_signing::{BucketName, ObjectKey};

use crate::clock::Moment;
use crate::error::Error;
use crate::head_object::{ObjectHead, head_object};
use crate::uploaded::{StoredObject, text};
use crate::uploader::Engine;

/// The object an upload was to store.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) bucket: &'a BucketName,
    pub(crate) key: &'a ObjectKey,
    /// Headers every request needs: who pays.
    pub(crate) common: &'a HeaderMap,
    pub(crate) size: u64,
    /// Of its bytes; `None` takes an object of any bytes, for whoever has yet to read its own.
    pub(crate) crc64: Option<u64>,
    pub(crate) began: Began,
}

/// When an upload began.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Began {
    /// In this run.
    Here(Moment),
    /// In an earlier one, by OSS's clock as far as that was known then.
    Earlier(SystemTime),
}

#[derive(Debug)]
pub(crate) enum Seen {
    /// The object is there with the bytes of this upload, or with any if it does not say which.
    Stored(StoredObject),
    /// There is no object, or one from before the upload.
    NotStored(String),
    /// The object has other bytes, and may have replaced the one of this upload.
    Another(String),
    /// The object's facts do not say which bytes it has.
    Unproven(String),
}

impl Wanted<'_> {
    /// Asks OSS for the object under the key and compares size, CRC-64 and age.
    pub(crate) async fn look(&self, engine: &Engine) -> Result<Seen, Error> {
        // Boxed, since it is rare and would take room in the future of every upload.
        let head = match Box::pin(head_object(engine, self.bucket, self.key, self.common)).await {
            Ok(head) => head,
            // A 404 without a request id is somebody else's.
            Err(Error::Server(error))
                if error.status() == http::StatusCode::NOT_FOUND && error.request_id().is_some() =>
            {
                return Ok(Seen::NotStored("there is no object under the key".into()));
            }
            Err(error) => return Err(error),
        };
        if self.is_older(engine, &head) {
            return Ok(Seen::NotStored("the object under the key is older than this upload".into()));
        }
        let found = head.object;
        if found.size != self.size {
            let reason = format!("the object under the key has {} bytes, not {}", found.size, self.size);
            return Ok(Seen::Another(reason));
        }
        Ok(match found.crc64 {
            None => Seen::Unproven("OSS tells no CRC-64 for the object under the key".into()),
            Some(crc64) if self.crc64.is_some_and(|wanted| wanted != crc64) => {
                Seen::Another("the object under the key has other bytes".into())
            }
            // The id is of the request that looked, not of the one that stored.
            Some(_) => Seen::Stored(StoredObject { request_id: None, ..found }),
        })
    }

    /// Whether the object was there before the upload began.
    fn is_older(&self, engine: &Engine, head: &ObjectHead) -> bool {
        let Some(modified) = head.last_modified else { return false };
        let date = text(&head.headers, &DATE).and_then(|date| httpdate::parse_http_date(&date).ok());
        let (began, slack) = match (self.began, date) {
            // Both times are of OSS's clock, so only what passed since the upload began is measured here.
            (Began::Here(began), Some(now)) => (now.checked_sub(began.elapsed()), SLACK),
            (Began::Here(began), None) => (Some(engine.wire.clock.at(began)), SKEW),
            (Began::Earlier(began), _) => (Some(began), SKEW),
        };
        modified.checked_add(slack).zip(began).is_some_and(|(modified, began)| modified < began)
    }
}

/// `Date` and `Last-Modified` have whole seconds, and are told by two of OSS's machines.
const SLACK: Duration = Duration::from_secs(5);

/// A clock may be off from OSS's by as much as a signature allows: 15 minutes.
pub(crate) const SKEW: Duration = Duration::from_secs(15 * 60);
