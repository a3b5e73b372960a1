//! Where buckets and objects live: in memory, on disk, or (checksums only) nowhere.

mod checksum;
mod content;
mod model;
mod writer;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use checksum::{Checksums, combine};
pub(crate) use content::{Blob, Content, Segment};
pub use model::{Acl, ObjectType};
pub(crate) use model::{Bucket, Metadata, Object, Part, Record, Upload};
pub(crate) use writer::Writer;

use crate::error::{NO_SUCH_BUCKET, NO_SUCH_KEY, NO_SUCH_UPLOAD, OssError};

/// All buckets.
pub(crate) type World = BTreeMap<String, Bucket>;

/// Where the bytes go.
#[derive(Debug)]
pub(crate) enum Backend {
    Memory,
    Sink,
}

/// Everything that is stored; cheap to lock, since no body is read or written under the lock.
#[derive(Debug)]
pub(crate) struct Store {
    backend: Backend,
    world: Mutex<World>,
}

impl Store {
    pub(crate) fn new(backend: Backend) -> Self {
        Self { backend, world: Mutex::new(World::new()) }
    }

    /// Opens a writer for a body that is about to be received.
    pub(crate) async fn writer(&self, with_md5: bool) -> io::Result<Writer> {
        Ok(match &self.backend {
            Backend::Memory => Writer::memory(),
            Backend::Sink => Writer::sink(with_md5),
        })
    }

    /// Looks at the world, or checks it and changes it with [`Change::apply`], in one step.
    pub(crate) fn lock(&self) -> Change<'_> {
        // A panic under the lock leaves maps that are still whole, so the poison is not passed on.
        Change { store: self, world: self.world.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

/// The locked world.
pub(crate) struct Change<'a> {
    #[expect(dead_code, reason = "the disk store's log")]
    store: &'a Store,
    world: MutexGuard<'a, World>,
}

impl Change<'_> {
    pub(crate) fn buckets(&self) -> &World {
        &self.world
    }

    pub(crate) fn bucket(&self, name: &str) -> Result<&Bucket, OssError> {
        self.world.get(name).ok_or_else(|| OssError::from(NO_SUCH_BUCKET).with("BucketName", name))
    }

    pub(crate) fn object(&self, bucket: &str, key: &str) -> Result<Arc<Object>, OssError> {
        let found = self.bucket(bucket)?.objects.get(key).cloned();
        found.ok_or_else(|| OssError::from(NO_SUCH_KEY).with("Key", key))
    }

    pub(crate) fn upload(&self, bucket: &str, key: &str, id: &str) -> Result<&Upload, OssError> {
        let found = self.bucket(bucket)?.uploads.get(&(key.to_owned(), id.to_owned()));
        found.ok_or_else(|| OssError::from(NO_SUCH_UPLOAD).with("UploadId", id))
    }

    /// Makes a change, durable before it is visible.
    pub(crate) fn apply(&mut self, record: Record) -> Result<(), OssError> {
        apply(&mut self.world, record);
        Ok(())
    }
}

/// What a record does to the world; one about something that is gone does nothing.
fn apply(world: &mut World, record: Record) {
    match record {
        Record::BucketPut { bucket, created, acl } => match world.get_mut(&bucket) {
            Some(existing) => existing.acl = acl,
            None => {
                world.insert(bucket, Bucket::new(created, acl));
            }
        },
        Record::BucketCors { bucket, rules } => {
            if let Some(bucket) = world.get_mut(&bucket) {
                bucket.cors = rules;
            }
        }
        Record::BucketDeleted { bucket } => {
            world.remove(&bucket);
        }
        Record::ObjectPut { bucket, key, object } => {
            if let Some(bucket) = world.get_mut(&bucket) {
                bucket.objects.insert(key, object);
            }
        }
        Record::ObjectDeleted { bucket, key } => {
            if let Some(bucket) = world.get_mut(&bucket) {
                bucket.objects.remove(&key);
            }
        }
        Record::UploadPut { bucket, key, id, upload } => {
            if let Some(bucket) = world.get_mut(&bucket) {
                bucket.uploads.insert((key, id), upload);
            }
        }
        Record::PartPut { bucket, key, id, number, part } => {
            let upload = world.get_mut(&bucket).and_then(|bucket| bucket.uploads.get_mut(&(key, id)));
            if let Some(upload) = upload {
                upload.parts.insert(number, part);
            }
        }
        Record::UploadAborted { bucket, key, id } => {
            if let Some(bucket) = world.get_mut(&bucket) {
                bucket.uploads.remove(&(key, id));
            }
        }
        Record::UploadCompleted { bucket, key, id, object } => {
            if let Some(bucket) = world.get_mut(&bucket) {
                bucket.uploads.remove(&(key.clone(), id));
                bucket.objects.insert(key, object);
            }
        }
    }
}
