use std::fmt;
use std::time::SystemTime;

use zeroize::Zeroizing;

/// An access key, with its STS token and expiry when it is a temporary one.
///
/// The secret and the token are wiped from memory on drop and never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
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
        Self {
            sendable: access_key_id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','),
            access_key_id,
            access_key_secret: Zeroizing::new(access_key_secret.trim().to_owned()),
            security_token: None,
            expires_at: None,
            anonymous: false,
        }
    }

    /// No credentials: requests stay unsigned, which OSS accepts for public buckets.
    pub fn anonymous() -> Self {
        Self { anonymous: true, ..Self::new("", "") }
    }

    /// Adds the token of temporary credentials (STS). An empty token means none; it is not trimmed.
    #[must_use]
    pub fn with_security_token(mut self, token: impl Into<String>) -> Self {
        let token = Zeroizing::new(token.into());
        self.security_token = (!token.is_empty()).then_some(token);
        self
    }

    /// States when the credentials stop working. Presigned URLs and POST policies may not outlive them.
    #[must_use]
    pub fn with_expiry(mut self, expires_at: SystemTime) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// Whether these are [`Credentials::anonymous`].
    pub fn is_anonymous(&self) -> bool {
        self.anonymous
    }

    /// The access key id, which is not a secret.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    pub(crate) fn is_sendable(&self) -> bool {
        self.sendable
    }

    /// The access key secret.
    pub fn access_key_secret(&self) -> &str {
        &self.access_key_secret
    }

    /// The STS token, if there is one.
    pub fn security_token(&self) -> Option<&str> {
        self.security_token.as_ref().map(|token| token.as_str())
    }

    /// When the credentials stop working, if that is known.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("access_key_secret", &"[redacted]")
            .field("security_token", &self.security_token.as_ref().map(|_| "[redacted]"))
            .field("expires_at", &self.expires_at)
            .field("anonymous", &self.anonymous)
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
