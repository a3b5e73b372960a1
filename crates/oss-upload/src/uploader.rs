//! The uploader: the parts it is made of and the table of contents of what it does.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use oss_signing::{BucketName, Endpoint, Region, Signer, V4Signer};
use oss_transport::Transport;

use crate::bandwidth::Bandwidth;
use crate::checkpoint::CheckpointStore;
use crate::clock::Clock;
use crate::credentials::ProvideCredentials;
use crate::delete_object::DeleteObject;
use crate::error::Error;
use crate::head_object::HeadObject;
use crate::limits::TimeLimits;
use crate::memory::Memory;
use crate::multipart_upload::{InitiateMultipartUpload, MultipartUpload};
use crate::presign_post::PresignPost;
use crate::presign_put::PresignPut;
use crate::put_object::PutObject;
use crate::resumable::ResumableUpload;
use crate::retry::{Backoff, RetryPolicy};
use crate::source::Content;
use crate::sweep::SweepUploads;

/// Uploads to one endpoint. Cheap to clone; the clones share transport, clock offset and retry budget.
#[derive(Clone, Debug)]
pub struct Uploader {
    engine: Arc<Engine>,
}

/// What every request to an endpoint needs.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) wire: Wire,
    pub(crate) endpoint: Endpoint,
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) credentials: Arc<dyn ProvideCredentials>,
    pub(crate) checkpoints: Option<Arc<dyn CheckpointStore>>,
    pub(crate) memory: Memory,
}

/// What every request needs, also one that somebody else has signed.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) retry: Arc<dyn RetryPolicy>,
    pub(crate) limits: TimeLimits,
    pub(crate) clock: Clock,
    pub(crate) bandwidth: Option<Arc<Bandwidth>>,
}

impl Uploader {
    /// Starts with what every uploader needs: where OSS is, how to reach it, and whose key to sign with.
    pub fn builder(
        endpoint: Endpoint,
        transport: Arc<dyn Transport>,
        credentials: Arc<dyn ProvideCredentials>,
    ) -> UploaderBuilder {
        UploaderBuilder {
            endpoint,
            transport,
            credentials,
            region: None,
            signer: None,
            retry: None,
            limits: TimeLimits::default(),
            checkpoints: None,
            memory_limit: Memory::DEFAULT,
            bandwidth_limit: None,
        }
    }

    /// Stores an object with one request of at most 5 GB. Awaiting the value sends it; see [`PutObject`].
    pub fn put_object(
        &self,
        bucket: BucketName,
        key: impl Into<String>,
        content: impl Into<Content>,
    ) -> PutObject {
        PutObject::new(Arc::clone(&self.engine), bucket, key.into(), content.into())
    }

    /// Stores an object in parts that survive a crash. Awaiting the value sends it; see [`ResumableUpload`].
    pub fn resumable_upload(
        &self,
        bucket: BucketName,
        key: impl Into<String>,
        content: impl Into<Content>,
    ) -> ResumableUpload {
        ResumableUpload::new(Arc::clone(&self.engine), bucket, key.into(), content.into())
    }

    /// Signs a PUT for somebody else to send. Awaiting the value signs it; see [`PresignPut`].
    pub fn presign_put(&self, bucket: BucketName, key: impl Into<String>) -> PresignPut {
        PresignPut::new(Arc::clone(&self.engine), bucket, key.into())
    }

    /// Signs a form with which a browser uploads one object. Awaiting the value signs it; see [`PresignPost`].
    pub fn presign_post(&self, bucket: BucketName, key: impl Into<String>) -> PresignPost {
        PresignPost::new(Arc::clone(&self.engine), bucket, key.into())
    }

    /// Begins a multipart upload whose parts somebody else sends. Awaiting the value begins it; see [`MultipartUpload`].
    pub fn initiate_multipart_upload(
        &self,
        bucket: BucketName,
        key: impl Into<String>,
    ) -> InitiateMultipartUpload {
        InitiateMultipartUpload::new(Arc::clone(&self.engine), bucket, key.into())
    }

    /// Goes on with a multipart upload that was begun earlier; nothing is sent.
    ///
    /// # Errors
    ///
    /// What is wrong with the key or the upload id.
    pub fn multipart_upload(
        &self,
        bucket: BucketName,
        key: impl Into<String>,
        upload_id: impl Into<String>,
    ) -> Result<MultipartUpload, Error> {
        MultipartUpload::new(Arc::clone(&self.engine), bucket, key.into(), upload_id.into())
    }

