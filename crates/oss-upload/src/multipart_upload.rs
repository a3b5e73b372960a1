//! A multipart upload in the caller's hands, for parts that somebody else sends.

mod complete;

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Uri};
use oss_signing::{BucketName, ObjectKey, PresignedUrl};

use crate::call::Ledger;
use crate::error::Error;
use crate::multipart::{ListedPart, MAX_PARTS, Multipart};
use crate::operation::Operation;
use crate::options::{self, ObjectOptions, REQUEST_PAYER, REQUESTER, guess_content_type};
use crate::uploader::Engine;

pub use complete::CompleteMultipartUpload;

/// Begins a multipart upload. Awaiting it asks OSS for an upload id; see [`MultipartUpload`].
///
/// # Errors
///
/// Any refusal of OSS, or what cannot be sent.
///
/// # Cancellation
///
/// If the future is dropped, OSS may have begun an upload without parts; the bucket's lifecycle rule removes it.
#[derive(Debug)]
#[must_use = "nothing is begun until it is awaited"]
pub struct InitiateMultipartUpload {
    engine: Arc<Engine>,
    bucket: BucketName,
    key: String,
    options: ObjectOptions,
}

/// A multipart upload in progress, whose parts somebody else sends: a browser with presigned URLs, another machine.
///
/// The server that may sign begins the upload, hands out a URL for each part ([`presign_part`](Self::presign_part)), asks
/// OSS which parts have come ([`list_parts`](Self::list_parts)), and puts them together with the callback
/// ([`complete`](Self::complete)). Bucket, key and upload id are all there is to remember in between:
/// [`Uploader::multipart_upload`](crate::Uploader::multipart_upload) goes on with them, also in another process.
///
/// To send a file of one's own in parts, [`resumable_upload`](crate::Uploader::resumable_upload) does all of this.
///
/// ```
/// # use std::time::Duration;
/// # use oss_callback::Callback;
/// # use oss_signing::BucketName;
/// # use oss_upload::{Error, Uploader};
/// # async fn run(uploader: Uploader, bucket: BucketName, callback: Callback) -> Result<(), Error> {
/// let upload = uploader.initiate_multipart_upload(bucket, "user/42/film.mp4").await?;
/// for number in 1..=3 {
///     println!("PUT part {number} to {}", upload.presign_part(number, None, Duration::from_secs(900)).await?);
/// }
/// // Later, when the browser says that it has sent all of them:
/// let parts = upload.list_parts().await?;
/// let uploaded = upload.complete(&parts).callback(callback).await?;
/// println!("{} bytes stored: {:?}", uploaded.object.size, uploaded.callback);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MultipartUpload {
    engine: Arc<Engine>,
    bucket: BucketName,
    key: ObjectKey,
    id: String,
    /// Who pays.
    common: HeaderMap,
}

/// A part OSS has, as ListParts tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadedPart {
    /// Its number, from 1 on.
    pub number: u16,
    /// Its size in bytes.
    pub size: u64,
    /// Its ETag as OSS writes it, with the quotes.
    pub etag: String,
    /// CRC-64/XZ of its bytes as OSS computed it.
    pub crc64: Option<u64>,
}

impl InitiateMultipartUpload {
    pub(crate) fn new(engine: Arc<Engine>, bucket: BucketName, key: String) -> Self {
        Self { engine, bucket, key, options: ObjectOptions::new() }
    }

    /// Sets what the object is stored with. Its ACL, and that it must not replace another, are said at Complete.
    pub fn options(mut self, options: ObjectOptions) -> Self {
        self.options = options;
        self
    }

    async fn send(self) -> Result<MultipartUpload, Error> {
        let key = ObjectKey::try_from(self.key.as_str())?;
        let headers = self.options.initiate_headers(guess_content_type(None, key.as_str()))?;
        let common = self.options.payer_headers();
        let (engine, ledger) = (&*self.engine, Ledger::default());
        let multipart = Multipart {
            engine,
            ledger: &ledger,
            bucket: &self.bucket,
            key: &key,
            common: &common,
            gate: None,
        };
        let id = multipart.initiate(headers).await?;
        Ok(MultipartUpload { engine: self.engine, bucket: self.bucket, key, id, common })
    }
}

