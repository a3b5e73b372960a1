//! A form with which a browser uploads one object.

use std::fmt;
use std::future::IntoFuture;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use oss_callback::Callback;
use oss_signing::{BucketName, ObjectKey, PostFields, PostPolicy};

use crate::credentials;
use crate::error::Error;
use crate::operation::Operation;
use crate::put_object::PutObject;
use crate::uploader::Engine;

/// The permission to upload one object with a form (PostObject). Awaiting it signs it; nothing is sent to OSS.
///
/// The form is for this key only, and every field in it is pinned by the policy: whoever holds the form can change
/// neither the key, the content type, the callback nor a custom variable, and cannot leave one out. A field that is not
/// named here can be added, though: pin `x-oss-object-acl` with [`field`](Self::field) where nobody else is to read the
/// object. What the policy cannot say is that the form is used once; [`forbid_overwrite`](Self::forbid_overwrite) comes
/// close to it.
///
/// ```
/// # use std::time::Duration;
/// # use oss_callback::Callback;
/// # use oss_signing::BucketName;
/// # use oss_upload::{Error, Uploader};
/// # async fn sign(uploader: Uploader, bucket: BucketName, callback: Callback) -> Result<(), Error> {
/// let form = uploader
///     .presign_post(bucket, "user/42/photo.jpg")
///     .size(1..=10_485_760)
///     .content_type("image/jpeg")
///     .forbid_overwrite()
///     .field("x-oss-object-acl", "private")
///     .callback(callback)
///     .expires_in(Duration::from_secs(300))
///     .await?;
/// for (name, value) in form.fields.iter() {
///     println!("append {name} = {value} to the form; `file` comes last");
/// }
/// println!("POST it to {}", form.url);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Error::InvalidArgument`] for a key that holds `${filename}`, which OSS would replace; [`Error::Sign`] for what cannot
/// be signed: an expiry beyond the credentials', a range without a size, a value that is too long.
#[must_use = "nothing is signed until it is awaited"]
pub struct PresignPost {
    engine: Arc<Engine>,
    bucket: BucketName,
    key: String,
    expires_in: Duration,
    size: RangeInclusive<u64>,
    content_type: Option<String>,
    forbid_overwrite: bool,
    fields: Vec<(String, String)>,
    callback: Option<Callback>,
}

/// A signed form.
///
/// `Debug` shows no values: the form is the permission.
#[derive(Clone)]
#[non_exhaustive]
pub struct PresignedPost {
    /// Where to POST it, as `multipart/form-data`.
    pub url: String,
    /// The fields, all of them to be sent as they are, before the field `file`.
    pub fields: PostFields,
    /// When OSS stops taking it, by the clock requests are signed with. An upload that began before may end after.
    pub expires_at: SystemTime,
}

impl PresignPost {
    pub(crate) fn new(engine: Arc<Engine>, bucket: BucketName, key: String) -> Self {
        Self {
            engine,
            bucket,
            key,
            expires_in: DEFAULT_EXPIRY,
            size: 0..=PutObject::LIMIT,
            content_type: None,
            forbid_overwrite: false,
            fields: Vec::new(),
            callback: None,
        }
    }

    /// How long the form may be used; the default is five minutes, the most is seven days (with signature V4).
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires_in = time;
        self
    }

    /// How many bytes the file may have; the default is what PostObject takes, 5 GB.
    pub fn size(mut self, bytes: RangeInclusive<u64>) -> Self {
        self.size = bytes;
        self
    }

    /// The content type the object is stored with (`x-oss-content-type`), whatever the browser thinks of the file. Without
    /// it the browser chooses.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Lets OSS refuse the form with 409 `FileAlreadyExists` when there is an object under the key
    /// (`x-oss-forbid-overwrite`). OSS ignores it in a bucket with versioning.
    pub fn forbid_overwrite(mut self) -> Self {
        self.forbid_overwrite = true;
        self
    }

    /// Any further field of PostObject with the value it must have, such as `x-oss-meta-author` or `x-oss-object-acl`.
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Lets OSS call the application server when the object is stored. OSS then answers the browser with the application
    /// server's answer, or with 203 if the callback failed.
    pub fn callback(mut self, callback: Callback) -> Self {
        self.callback = Some(callback);
        self
    }

    async fn sign(self) -> Result<PresignedPost, Error> {
        let key = ObjectKey::try_from(self.key.as_str())?;
        if self.key.contains(FILENAME) {
            let reason = format!("holds {FILENAME}, which OSS replaces by the name of the browser's file");
            return Err(Error::invalid("key", reason));
        }
        let credentials =
            credentials::ask(&*self.engine.credentials, Operation::PostObject, &self.engine.wire.limits)
                .await?;
        let now = self.engine.wire.clock.now();
        let reason = "reaches beyond the end of time; a form lives at most seven days";
        let expires_at =
            now.checked_add(self.expires_in).ok_or_else(|| Error::invalid("expires_in", reason))?;
        let mut policy = PostPolicy::new(&self.bucket, expires_at)
            .field("key", key.as_str())
            .content_length_range(self.size)
            // Without it OSS answers 204, of which a page learns nothing.
            .field("success_action_status", "200");
        if let Some(content_type) = self.content_type {
            policy = policy.field("x-oss-content-type", content_type);
        }
        if self.forbid_overwrite {
            policy = policy.field("x-oss-forbid-overwrite", "true");
        }
        if let Some(callback) = &self.callback {
            policy = callback
                .encode()
                .form_fields()
                .fold(policy, |policy, (name, value)| policy.field(name, value));
        }
        let policy = self.fields.into_iter().fold(policy, |policy, (name, value)| policy.field(name, value));
        let operation = Operation::PostObject;
        let fields = self
            .engine
            .signer
            .sign_post(&policy, &credentials, now)
            .map_err(|source| Error::Sign { operation, source })?;
        let url = self.engine.endpoint.url(Some(&self.bucket), None, &[])?.to_string();
        Ok(PresignedPost { url, fields, expires_at })
    }
}

impl IntoFuture for PresignPost {
    type Output = Result<PresignedPost, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.sign())
    }
}

/// Shows the names of the fields only: a value may be a secret.
impl fmt::Debug for PresignPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignPost")
            .field("bucket", &self.bucket)
            .field("key", &self.key)
            .field("expires_in", &self.expires_in)
            .field("size", &self.size)
            .field("content_type", &self.content_type)
            .field("forbid_overwrite", &self.forbid_overwrite)
            .field("fields", &self.fields.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("callback", &self.callback)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PresignedPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignedPost")
            .field("url", &self.url)
            .field("fields", &self.fields)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

/// Long enough for a person to send a form, short enough for a stolen one.
const DEFAULT_EXPIRY: Duration = Duration::from_secs(300);
/// Replaced in a key by the name of the uploaded file (OSS documentation, "PostObject").
const FILENAME: &str = "${filename}";
