//! Looking for an object whose upload got no answer.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use oss_signing::{BucketName, ObjectKey};

use crate::error::Error;
use crate::head_object::head_object;
use crate::uploaded::StoredObject;
use crate::uploader::Engine;

/// The object an upload was to store.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) bucket: &'a BucketName,
    pub(crate) key: &'a ObjectKey,
    /// Headers every request needs: who pays.
    pub(crate) common: &'a HeaderMap,
    pub(crate) size: u64,
    pub(crate) crc64: u64,
    /// When the upload began, by the clock requests are signed with.
    pub(crate) since: SystemTime,
}

#[derive(Debug)]
pub(crate) enum Seen {
    /// The object is there with the bytes of this upload.
    Stored(StoredObject),
    /// The object is not there, or is another one.
    NotStored(String),
    /// The object's facts do not say which bytes it has.
    Unproven(String),
}

impl Wanted<'_> {
    /// Asks OSS for the object under the key and compares size, CRC-64 and age.
    pub(crate) async fn look(&self, engine: &Engine) -> Result<Seen, Error> {
        let head = match head_object(engine, self.bucket, self.key, self.common).await {
            Ok(head) => head,
            // A 404 without a request id is somebody else's.
            Err(Error::Server(error))
                if error.status() == http::StatusCode::NOT_FOUND && error.request_id().is_some() =>
            {
                return Ok(Seen::NotStored("there is no object under the key".into()));
            }
            Err(error) => return Err(error),
        };
        let found = head.object;
        if found.size != self.size {
            let reason = format!("the object under the key has {} bytes, not {}", found.size, self.size);
            return Ok(Seen::NotStored(reason));
        }
        match found.crc64 {
            None => return Ok(Seen::Unproven("OSS tells no CRC-64 for the object under the key".into())),
            Some(crc64) if crc64 != self.crc64 => {
                return Ok(Seen::NotStored("the object under the key has other bytes".into()));
            }
            Some(_) => {}
        }
        // Last-Modified has whole seconds of a clock that may be off from ours by as much as a signature allows.
        match head.last_modified {
            Some(modified) if modified + SKEW < self.since => {
                Ok(Seen::NotStored("the object under the key is older than this upload".into()))
            }
            // The id is of the request that looked, not of the one that stored.
            _ => Ok(Seen::Stored(StoredObject { request_id: None, ..found })),
        }
    }
}

/// OSS accepts dates that are off by at most 15 minutes.
pub(crate) const SKEW: Duration = Duration::from_secs(15 * 60);
