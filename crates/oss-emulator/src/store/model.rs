//! What the store holds: buckets, objects, uploads in progress, and the records that change them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::content::{Content, Segment};

/// Who may do what; an object's `default` follows its bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Acl {
    /// An object follows its bucket; a bucket is private.
    #[default]
    Default,
    /// Only signed requests.
    Private,
    /// Anyone may read.
    PublicRead,
    /// Anyone may read and write.
    PublicReadWrite,
}

/// A text that names no ACL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no ACL; write default, private, public-read or public-read-write")]
#[non_exhaustive]
pub struct UnknownAcl {
    /// The text.
    pub text: String,
}

impl std::str::FromStr for Acl {
    type Err = UnknownAcl;

    fn from_str(text: &str) -> Result<Self, UnknownAcl> {
        Self::parse(text).ok_or_else(|| UnknownAcl { text: text.to_owned() })
    }
}

impl Acl {
    /// Parses the text of an ACL header, for instance `public-read`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "default" => Self::Default,
            "private" => Self::Private,
            "public-read" => Self::PublicRead,
            "public-read-write" => Self::PublicReadWrite,
            _ => return None,
        })
    }

    /// The text of the ACL in headers and documents.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Private => "private",
            Self::PublicRead => "public-read",
            Self::PublicReadWrite => "public-read-write",
        }
    }

    pub(crate) fn lets_anyone_read(self) -> bool {
        matches!(self, Self::PublicRead | Self::PublicReadWrite)
    }

    pub(crate) fn lets_anyone_write(self) -> bool {
        self == Self::PublicReadWrite
    }
}

/// One rule of a bucket's cross-origin configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CorsRule {
    pub(crate) origins: Vec<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) exposed: Vec<String>,
    pub(crate) max_age: Option<u64>,
}

/// A bucket and everything in it.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) created: SystemTime,
    pub(crate) acl: Acl,
    /// `None`: never configured, and then any origin is let in (an emulator's freedom, so that pages just work).
    pub(crate) cors: Option<Vec<CorsRule>>,
    pub(crate) objects: BTreeMap<String, Arc<Object>>,
    /// By key and upload id, the order in which they are listed.
    pub(crate) uploads: BTreeMap<(String, String), Upload>,
}

impl Bucket {
    pub(crate) fn new(created: SystemTime, acl: Acl) -> Self {
        Self { created, acl, cors: None, objects: BTreeMap::new(), uploads: BTreeMap::new() }
    }
}

impl Bucket {
    /// Every stretch of bytes that the bucket refers to.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &Segment> {
        let objects = self.objects.values().map(|object| &object.content);
        let parts = self.uploads.values().flat_map(|upload| upload.parts.values()).map(|part| &part.content);
        objects.chain(parts).flat_map(|content| content.segments())
    }

    /// The records that make this bucket out of nothing.
    pub(crate) fn records(&self, name: &str) -> Vec<Record> {
        let bucket = name.to_owned();
        let mut records =
            vec![Record::BucketPut { bucket: bucket.clone(), created: self.created, acl: self.acl }];
        if self.cors.is_some() {
            records.push(Record::BucketCors { bucket: bucket.clone(), rules: self.cors.clone() });
        }
        for (key, object) in &self.objects {
            let (bucket, key) = (bucket.clone(), key.clone());
            records.push(Record::ObjectPut { bucket, key, object: Arc::clone(object) });
        }
        for ((key, id), upload) in &self.uploads {
            let (bucket, key, id) = (bucket.clone(), key.clone(), id.clone());
            for (number, part) in &upload.parts {
                records.push(Record::PartPut {
                    bucket: bucket.clone(),
                    key: key.clone(),
                    id: id.clone(),
                    number: *number,
                    part: Arc::clone(part),
                });
            }
            let at = records.len() - upload.parts.len();
            records.insert(at, Record::UploadPut { bucket, key, id, upload: upload.clone() });
        }
        records
    }
}

/// How an object came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ObjectType {
    /// By PutObject, PostObject or CopyObject.
    Normal,
    /// By CompleteMultipartUpload.
    Multipart,
    /// By AppendObject.
    Appendable,
}

impl ObjectType {
    /// The text of `x-oss-object-type`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Multipart => "Multipart",
            Self::Appendable => "Appendable",
        }
    }
}

/// The headers kept with an object: lower-case names, values as received.
pub(crate) type Metadata = BTreeMap<String, String>;

/// A stored object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) content: Content,
    pub(crate) etag: String,
    pub(crate) crc64: Option<u64>,
    pub(crate) md5: Option<[u8; 16]>,
    pub(crate) kind: ObjectType,
    pub(crate) modified: SystemTime,
    pub(crate) metadata: Metadata,
    pub(crate) acl: Acl,
    pub(crate) tags: Vec<(String, String)>,
}

impl Object {
    pub(crate) fn content_type(&self) -> &str {
        self.metadata.get("content-type").map_or("application/octet-stream", String::as_str)
    }

    pub(crate) fn storage_class(&self) -> &str {
        self.metadata.get("x-oss-storage-class").map_or("Standard", String::as_str)
    }
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) initiated: SystemTime,
    /// Parts must come in order and cannot be sent twice.
    pub(crate) sequential: bool,
    pub(crate) metadata: Metadata,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) parts: BTreeMap<u32, Arc<Part>>,
}

/// A received part.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) content: Content,
    pub(crate) etag: String,
    pub(crate) crc64: Option<u64>,
    pub(crate) md5: Option<[u8; 16]>,
    pub(crate) modified: SystemTime,
}

/// One change of the store: applied in memory, and written to the log of a disk store before that.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    BucketPut {
        bucket: String,
        created: SystemTime,
        acl: Acl,
    },
    BucketCors {
        bucket: String,
        rules: Option<Vec<CorsRule>>,
    },
    BucketDeleted {
        bucket: String,
    },
    ObjectPut {
        bucket: String,
        key: String,
        object: Arc<Object>,
    },
    ObjectDeleted {
        bucket: String,
        key: String,
    },
    UploadPut {
        bucket: String,
        key: String,
        id: String,
        upload: Upload,
    },
    PartPut {
        bucket: String,
        key: String,
        id: String,
        number: u32,
        part: Arc<Part>,
    },
    /// By a fault only: OSS forgets no part of an upload in progress.
    PartLost {
        bucket: String,
        key: String,
        id: String,
        number: u32,
    },
    UploadAborted {
        bucket: String,
        key: String,
        id: String,
    },
    /// The object appears and the upload goes in one step, so that no crash can show one without the other.
    UploadCompleted {
        bucket: String,
        key: String,
        id: String,
        object: Arc<Object>,
    },
}
