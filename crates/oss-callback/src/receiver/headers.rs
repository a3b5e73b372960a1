use http::{HeaderMap, HeaderValue};

use super::error::VerifyError;

pub(crate) const AUTHORIZATION: &str = "authorization";
pub(crate) const CONTENT_LENGTH: &str = "content-length";
pub(crate) const CONTENT_TYPE: &str = "content-type";
pub(crate) const CONTENT_MD5: &str = "content-md5";
pub(crate) const KEY_URL: &str = "x-oss-pub-key-url";

/// The headers that matter, found in one pass: looking each up by its name takes longer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found<'h> {
    pub(crate) authorization: Slot<'h>,
    pub(crate) content_length: Slot<'h>,
    pub(crate) content_type: Slot<'h>,
    pub(crate) content_md5: Slot<'h>,
    pub(crate) key_url: Slot<'h>,
    pub(crate) request_id: Slot<'h>,
    pub(crate) bucket: Slot<'h>,
    pub(crate) owner: Slot<'h>,
    pub(crate) requester: Slot<'h>,
}

/// A header that may be there once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Slot<'h> {
    #[default]
    Absent,
    Once(&'h HeaderValue),
    Repeated,
}

impl<'h> Found<'h> {
    pub(crate) fn in_headers(headers: &'h HeaderMap) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            let slot = match name.as_str() {
                AUTHORIZATION => &mut found.authorization,
                CONTENT_LENGTH => &mut found.content_length,
                CONTENT_TYPE => &mut found.content_type,
                CONTENT_MD5 => &mut found.content_md5,
                KEY_URL => &mut found.key_url,
                "x-oss-request-id" => &mut found.request_id,
                "x-oss-bucket" => &mut found.bucket,
                "x-oss-owner" => &mut found.owner,
                "x-oss-requester" => &mut found.requester,
                _ => continue,
            };
            *slot = match slot {
                Slot::Absent => Slot::Once(value),
                Slot::Once(_) | Slot::Repeated => Slot::Repeated,
            };
        }
        found
    }
}

impl<'h> Slot<'h> {
    /// The value, if there is exactly one.
    pub(crate) fn once(self) -> Option<&'h HeaderValue> {
        match self {
            Self::Once(value) => Some(value),
            Self::Absent | Self::Repeated => None,
        }
    }

    pub(crate) fn at_most_once(self, name: &'static str) -> Result<Option<&'h HeaderValue>, VerifyError> {
        match self {
            Self::Repeated => Err(VerifyError::DuplicateHeader { name }),
            Self::Absent | Self::Once(_) => Ok(self.once()),
        }
    }

    pub(crate) fn required(self, name: &'static str) -> Result<&'h HeaderValue, VerifyError> {
        self.at_most_once(name)?.ok_or(VerifyError::MissingHeader { name })
    }
}
