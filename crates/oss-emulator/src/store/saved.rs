//! Records as lines of JSON, the form in which a disk store keeps them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::content::{Blob, Content, Segment};
use super::model::{Acl, CorsRule, Metadata, Object, ObjectType, Part, Record, Upload};
use crate::clock::{from_unix_millis, unix_millis};

/// One line of the log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub(crate) enum Saved {
    BucketPut { bucket: String, created: u64, acl: Acl },
    BucketCors { bucket: String, rules: Option<Vec<CorsRule>> },
    BucketDeleted { bucket: String },
    ObjectPut { bucket: String, key: String, object: SavedObject },
    ObjectDeleted { bucket: String, key: String },
    UploadPut { bucket: String, key: String, id: String, upload: SavedUpload },
    PartPut { bucket: String, key: String, id: String, number: u32, part: SavedPart },
    PartLost { bucket: String, key: String, id: String, number: u32 },
    UploadAborted { bucket: String, key: String, id: String },
    UploadCompleted { bucket: String, key: String, id: String, object: SavedObject },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedObject {
    content: Vec<SavedSegment>,
    etag: String,
    crc64: Option<u64>,
    md5: Option<[u8; 16]>,
    kind: ObjectType,
    modified: u64,
    metadata: Metadata,
    acl: Acl,
    tags: Vec<(String, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedUpload {
    initiated: u64,
    sequential: bool,
    metadata: Metadata,
    tags: Vec<(String, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedPart {
    content: Vec<SavedSegment>,
    etag: String,
    crc64: Option<u64>,
    md5: Option<[u8; 16]>,
    modified: u64,
}

/// A range of a file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedSegment {
    file: String,
    offset: u64,
    size: u64,
}

/// Finds the blobs that a log mentions, each of them once.
pub(crate) struct Blobs<F> {
    pub(crate) known: HashMap<String, Arc<Blob>>,
    pub(crate) open: F,
}

impl Saved {
    pub(crate) fn of(record: &Record) -> io::Result<Self> {
        Ok(match record.clone() {
            Record::BucketPut { bucket, created, acl } => {
                Self::BucketPut { bucket, created: unix_millis(created), acl }
            }
            Record::BucketCors { bucket, rules } => Self::BucketCors { bucket, rules },
            Record::BucketDeleted { bucket } => Self::BucketDeleted { bucket },
            Record::ObjectPut { bucket, key, object } => {
                Self::ObjectPut { bucket, key, object: SavedObject::of(&object)? }
            }
            Record::ObjectDeleted { bucket, key } => Self::ObjectDeleted { bucket, key },
            Record::UploadPut { bucket, key, id, upload } => Self::UploadPut {
                bucket,
                key,
                id,
                upload: SavedUpload {
                    initiated: unix_millis(upload.initiated),
                    sequential: upload.sequential,
                    metadata: upload.metadata,
                    tags: upload.tags,
                },
            },
            Record::PartPut { bucket, key, id, number, part } => Self::PartPut {
                bucket,
                key,
                id,
                number,
                part: SavedPart {
                    content: segments(&part.content)?,
                    etag: part.etag.clone(),
                    crc64: part.crc64,
                    md5: part.md5,
                    modified: unix_millis(part.modified),
                },
            },
            Record::PartLost { bucket, key, id, number } => Self::PartLost { bucket, key, id, number },
            Record::UploadAborted { bucket, key, id } => Self::UploadAborted { bucket, key, id },
            Record::UploadCompleted { bucket, key, id, object } => {
                Self::UploadCompleted { bucket, key, id, object: SavedObject::of(&object)? }
            }
        })
    }

    pub(crate) fn restore<F>(self, blobs: &mut Blobs<F>) -> io::Result<Record>
    where
        F: FnMut(&str) -> io::Result<Blob>,
    {
        Ok(match self {
            Self::BucketPut { bucket, created, acl } => {
                Record::BucketPut { bucket, created: from_unix_millis(created), acl }
            }
            Self::BucketCors { bucket, rules } => Record::BucketCors { bucket, rules },
            Self::BucketDeleted { bucket } => Record::BucketDeleted { bucket },
            Self::ObjectPut { bucket, key, object } => {
                Record::ObjectPut { bucket, key, object: Arc::new(object.restore(blobs)?) }
            }
            Self::ObjectDeleted { bucket, key } => Record::ObjectDeleted { bucket, key },
            Self::UploadPut { bucket, key, id, upload } => Record::UploadPut {
                bucket,
                key,
                id,
                upload: Upload {
                    initiated: from_unix_millis(upload.initiated),
                    sequential: upload.sequential,
                    metadata: upload.metadata,
                    tags: upload.tags,
                    parts: BTreeMap::new(),
                },
            },
            Self::PartPut { bucket, key, id, number, part } => Record::PartPut {
                bucket,
                key,
                id,
                number,
                part: Arc::new(Part {
                    content: blobs.content(part.content)?,
                    etag: part.etag,
                    crc64: part.crc64,
                    md5: part.md5,
                    modified: from_unix_millis(part.modified),
                }),
            },
            Self::PartLost { bucket, key, id, number } => Record::PartLost { bucket, key, id, number },
            Self::UploadAborted { bucket, key, id } => Record::UploadAborted { bucket, key, id },
            Self::UploadCompleted { bucket, key, id, object } => {
                Record::UploadCompleted { bucket, key, id, object: Arc::new(object.restore(blobs)?) }
            }
        })
    }
}

impl SavedObject {
    fn of(object: &Object) -> io::Result<Self> {
        Ok(Self {
            content: segments(&object.content)?,
            etag: object.etag.clone(),
            crc64: object.crc64,
            md5: object.md5,
            kind: object.kind,
            modified: unix_millis(object.modified),
            metadata: object.metadata.clone(),
            acl: object.acl,
            tags: object.tags.clone(),
        })
    }

    fn restore<F>(self, blobs: &mut Blobs<F>) -> io::Result<Object>
    where
        F: FnMut(&str) -> io::Result<Blob>,
    {
        Ok(Object {
            content: blobs.content(self.content)?,
            etag: self.etag,
            crc64: self.crc64,
            md5: self.md5,
            kind: self.kind,
            modified: from_unix_millis(self.modified),
            metadata: self.metadata,
            acl: self.acl,
            tags: self.tags,
        })
    }
}

impl<F: FnMut(&str) -> io::Result<Blob>> Blobs<F> {
    fn content(&mut self, segments: Vec<SavedSegment>) -> io::Result<Content> {
        let segments = segments
            .into_iter()
            .map(|segment| {
                let blob = match self.known.get(&segment.file) {
                    Some(blob) => Arc::clone(blob),
                    None => {
                        let blob = Arc::new((self.open)(&segment.file)?);
                        self.known.insert(segment.file, Arc::clone(&blob));
                        blob
                    }
                };
                Ok(Segment { blob, offset: segment.offset, size: segment.size })
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Content::from_segments(segments))
    }
}

fn segments(content: &Content) -> io::Result<Vec<SavedSegment>> {
    content
        .segments()
        .iter()
        .map(|segment| match &*segment.blob {
            Blob::File(file) => {
                Ok(SavedSegment { file: file.id.clone(), offset: segment.offset, size: segment.size })
            }
            Blob::Memory(_) | Blob::Void => Err(io::Error::other("the content is not in a file")),
        })
        .collect()
}
