//! What an object is stored with.

mod headers;

use std::fmt;

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES, HeaderName,
};

use self::headers::ENCRYPTION_KEY_ID;
pub(crate) use self::headers::{FORBID_OVERWRITE, REQUEST_PAYER, REQUESTER, requester_pays};

/// The headers an object is stored with. What is not set is left to OSS or the bucket.
///
/// ```
/// use oss_upload::{ObjectAcl, ObjectOptions};
///
/// let options = ObjectOptions::new()
///     .content_type("image/png")
///     .metadata("author", "me")
///     .acl(ObjectAcl::PublicRead)
///     .forbid_overwrite();
/// ```
///
/// Values are checked when the upload starts: a name or value that cannot be a header is refused with the argument's
/// name, before anything is sent. The names are those of OSS's page on PutObject.
#[derive(Clone, Default)]
pub struct ObjectOptions {
    headers: Vec<(HeaderName, String)>,
    metadata: Vec<(String, String)>,
    tags: Vec<(String, String)>,
    custom: Vec<(String, String)>,
    acl: Option<ObjectAcl>,
    traffic_limit: Option<u64>,
}

impl ObjectOptions {
    /// Sets nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `Content-Type`. Guessed from the extension of the file's name, then of the key, when it is not set here;
    /// `application/octet-stream` when neither tells.
    #[must_use]
    pub fn content_type(self, value: impl Into<String>) -> Self {
        self.header(CONTENT_TYPE, value)
    }

    /// `Cache-Control`, given to whoever downloads the object.
    #[must_use]
    pub fn cache_control(self, value: impl Into<String>) -> Self {
        self.header(CACHE_CONTROL, value)
    }

    /// `Content-Disposition`, given to whoever downloads the object.
    #[must_use]
    pub fn content_disposition(self, value: impl Into<String>) -> Self {
        self.header(CONTENT_DISPOSITION, value)
    }

    /// `Content-Encoding` of the bytes as they are; nothing is encoded here.
    #[must_use]
    pub fn content_encoding(self, value: impl Into<String>) -> Self {
        self.header(CONTENT_ENCODING, value)
    }

    /// `Content-Language`.
    #[must_use]
    pub fn content_language(self, value: impl Into<String>) -> Self {
        self.header(CONTENT_LANGUAGE, value)
    }

    /// `Expires`, an HTTP date given to whoever downloads the object.
    #[must_use]
    pub fn expires(self, value: impl Into<String>) -> Self {
        self.header(EXPIRES, value)
    }

    /// One `x-oss-meta-…` header; `name` is the part behind the prefix. At most 8 KB together, names and values.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((name.into(), value.into()));
        self
    }

    /// One tag; at most 10, with keys up to 128 and values up to 256 characters.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }

    /// `x-oss-object-acl`.
    #[must_use]
    pub fn acl(mut self, acl: ObjectAcl) -> Self {
        self.acl = Some(acl);
        self
    }

    /// `x-oss-storage-class`.
    #[must_use]
    pub fn storage_class(self, class: StorageClass) -> Self {
        self.header(HeaderName::from_static("x-oss-storage-class"), class.as_str())
    }

    /// `x-oss-server-side-encryption`: `AES256`, `SM4`, or `KMS` with an optional key id.
    #[must_use]
    pub fn server_side_encryption(self, encryption: ServerSideEncryption) -> Self {
        let (method, key_id) = match encryption {
            ServerSideEncryption::Aes256 => ("AES256", None),
            ServerSideEncryption::Sm4 => ("SM4", None),
            ServerSideEncryption::Kms { key_id } => ("KMS", key_id),
        };
        let mut this = self.header(HeaderName::from_static("x-oss-server-side-encryption"), method);
        // The key of what was said before is not of this.
        this.headers.retain(|(name, _)| *name != ENCRYPTION_KEY_ID);
        match key_id {
            Some(id) => this.header(ENCRYPTION_KEY_ID, id),
            None => this,
        }
    }

    /// Fails with 409 `FileAlreadyExists` instead of replacing an object (`x-oss-forbid-overwrite`).
    #[must_use]
    pub fn forbid_overwrite(self) -> Self {
        self.header(FORBID_OVERWRITE, "true")
    }

    /// Lets OSS slow each connection down to this many **bits** a second, 819,200 to 838,860,800
    /// (`x-oss-traffic-limit`).
    #[must_use]
    pub fn traffic_limit(mut self, bits_per_second: u64) -> Self {
        self.traffic_limit = Some(bits_per_second);
        self
    }

    /// Declares that the requester pays (`x-oss-request-payer: requester`).
    #[must_use]
    pub fn requester_pays(self) -> Self {
        self.header(REQUEST_PAYER, REQUESTER)
    }

    /// Any further header, at most 100. `Authorization`, `x-oss-callback`, `x-oss-callback-var` and the headers that frame
    /// the body cannot be set.
    #[must_use]
    pub fn custom_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.custom.push((name.into(), value.into()));
        self
    }

    fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.retain(|(set, _)| *set != name);
        self.headers.push((name, value.into()));
        self
    }
}

/// Shows names only: a value may be a secret.
impl fmt::Debug for ObjectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        f.debug_struct("ObjectOptions")
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("metadata", &names(&self.metadata))
            .field("tags", &names(&self.tags))
            .field("custom", &names(&self.custom))
            .field("acl", &self.acl)
            .field("traffic_limit", &self.traffic_limit)
            .finish()
    }
}

/// Who may read or write an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectAcl {
    /// As the bucket says.
    Default,
    /// The owner only.
    Private,
    /// Everyone may read.
    PublicRead,
    /// Everyone may read and write.
    PublicReadWrite,
}

impl ObjectAcl {
    fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Private => "private",
            Self::PublicRead => "public-read",
            Self::PublicReadWrite => "public-read-write",
        }
    }
}

/// How an object is stored and billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageClass {
    /// `Standard`
    Standard,
    /// `IA`, infrequent access
    InfrequentAccess,
    /// `Archive`
    Archive,
    /// `ColdArchive`
    ColdArchive,
    /// `DeepColdArchive`
    DeepColdArchive,
}

impl StorageClass {
    fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::InfrequentAccess => "IA",
            Self::Archive => "Archive",
            Self::ColdArchive => "ColdArchive",
            Self::DeepColdArchive => "DeepColdArchive",
        }
    }
}

/// How OSS encrypts an object at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerSideEncryption {
    /// Keys managed by OSS, AES-256.
    Aes256,
    /// Keys managed by OSS, SM4.
    Sm4,
    /// Keys managed by KMS.
    Kms {
        /// The customer master key; `None` for the default one.
        key_id: Option<String>,
    },
}

/// The content type told by the file's name, then by the key.
pub(crate) fn guess_content_type(file: Option<&std::path::Path>, key: &str) -> &'static str {
    file.and_then(|path| mime_guess::from_path(path).first_raw())
        .or_else(|| mime_guess::from_path(key).first_raw())
        .unwrap_or("application/octet-stream")
}
