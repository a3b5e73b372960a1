use std::time::Duration;

use oss_signing::BucketName;
use oss_upload::{
    Content, DeleteObject, Error, HeadObject, InitiateMultipartUpload, MultipartUpload, PresignPost,
    PresignPut, PutObject, ResumableUpload, SweepUploads, Uploader,
};

/// A bucket to upload to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bucket {
    uploader: Uploader,
    name: BucketName,
}

impl Bucket {
    pub(crate) fn new(uploader: Uploader, name: BucketName) -> Self {
        Self { uploader, name }
    }

    /// The bucket's name.
    #[must_use]
    pub fn name(&self) -> &BucketName {
        &self.name
    }

    /// Stores an object with one request of at most 5 GB. Awaiting the value sends it; see [`PutObject`] for the
    /// options, errors and what a dropped future leaves behind.
    pub fn put_object(&self, key: impl Into<String>, content: impl Into<Content>) -> PutObject {
        self.uploader.put_object(self.name.clone(), key, content)
    }

    /// Stores an object in parts that survive a crash. Awaiting the value sends it; see [`ResumableUpload`] for the
    /// options, errors and what a dropped future leaves behind.
    pub fn resumable_upload(&self, key: impl Into<String>, content: impl Into<Content>) -> ResumableUpload {
        self.uploader.resumable_upload(self.name.clone(), key, content)
    }

    /// Lists the multipart uploads that are still open and aborts those that began at least so long ago. Awaiting the
    /// value does it; see [`SweepUploads`].
    pub fn sweep_uploads(&self, older_than: Duration) -> SweepUploads {
        self.uploader.sweep_uploads(self.name.clone(), older_than)
    }

    /// Signs a PUT, with its callback in the query, for somebody else to send: a browser, a device, another process.
    /// Awaiting the value signs it; see [`PresignPut`]. Whoever has the URL sends it with
    /// [`PresignedUploader`](oss_upload::PresignedUploader) or any HTTP client.
    pub fn presign_put(&self, key: impl Into<String>) -> PresignPut {
        self.uploader.presign_put(self.name.clone(), key)
    }

    /// Signs a form with which a browser uploads one object. Awaiting the value signs it; see [`PresignPost`].
    pub fn presign_post(&self, key: impl Into<String>) -> PresignPost {
        self.uploader.presign_post(self.name.clone(), key)
    }

    /// Begins a multipart upload whose parts somebody else sends. Awaiting the value begins it; see [`MultipartUpload`].
    pub fn initiate_multipart_upload(&self, key: impl Into<String>) -> InitiateMultipartUpload {
        self.uploader.initiate_multipart_upload(self.name.clone(), key)
    }

    /// Goes on with a multipart upload that was begun earlier; nothing is sent.
    ///
    /// # Errors
    ///
    /// What is wrong with the key or the upload id.
    pub fn multipart_upload(
        &self,
        key: impl Into<String>,
        upload_id: impl Into<String>,
    ) -> Result<MultipartUpload, Error> {
        self.uploader.multipart_upload(self.name.clone(), key, upload_id)
    }

    /// Asks for an object's facts. Awaiting the value does it; see [`HeadObject`].
    pub fn head_object(&self, key: impl Into<String>) -> HeadObject {
        self.uploader.head_object(self.name.clone(), key)
    }

    /// Deletes an object; one that does not exist counts as deleted. Awaiting the value does it; see [`DeleteObject`].
    pub fn delete_object(&self, key: impl Into<String>) -> DeleteObject {
        self.uploader.delete_object(self.name.clone(), key)
    }
}
