use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::builder::EmulatorBuilder;
use crate::core::Core;
use crate::fault::{Fault, FaultHandle};
use crate::journal::JournalEntry;
use crate::operations::USER_METADATA_PREFIX;
use crate::store::{Acl, Content, ObjectType, Part};
use crate::transport::InProcess;

/// A running OSS; it stops when it is dropped.
///
/// Callbacks that it is sending are then broken off, unless a [`transport`](Self::transport) of it is still there.
pub struct Emulator {
    core: Arc<Core>,
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

/// An object as it is stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredObject {
    /// The key.
    pub key: String,
    /// Length in bytes.
    pub size: u64,
    /// The bytes; empty in the sink store, which keeps none.
    pub body: Bytes,
    /// The ETag without its quotes.
    pub etag: String,
    /// CRC-64/XZ of the bytes; `None` if a part was copied from an object without one.
    pub crc64: Option<u64>,
    /// `Content-Type`, or `application/octet-stream` if none was sent.
    pub content_type: String,
    /// User metadata, without the prefix `x-oss-meta-`.
    pub metadata: BTreeMap<String, String>,
    /// The other headers kept with the object, in lower case: `cache-control`, `content-disposition` and so on.
    pub headers: BTreeMap<String, String>,
    /// The object's own ACL.
    pub acl: Acl,
    /// Tags in the order they were set.
    pub tags: Vec<(String, String)>,
    /// How the object came to be.
    pub object_type: ObjectType,
    /// When it was stored, by the emulator's clock.
    pub last_modified: SystemTime,
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UploadInProgress {
    /// The key of the object to be.
    pub key: String,
    /// The upload id.
    pub upload_id: String,
    /// When it was initiated, by the emulator's clock.
    pub initiated: SystemTime,
    /// The parts that have arrived, by their number.
    pub parts: Vec<PartInProgress>,
}

/// A part that has arrived.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartInProgress {
    /// The part number.
    pub number: u32,
    /// Length in bytes.
    pub size: u64,
    /// The ETag without its quotes.
    pub etag: String,
    /// CRC-64/XZ of the bytes.
    pub crc64: Option<u64>,
}

impl Emulator {
    /// Begins the settings of an emulator.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    pub(crate) fn new(core: Arc<Core>, task: JoinHandle<()>, stop: watch::Sender<bool>) -> Self {
        Self { core, task, stop }
    }

    /// The URL it listens on, for instance `http://127.0.0.1:40123`.
    pub fn endpoint(&self) -> &str {
        &self.core.config.endpoint
    }

    /// The region that requests are to be signed for.
    pub fn region(&self) -> &str {
        &self.core.config.region
    }

    /// The URL of the public key that callbacks are signed with; `x-oss-pub-key-url` carries it in base64.
    pub fn callback_key_url(&self) -> &str {
        &self.core.config.callback_key_url
    }

    /// The public key that callbacks are signed with, for an application server that is to trust it.
    pub fn callback_public_key_pem(&self) -> &str {
        self.core.callbacks.key.public_pem()
    }

    /// A stored object; `None` if there is none.
    ///
    /// A disk store's file that cannot be read gives an object without a body.
    pub fn object(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        let object = self.core.store.lock().object(bucket, key).ok()?;
        let mut metadata = BTreeMap::new();
        let mut headers = BTreeMap::new();
        for (name, value) in &object.metadata {
            match name.strip_prefix(USER_METADATA_PREFIX) {
                Some(name) => metadata.insert(name.to_owned(), value.clone()),
                None => headers.insert(name.clone(), value.clone()),
            };
        }
        Some(StoredObject {
            key: key.to_owned(),
            size: object.content.size(),
            body: read(&object.content).unwrap_or_default(),
            etag: object.etag.clone(),
            crc64: object.crc64,
            content_type: object.content_type().to_owned(),
            metadata,
            headers,
            acl: object.acl,
            tags: object.tags.clone(),
            object_type: object.kind,
            last_modified: object.modified,
        })
    }

    /// The keys of a bucket in their order; empty if there is no such bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let store = self.core.store.lock();
        store.buckets().get(bucket).map(|bucket| bucket.objects.keys().cloned().collect()).unwrap_or_default()
    }

    /// The multipart uploads of a bucket that are in progress; empty if there is no such bucket.
    pub fn uploads(&self, bucket: &str) -> Vec<UploadInProgress> {
        let store = self.core.store.lock();
        let Ok(bucket) = store.bucket(bucket) else { return Vec::new() };
        bucket
            .uploads
            .iter()
            .map(|((key, upload_id), upload)| UploadInProgress {
                key: key.clone(),
                upload_id: upload_id.clone(),
                initiated: upload.initiated,
                parts: upload.parts.iter().map(|(number, part)| PartInProgress::new(*number, part)).collect(),
            })
            .collect()
    }

    /// What was received, the oldest first; of more requests than
    /// [`journal_capacity`](EmulatorBuilder::journal_capacity) the last ones.
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.core.journal.snapshot()
    }

    /// Waits until the condition holds for the journal; it is asked again whenever the journal changes, also when
    /// more bytes of a body arrive.
    ///
    /// It waits without limit; a test that must end has its own, such as `tokio::time::timeout`. The condition sees the
    /// journal as it was when it was asked, and may itself ask the emulator anything.
    ///
    /// ```
    /// # use oss_emulator::{Emulator, Operation};
    /// # async fn example(emulator: &Emulator) {
    /// emulator
    ///     .wait_for(|journal| {
    ///         journal.iter().any(|entry| entry.operation == Some(Operation::UploadPart) && entry.body_bytes > 1000)
    ///     })
    ///     .await;
    /// # }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the wait and changes nothing.
    pub async fn wait_for(&self, condition: impl FnMut(&[JournalEntry]) -> bool) {
        self.core.journal.wait_for(condition).await;
    }

    /// A transport that reaches the emulator without a socket, for a client that takes any
    /// [`Transport`](oss_transport::Transport). Requests still name the [`endpoint`](Self::endpoint).
    pub fn transport(&self) -> InProcess {
        InProcess::new(Arc::clone(&self.core))
    }

    /// Injects a fault. It stays injected when the handle is dropped.
    pub fn inject(&self, fault: Fault) -> FaultHandle {
        self.core.faults.inject(fault)
    }

    /// Ends all faults; requests that one holds go on.
    pub fn clear_faults(&self) {
        self.core.faults.release(None);
    }

    /// Puts the emulator's clock ahead by that many milliseconds, or behind if negative.
    pub fn set_clock_offset_millis(&self, millis: i64) {
        self.core.clock.set_offset(millis);
    }

    /// Stops: no new connections, requests and callbacks in progress may end within 5 s, faults hold nothing any more.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops at once.
    pub async fn shutdown(mut self) {
        self.core.faults.release(None);
        self.stop.send_replace(true);
        // An error would be a panic of the listening task, which has then stopped as well.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Emulator")
            .field("endpoint", &self.core.config.endpoint)
            .finish_non_exhaustive()
    }
}

impl PartInProgress {
    fn new(number: u32, part: &Part) -> Self {
        Self { number, size: part.content.size(), etag: part.etag.clone(), crc64: part.crc64 }
    }
}

/// Reads a content without a runtime.
fn read(content: &Content) -> io::Result<Bytes> {
    let mut body = BytesMut::new();
    for segment in content.segments() {
        body.extend_from_slice(&segment.read()?);
    }
    Ok(body.freeze())
}
