use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;

use super::error::VerifyError;
use super::key::{KeyError, PublicKey};
use super::keyring::{Keyring, OFFICIAL_KEY_URLS};
use super::pending::{Pending, begin};
use super::target::{ExternalTarget, TargetError, Targets};
use super::verified::Verified;
use crate::BodyType;

/// Decides whether a request is a callback that OSS sent to this application.
///
/// Holds the keys it trusts and the targets it answers for; reads no clock and opens no connection. Make one
/// when the application starts and share it in an `Arc`.
///
/// ```
/// use oss_callback::Verifier;
///
/// let verifier = Verifier::official().expect_target("/oss/callback")?;
/// # Ok::<(), oss_callback::TargetError>(())
/// ```
///
/// A signature proves that OSS sent the body: for some customer, to some host, at some time. Bind it to your own
/// uploads with a [`TokenKey`](crate::TokenKey).
#[derive(Clone, Debug)]
pub struct Verifier {
    pub(crate) keys: Keyring,
    #[cfg(feature = "key-source")]
    pub(crate) fetched: Option<std::sync::Arc<super::key_source::FetchedKeys>>,
    pub(crate) targets: Targets,
    pub(crate) external_prefix: String,
    pub(crate) body_limit: usize,
    pub(crate) body_type: Option<BodyType>,
    pub(crate) length_required: bool,
    pub(crate) forgive_bare_question_mark: bool,
}

/// 64 KiB: many times what a template of 5 KB renders to with ordinary values.
const DEFAULT_BODY_LIMIT: usize = 64 * 1024;

impl Verifier {
    /// Trusts the key OSS publishes, under its two URLs (http and https), and nothing else.
    #[must_use]
    pub fn official() -> Self {
        let mut verifier = Self::trusting_none();
        for url in OFFICIAL_KEY_URLS {
            verifier.keys.insert(url, PublicKey::official());
        }
        verifier
    }

    /// Trusts no key yet: for tests that must not accept what real OSS signs.
    #[must_use]
    pub fn trusting_none() -> Self {
        Self {
            keys: Keyring::default(),
            #[cfg(feature = "key-source")]
            fetched: None,
            targets: Targets::default(),
            external_prefix: String::new(),
            body_limit: DEFAULT_BODY_LIMIT,
            body_type: None,
            length_required: true,
            forgive_bare_question_mark: false,
        }
    }

    /// Trusts one more key: requests that name exactly `key_url` are checked against `pem`. The URL is only
    /// compared, never fetched, so an emulator's loopback URL will do.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the URL is no http or https URL or the text is no RSA public key of 512 to 4,096 bits.
    pub fn trust(mut self, key_url: &str, pem: &str) -> Result<Self, KeyError> {
        self.keys.add(key_url, PublicKey::from_pem(pem)?)?;
        Ok(self)
    }

    /// Accepts this target, path and query as they go over the wire. May be called again for more.
    ///
    /// Once a target or path is registered, every other is refused; that closes the ambiguities of the
    /// signature. [`Callback::request_targets`](crate::Callback::request_targets) gives the value.
    ///
    /// # Errors
    ///
    /// [`TargetError`] if it is no path with an optional query, or one that a signature cannot pin.
    pub fn expect_target(mut self, target: impl Into<String>) -> Result<Self, TargetError> {
        self.targets.add_exact(target.into())?;
        Ok(self)
    }

    /// Accepts this path with any query: for callbacks that carry a token there. May be called again for more.
    ///
    /// # Errors
    ///
    /// [`TargetError`] if it is no path, has a query, or is one that a signature cannot pin.
    pub fn expect_path(mut self, path: impl Into<String>) -> Result<Self, TargetError> {
        self.targets.add_path(path.into())?;
        Ok(self)
    }

    /// Puts back what a proxy in front strips from every path, for instance `/api`.
    ///
    /// OSS signs the path of the callback URL, so the whole of it is needed. Where the proxy does more than
    /// that, give each request an [`ExternalTarget`].
    ///
    /// # Errors
    ///
    /// [`TargetError`] if it is no path, has a query, or ends with `/`.
    pub fn external_prefix(mut self, prefix: impl Into<String>) -> Result<Self, TargetError> {
        let prefix = prefix.into();
        Targets::default().add_path(prefix.clone())?;
        if prefix.ends_with('/') {
            return Err(TargetError::Form);
        }
        self.external_prefix = prefix;
        Ok(self)
    }

