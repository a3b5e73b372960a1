use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::source::SourceIdentity;

/// Which upload a checkpoint is of: one source to one object at one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckpointId {
    /// The endpoint, as a URL.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// The object key.
    pub key: String,
    /// The source's name.
    pub source: String,
}

impl CheckpointId {
    /// Names an upload: for whoever tests a store of their own.
    pub fn new(
        endpoint: impl Into<String>,
        bucket: impl Into<String>,
        key: impl Into<String>,
        source: impl Into<String>,
    ) -> Self {
        Self { endpoint: endpoint.into(), bucket: bucket.into(), key: key.into(), source: source.into() }
    }

    /// A name for files and keys: 32 hex digits of a SHA-256 over the fields.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for field in [&self.endpoint, &self.bucket, &self.key, &self.source] {
            // The length keeps neighbouring fields apart.
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for CheckpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}/{} at {}", self.source, self.bucket, self.key, self.endpoint)
    }
}

/// One step of a multipart upload, written down before the next is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Record {
    /// An upload is about to be initiated.
    #[non_exhaustive]
    Intent {
        /// Of this layout of records: [`Record::VERSION`].
        version: u32,
        /// Which upload it is.
        id: CheckpointId,
        /// Who the source was.
        source: SourceIdentity,
        /// Bytes of every part but the last.
        part_size: u64,
        /// Digest of the options that are fixed at Initiate.
        options: String,
        /// When that was by this machine's clock, in seconds since 1970.
        since: u64,
    },
    /// OSS has begun the upload.
    #[non_exhaustive]
    Started {
        /// The upload's id.
        upload_id: String,
        /// When the upload began by OSS's clock, as far as it is known, in seconds since 1970.
        since: u64,
    },
    /// OSS has acknowledged a part.
    #[non_exhaustive]
    Part {
        /// The part's number, from 1.
        number: u16,
        /// Its bytes.
        size: u64,
        /// Its ETag as OSS wrote it.
        etag: String,
        /// CRC-64/XZ of its bytes.
        crc64: u64,
    },
    /// An upload of this key may still be open at OSS that this one does not need. Kept until a run can report it.
    #[non_exhaustive]
    Orphan {
        /// The upload's id.
        upload_id: String,
    },
    /// The upload was given up: it is no orphan, and the records of it before this one count no more.
    #[non_exhaustive]
    Abandoned {
        /// The upload's id.
        upload_id: String,
    },
    /// The source's version changed, but its bytes were compared and are those of the parts.
    #[non_exhaustive]
    Rechecked {
        /// Who the source is now.
        source: SourceIdentity,
    },
    /// All parts are there and Complete is about to be sent.
    #[non_exhaustive]
    Completing {
        /// CRC-64/XZ of the whole object.
        crc64: u64,
        /// When it has had time to end, by OSS's clock in seconds since 1970. Another Complete before that might call the
        /// application server a second time. `None` if it carries no callback, or if OSS has refused it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<u64>,
    },
}

impl Record {
    /// The layout this version of the crate writes. A checkpoint of another one is set aside.
    pub const VERSION: u32 = 1;

    /// An acknowledged part: for whoever tests a store of their own.
    pub fn part(number: u16, size: u64, etag: impl Into<String>, crc64: u64) -> Self {
        Self::Part { number, size, etag: etag.into(), crc64 }
    }

    /// An upload that may be left over: for whoever tests a store of their own.
    pub fn orphan(upload_id: impl Into<String>) -> Self {
        Self::Orphan { upload_id: upload_id.into() }
    }

    /// What a new checkpoint says of the uploads of one that was set aside: they may be left over, as may its orphans,
    /// and the last of them, which is the only one that was under way, is to be aborted.
    pub(crate) fn taken_over(orphans: &[String], upload_ids: &[String]) -> Vec<Self> {
        let orphans = orphans.iter().chain(upload_ids).map(|id| Self::Orphan { upload_id: id.clone() });
        let last = upload_ids.last().map(|id| Self::Started { upload_id: id.clone(), since: 0 });
        orphans.chain(last).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_tells_neighbouring_fields_apart() {
        let id = |bucket: &str, key: &str| CheckpointId {
            endpoint: "https://oss-cn-hangzhou.aliyuncs.com".into(),
            bucket: bucket.into(),
            key: key.into(),
            source: "/a".into(),
        };
        assert_ne!(id("ab", "c").digest(), id("a", "bc").digest());
        assert_eq!(id("ab", "c").digest().len(), 32);
    }
}
