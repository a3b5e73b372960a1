//! Where buckets and objects live: in memory, on disk, or (checksums only) nowhere.

mod checksum;
mod content;
mod disk;
mod model;
mod saved;
mod writer;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use disk::Disk;

pub(crate) use checksum::{Checksums, Hasher, combine};
pub(crate) use content::{Blob, Content, Segment};
pub use model::{Acl, ObjectType, UnknownAcl};
pub(crate) use model::{Bucket, CorsRule, Metadata, Object, Part, Record, Upload};
pub(crate) use writer::{Writer, blocking};

use crate::error::{NO_SUCH_BUCKET, NO_SUCH_KEY, NO_SUCH_UPLOAD, OssError};

/// All buckets.
pub(crate) type World = BTreeMap<String, Bucket>;

/// Where the bytes go.
#[derive(Debug)]
enum Backend {
    Memory,
    Sink,
    Disk(Disk),
}

/// Everything that is stored; cheap to lock, since no body is read or written under the lock.
#[derive(Debug)]
pub(crate) struct Store {
    backend: Backend,
    world: Mutex<World>,
}

impl Store {
    /// Keeps everything in memory.
    pub(crate) fn memory() -> Self {
        Self { backend: Backend::Memory, world: Mutex::default() }
    }

    /// Keeps sizes and checksums only.
    pub(crate) fn sink() -> Self {
        Self { backend: Backend::Sink, world: Mutex::default() }
    }

    /// Keeps everything in a folder, and begins with what is in it; this reads the folder, blocking.
    pub(crate) fn disk(folder: &Path) -> io::Result<Self> {
        let (disk, world) = Disk::open(folder)?;
        Ok(Self { backend: Backend::Disk(disk), world: Mutex::new(world) })
    }

    /// Opens a writer for a body that is about to be received.
    pub(crate) async fn writer(&self, with_md5: bool) -> io::Result<Writer> {
        Ok(match &self.backend {
            Backend::Memory => Writer::memory(),
            Backend::Sink => Writer::sink(with_md5),
            Backend::Disk(disk) => disk.writer().await?,
        })
    }

    /// Looks at the world, or checks it and changes it with [`Change::apply`], in one step.
    pub(crate) fn lock(&self) -> Change<'_> {
        // A panic under the lock leaves maps that are still whole, so the poison is not passed on.
        Change { store: self, world: self.world.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Backend::Disk(disk) = &self.backend {
            // Runs before the world is dropped, whose files are to stay.
            disk.close();
        }
    }
}

/// The locked world.
pub(crate) struct Change<'a> {
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
        self.try_apply(record).map_err(OssError::internal)
    }

    /// The same where there is no request to answer.
    pub(crate) fn try_apply(&mut self, record: Record) -> io::Result<()> {
        if let Backend::Disk(disk) = &self.store.backend {
            disk.append(&record)?;
        }
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
        Record::PartLost { bucket, key, id, number } => {
            let upload = world.get_mut(&bucket).and_then(|bucket| bucket.uploads.get_mut(&(key, id)));
            if let Some(upload) = upload {
                upload.parts.remove(&number);
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