    /// Sets the longest accepted body in bytes. Default: 65,536.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Accepts bodies of this type only.
    ///
    /// The content type is not signed. Whoever replays a callback could otherwise have a JSON body with
    /// chosen text inside read as a form.
    #[must_use]
    pub fn expect_body_type(mut self, body_type: BodyType) -> Self {
        self.body_type = Some(body_type);
        self
    }

    /// Accepts requests without `Content-Length`, which OSS always sends: for proxies that pass bodies on
    /// chunked or over HTTP/2. The limit holds all the same. Default: no.
    #[must_use]
    pub fn allow_missing_content_length(mut self, allow: bool) -> Self {
        self.length_required = !allow;
        self
    }

    /// If a target ends with a bare `?`, also tries the signature without it. Default: no.
    ///
    /// The Ruby SDK sends callback URLs with a bare `?`; whether OSS then signs it is not known. Trying both
    /// gives an attacker nothing.
    #[must_use]
    pub fn forgive_bare_question_mark(mut self, forgive: bool) -> Self {
        self.forgive_bare_question_mark = forgive;
        self
    }

    /// Verifies a whole request: its head as `http` has it, and the bytes of its body, untouched.
    ///
    /// The target is that of the request, unless the head's extensions hold an [`ExternalTarget`] (or, with
    /// the feature `axum`, the original URI that axum leaves there when it nests routers).
    ///
    /// # Errors
    ///
    /// [`VerifyError`], the cheapest reason first.
    pub fn verify(&self, head: &Parts, body: &[u8]) -> Result<Verified, VerifyError> {
        // The limit is checked before the copy is made.
        let pending = self.begin(head)?;
        pending.check_length(body.len())?;
        pending.finish(Bytes::copy_from_slice(body))
    }

    /// Verifies what can be verified before the body is read: method, headers, key and target.
    ///
    /// Read at most [`Pending::body_limit`] bytes then, and give them to [`Pending::finish`].
    ///
    /// # Errors
    ///
    /// [`VerifyError`], the cheapest reason first.
    pub fn begin(&self, head: &Parts) -> Result<Pending<'_>, VerifyError> {
        let target = match head.extensions.get::<ExternalTarget>() {
            Some(ExternalTarget(target)) => target.clone(),
            None => self.prefixed(raw_target(head)),
        };
        begin(self, &head.method, target, &head.headers)
    }

    /// The same as [`begin`](Self::begin) for a caller without `http::request::Parts`: the target is the one
    /// OSS called, and no prefix is put before it.
    ///
    /// # Errors
    ///
    /// [`VerifyError`], the cheapest reason first.
    pub fn begin_with(
        &self,
        method: &http::Method,
        external_target: &str,
        headers: &HeaderMap,
    ) -> Result<Pending<'_>, VerifyError> {
        begin(self, method, external_target.to_owned(), headers)
    }

    /// A key that a key source gave.
    #[cfg(feature = "key-source")]
    pub(crate) fn find_fetched(&self, url: &str) -> Option<PublicKey> {
        self.fetched.as_ref()?.find(url)
    }

    /// Without a key source there are no other keys.
    #[cfg(not(feature = "key-source"))]
    #[expect(clippy::unused_self, reason = "the same call with and without the feature")]
    pub(crate) fn find_fetched(&self, _: &str) -> Option<PublicKey> {
        None
    }

    fn prefixed(&self, target: &str) -> String {
        if self.external_prefix.is_empty() {
            target.to_owned()
        } else {
            [&self.external_prefix, target].concat()
        }
    }
}

/// Path and query as they came over the wire.
fn raw_target(head: &Parts) -> &str {
    #[cfg(feature = "axum")]
    let uri = head.extensions.get::<axum::extract::OriginalUri>().map_or(&head.uri, |original| &original.0);
    #[cfg(not(feature = "axum"))]
    let uri = &head.uri;
    uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str)
}
