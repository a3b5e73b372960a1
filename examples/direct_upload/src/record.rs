//! What the database keeps.

use serde::Serialize;

/// An upload that was allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ticket {
    /// 32 random hex digits.
    pub id: String,
    /// Who may upload.
    pub user: String,
    /// Where to.
    pub bucket: String,
    /// The object key, which no other ticket has.
    pub object: String,
    /// What the user calls the file.
    pub name: String,
    /// The content type the object must have.
    pub content_type: String,
    /// The bytes the object must have.
    pub size: u64,
    /// The id of the multipart upload, if it goes in parts.
    pub upload_id: Option<String>,
}

/// A file that is stored and recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct File {
    /// The ticket's id.
    pub id: String,
    /// Whose it is.
    #[serde(skip)]
    pub user: String,
    /// What the user calls it.
    pub name: String,
    /// The object key.
    pub object: String,
    /// Its bytes.
    pub size: u64,
    /// Its content type.
    #[serde(rename = "type")]
    pub content_type: String,
    /// Its ETag, without quotes.
    pub etag: String,
    /// CRC-64/XZ of its bytes, as OSS computed it. A text, since JavaScript's numbers end before it does.
    pub crc64: Option<String>,
    /// Pixels, if OSS found it to be an image.
    pub width: Option<u64>,
    /// Pixels, if OSS found it to be an image.
    pub height: Option<u64>,
    /// The image format OSS found, such as `png`.
    pub format: Option<String>,
    /// The id of the request that stored it.
    pub request_id: Option<String>,
    /// How the application learnt of it.
    pub learnt_by: LearntBy,
    /// Whether the application has looked at OSS for itself (HEAD).
    pub confirmed: bool,
    /// Milliseconds since 1970.
    pub recorded_at: i64,
}

/// How the application learnt of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LearntBy {
    /// OSS called back.
    Callback,
    /// The callback failed, and the application looked.
    Look,
}

impl LearntBy {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::Look => "look",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Callback, Self::Look].into_iter().find(|known| known.as_str() == text)
    }
}
