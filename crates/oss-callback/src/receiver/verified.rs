use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use serde::de::DeserializeOwned;

use super::headers::Found;
use super::payload::{self, PayloadError};
use super::pending::body_type;
use crate::BodyType;

/// A callback that OSS sent: the only way to its payload.
///
/// Signed are the target and the body. Everything else a request carries is in [`unsigned`](Self::unsigned).
#[derive(Clone)]
pub struct Verified {
    target: String,
    body: Bytes,
    content_type: Option<HeaderValue>,
    unsigned: Unsigned,
}

impl Verified {
    pub(crate) fn new(
        target: String,
        body: Bytes,
        content_type: Option<HeaderValue>,
        unsigned: Unsigned,
    ) -> Self {
        Self { target, body, content_type, unsigned }
    }

    /// The target OSS called: path and query as they go over the wire. Signed.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The value of a query parameter of the target, decoded as a form. Signed.
    ///
    /// # Errors
    ///
    /// [`PayloadError`] if the query is no form or names a parameter twice.
    pub fn query(&self, name: &str) -> Result<Option<String>, PayloadError> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let fields = payload::form_fields(query.as_bytes())?;
        Ok(fields.into_iter().find(|(known, _)| known == name).map(|(_, value)| value))
    }

    /// The body's bytes. Signed.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as `T`, read as a form or as JSON according to the content type.
    ///
    /// The content type is not signed: say which one you expect, with
    /// [`Verifier::expect_body_type`](crate::Verifier::expect_body_type), or call [`form`](Self::form) or
    /// [`json`](Self::json).
    ///
    /// # Errors
    ///
    /// [`PayloadError`] if the content type is neither, the body is malformed, names a field twice, or is no `T`.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        match body_type(self.content_type.as_ref()) {
            Some(BodyType::Form) => self.form(),
            Some(BodyType::Json) => self.json(),
            None => Err(PayloadError::ContentType),
        }
    }

    /// The body as `T`, read as a form whatever the content type says.
    ///
    /// Texts become numbers and truth values where `T` wants them; an empty value is `None` where `T` wants an
    /// `Option` (OSS leaves the value empty for what it does not have).
    /// Behind serde's `flatten` and `untagged`, which do not say what they want, everything is text.
    ///
    /// # Errors
    ///
    /// [`PayloadError`] if the body is no form, names a field twice, or is no `T`.
    pub fn form<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        payload::from_form(&self.body)
    }

    /// The body as `T`, read as JSON whatever the content type says.
    ///
    /// Numbers may come as strings and the other way round: which of the two OSS writes for `crc64` is not
    /// documented. Neither goes through a float. `null` and the empty string are `None` where `T` wants an
    /// `Option`.
    ///
    /// # Errors
    ///
    /// [`PayloadError`] if the body is no JSON, names a field twice, or is no `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        payload::from_json(&self.body)
    }

    /// What the request says beside the signed parts: for logs, not for decisions.
    #[must_use]
    pub fn unsigned(&self) -> &Unsigned {
        &self.unsigned
    }
}

/// Leaves the query and the body out: they may hold a token.
impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path);
        f.debug_struct("Verified")
            .field("path", &path)
            .field("body_bytes", &self.body.len())
            .field("content_type", &self.content_type)
            .field("unsigned", &self.unsigned)
            .finish_non_exhaustive()
    }
}

/// Headers that OSS sends but does not sign. Anyone who holds a genuine callback can change them. One that is there
/// more than once counts as absent.
#[derive(Clone, Debug, Default)]
pub struct Unsigned {
    request_id: Option<HeaderValue>,
    bucket: Option<HeaderValue>,
    owner: Option<HeaderValue>,
    requester: Option<HeaderValue>,
}

impl Unsigned {
    pub(crate) fn new(found: &Found<'_>) -> Self {
        Self {
            request_id: found.request_id.once().cloned(),
            bucket: found.bucket.once().cloned(),
            owner: found.owner.once().cloned(),
            requester: found.requester.once().cloned(),
        }
    }

    /// `x-oss-request-id`: the upload's request id. To have it signed, put `${reqId}` into the body.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        text(self.request_id.as_ref())
    }

    /// `x-oss-bucket`: the bucket's name. To have it signed, put `${bucket}` into the body.
    #[must_use]
    pub fn bucket(&self) -> Option<&str> {
        text(self.bucket.as_ref())
    }

    /// `x-oss-owner`: the account that owns the bucket.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        text(self.owner.as_ref())
    }

    /// `x-oss-requester`: the account that uploaded; differs from the owner for a RAM user.
    #[must_use]
    pub fn requester(&self) -> Option<&str> {
        text(self.requester.as_ref())
    }
}

fn text(header: Option<&HeaderValue>) -> Option<&str> {
    header?.to_str().ok()
}