    /// Lists the multipart uploads of a bucket that are still open and aborts those that began at least so long ago.
    /// Awaiting the value does it; see [`SweepUploads`].
    pub fn sweep_uploads(&self, bucket: BucketName, older_than: Duration) -> SweepUploads {
        SweepUploads::new(Arc::clone(&self.engine), bucket, older_than)
    }

    /// Asks for an object's facts. Awaiting the value does it; see [`HeadObject`].
    pub fn head_object(&self, bucket: BucketName, key: impl Into<String>) -> HeadObject {
        HeadObject::new(Arc::clone(&self.engine), bucket, key.into())
    }

    /// Deletes an object. Awaiting the value does it; see [`DeleteObject`].
    pub fn delete_object(&self, bucket: BucketName, key: impl Into<String>) -> DeleteObject {
        DeleteObject::new(Arc::clone(&self.engine), bucket, key.into())
    }
}

/// Makes an [`Uploader`].
#[derive(Debug)]
#[must_use]
pub struct UploaderBuilder {
    endpoint: Endpoint,
    transport: Arc<dyn Transport>,
    credentials: Arc<dyn ProvideCredentials>,
    region: Option<Region>,
    signer: Option<Arc<dyn Signer>>,
    retry: Option<Arc<dyn RetryPolicy>>,
    limits: TimeLimits,
    checkpoints: Option<Arc<dyn CheckpointStore>>,
    memory_limit: u64,
    bandwidth_limit: Option<u64>,
}

impl UploaderBuilder {
    /// The region to sign for, such as `cn-hangzhou`. Needed where the endpoint does not tell it: a domain of one's
    /// own, an IP address, an accelerated endpoint.
    pub fn region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    /// Signs with this instead of signature V4.
    pub fn signer(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Repeats failed attempts by this policy instead of [`Backoff::default`].
    pub fn retry(mut self, policy: Arc<dyn RetryPolicy>) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Replaces the default time limits.
    pub fn time_limits(mut self, limits: TimeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Keeps the checkpoints of resumable uploads here. Without, none are kept: an upload that fails is aborted, and one
    /// whose process dies leaves its parts to the bucket's lifecycle rule.
    pub fn checkpoints(mut self, store: Arc<dyn CheckpointStore>) -> Self {
        self.checkpoints = Some(store);
        self
    }

    /// Lets the parts in flight hold at most this many bytes, over all uploads of this uploader; the default is 64 MiB.
    ///
    /// The memory is reserved before anything is read. A part of a file counts 1 MiB, since it is read in pieces on its
    /// way out. A part of a stream counts its size, since it is kept until OSS has it. See
    /// [`ResumableUpload`](ResumableUpload#streams) for what this means for long streams.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// Sends at most this many bytes of content a second, over all uploads of this uploader; no limit by default.
    /// [`ObjectOptions::traffic_limit`](crate::ObjectOptions::traffic_limit) lets OSS slow each connection down instead.
    pub fn bandwidth_limit(mut self, bytes_per_second: NonZeroU64) -> Self {
        self.bandwidth_limit = Some(bytes_per_second.get());
        self
    }

    /// Makes the uploader.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if signature V4 is to be used and neither the endpoint nor
    /// [`region`](Self::region) tells the region.
    pub fn build(self) -> Result<Uploader, Error> {
        let signer = match self.signer {
            Some(signer) => signer,
            None => {
                let region = self.region.or_else(|| self.endpoint.region()).ok_or_else(|| {
                    Error::invalid(
                        "region",
                        "must be given, since the endpoint does not tell it; signature V4 needs it",
                    )
                })?;
                Arc::new(V4Signer::new(region))
            }
        };
        let wire = Wire {
            transport: self.transport,
            retry: self.retry.unwrap_or_else(|| Arc::new(Backoff::default())),
            limits: self.limits,
            clock: Clock::default(),
            bandwidth: self.bandwidth_limit.map(|limit| Arc::new(Bandwidth::new(limit))),
        };
        let engine = Engine {
            wire,
            endpoint: self.endpoint,
            signer,
            credentials: self.credentials,
            checkpoints: self.checkpoints,
            memory: Memory::new(self.memory_limit),
        };
        Ok(Uploader { engine: Arc::new(engine) })
    }
}
