use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use zeroize::Zeroizing;

/// An access key, with its STS token and expiry when it is a temporary one.
///
/// The secret and the token are wiped from memory on drop and never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(Arc<Parts>);

/// Behind one pointer, since each attempt of an upload takes a copy.
#[derive(Clone, PartialEq, Eq)]
struct Parts {
    access_key_id: String,
    access_key_secret: Zeroizing<String>,
    security_token: Option<Zeroizing<String>>,
    expires_at: Option<SystemTime>,
    anonymous: bool,
    /// Whether the id can be written into a header, found out once.
    sendable: bool,
}

impl Credentials {
    /// Credentials of an access key.
    ///
    /// White space around either part is dropped: a pasted secret with a line break is a well-known cause of
    /// `SignatureDoesNotMatch`. An empty part is refused when something is signed with it
    /// ([`SignError::EmptyCredential`](crate::SignError::EmptyCredential)); it never means anonymous access.
    pub fn new(access_key_id: impl Into<String>, access_key_secret: impl Into<String>) -> Self {
        let access_key_secret = Zeroizing::new(access_key_secret.into());
        let access_key_id = access_key_id.into().trim().to_owned();
        Self(Arc::new(Parts {
            sendable: access_key_id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','),
            access_key_id,
            access_key_secret: Zeroizing::new(access_key_secret.trim().to_owned()),
            security_token: None,
            expires_at: None,
            anonymous: false,
        }))
    }

    /// No credentials: requests stay unsigned, which OSS accepts for public buckets.
    pub fn anonymous() -> Self {
        Self::new("", "").with(|parts| parts.anonymous = true)
    }

    /// Adds the token of temporary credentials (STS). An empty token means none; it is not trimmed.
    #[must_use]
    pub fn with_security_token(self, token: impl Into<String>) -> Self {
        let token = Zeroizing::new(token.into());
        self.with(|parts| parts.security_token = (!token.is_empty()).then_some(token))
    }

    /// States when the credentials stop working. Presigned URLs and POST policies may not outlive them.
    #[must_use]
    pub fn with_expiry(self, expires_at: SystemTime) -> Self {
        self.with(|parts| parts.expires_at = Some(expires_at))
    }

    fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Whether these are [`Credentials::anonymous`].
    pub fn is_anonymous(&self) -> bool {
        self.0.anonymous
    }

    /// The access key id, which is not a secret.
    pub fn access_key_id(&self) -> &str {
        &self.0.access_key_id
    }

    pub(crate) fn is_sendable(&self) -> bool {
        self.0.sendable
    }

    /// The access key secret.
    pub fn access_key_secret(&self) -> &str {
        &self.0.access_key_secret
    }

    /// The STS token, if there is one.
    pub fn security_token(&self) -> Option<&str> {
        self.0.security_token.as_ref().map(|token| token.as_str())
    }

    /// When the credentials stop working, if that is known.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.expires_at
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.0.access_key_id)
            .field("access_key_secret", &"[redacted]")
            .field("security_token", &self.0.security_token.as_ref().map(|_| "[redacted]"))
            .field("expires_at", &self.0.expires_at)
            .field("anonymous", &self.0.anonymous)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", Credentials::new("id", "hush").with_security_token("token-text"));
        assert!(
            shown.contains("\"id\"") && !shown.contains("hush") && !shown.contains("token-text"),
            "{shown}"
        );
    }

    #[test]
    fn pasted_white_space_is_dropped_but_a_token_is_kept_as_it_is() {
        let credentials = Credentials::new(" id\n", "\tsecret \r\n").with_security_token("token=");
        assert_eq!(credentials.access_key_id(), "id");
        assert_eq!(credentials.access_key_secret(), "secret");
        assert_eq!(credentials.security_token(), Some("token="));
        assert_eq!(credentials.with_security_token("").security_token(), None);
    }

    #[test]
    fn empty_credentials_are_not_anonymous() {
        assert!(!Credentials::new("", "").is_anonymous());
        assert!(Credentials::anonymous().is_anonymous());
    }
}