impl IntoFuture for InitiateMultipartUpload {
    type Output = Result<MultipartUpload, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl MultipartUpload {
    pub(crate) fn new(
        engine: Arc<Engine>,
        bucket: BucketName,
        key: String,
        id: String,
    ) -> Result<Self, Error> {
        if id.is_empty() {
            return Err(Error::invalid("upload_id", "is empty; InitiateMultipartUpload gives one"));
        }
        Ok(Self { engine, bucket, key: ObjectKey::try_from(key)?, id, common: HeaderMap::new() })
    }

    /// Declares that the requester pays (`x-oss-request-payer: requester`), in the URLs of parts too. An upload that was
    /// begun with [`ObjectOptions::requester_pays`] says so already; one that is gone on with by its id does not.
    #[must_use]
    pub fn requester_pays(mut self) -> Self {
        self.common = options::requester_pays();
        self
    }

    /// The upload id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The URL with which anybody can PUT part `number` (1 to 10,000) until `expires_in` has passed, at most seven days
    /// (with signature V4). Nothing is sent to OSS.
    ///
    /// With `length`, the URL takes a body of exactly that many bytes and no other: the signature then covers
    /// `Content-Length`. That needs a signer that does so,
    /// [`V4Signer::with_additional_headers`](oss_signing::V4Signer::with_additional_headers). Without, whoever has the URL
    /// can send a part of up to 5 GB.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for another part number, or for a length that the uploader's signer does not cover;
    /// [`Error::Sign`] for a time that cannot be signed.
    pub async fn presign_part(
        &self,
        number: u16,
        length: Option<u64>,
        expires_in: Duration,
    ) -> Result<Uri, Error> {
        if !(1..=MAX_PARTS).contains(&number) {
            return Err(Error::invalid("number", format!("is {number}; parts have the numbers 1 to 10,000")));
        }
        let part_number = number.to_string();
        let mut query = vec![("partNumber", part_number.as_str()), ("uploadId", self.id.as_str())];
        if self.common.contains_key(REQUEST_PAYER) {
            // Whoever sends the part need not know of it.
            query.push(("x-oss-request-payer", REQUESTER));
        }
        let headers = length.map(|length| (CONTENT_LENGTH, HeaderValue::from(length))).into_iter().collect();
        let (operation, object) = (Operation::UploadPart(number), (&self.bucket, &self.key));
        let (url, _) = self.engine.presign_url(operation, object, &query, headers, expires_in).await?;
        if length.is_some() && !covers_length(&url) {
            let reason = "is not covered by the uploader's signer; give it a V4Signer \
                          `with_additional_headers([CONTENT_LENGTH])`, or None for any length";
            return Err(Error::invalid("length", reason));
        }
        Ok(url)
    }

    /// The parts OSS has, in the order of their numbers, all pages of them.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] with the code `NoSuchUpload` if the upload was completed or aborted; any other refusal.
    pub async fn list_parts(&self) -> Result<Vec<UploadedPart>, Error> {
        let ledger = Ledger::default();
        let listed = self.multipart(&ledger, &self.common).list_parts(&self.id).await?;
        Ok(listed.into_iter().map(UploadedPart::from).collect())
    }

    /// Puts `parts` together to the object. Awaiting the value does it; see [`CompleteMultipartUpload`].
    pub fn complete(&self, parts: &[UploadedPart]) -> CompleteMultipartUpload {
        CompleteMultipartUpload::new(self.clone(), parts.to_vec())
    }

    /// Gives the upload up and has OSS remove its parts; one that OSS no longer knows counts as given up. A part that is
    /// being sent meanwhile may stay: list the parts, and abort again if there are any.
    ///
    /// # Errors
    ///
    /// Any refusal of OSS.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the upload may or may not be aborted.
    pub async fn abort(&self) -> Result<(), Error> {
        let ledger = Ledger::default();
        self.multipart(&ledger, &self.common).abort(&self.id).await
    }

    fn multipart<'a>(&'a self, ledger: &'a Ledger, common: &'a HeaderMap) -> Multipart<'a> {
        Multipart { engine: &self.engine, ledger, bucket: &self.bucket, key: &self.key, common, gate: None }
    }
}

/// Leaves the credentials and the transport out.
impl fmt::Debug for MultipartUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultipartUpload")
            .field("bucket", &self.bucket)
            .field("key", &self.key)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl From<ListedPart> for UploadedPart {
    fn from(part: ListedPart) -> Self {
        let ListedPart { number, size, etag, crc64 } = part;
        Self { number, size, etag, crc64 }
    }
}

/// Whether a presigned URL says that its signature covers `Content-Length`.
fn covers_length(url: &Uri) -> bool {
    PresignedUrl::read(url).is_ok_and(|says| says.additional_headers().contains(&CONTENT_LENGTH))
}
