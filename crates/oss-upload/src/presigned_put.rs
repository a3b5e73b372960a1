use std::fmt;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use oss_signing::PresignedUrl;

use crate::error::Error;

/// A PUT of one object that is signed already: whoever holds it may send it until it expires, without a key.
///
/// It comes from [`Uploader::presign_put`](crate::Uploader::presign_put), or from a URL that another program signed
/// ([`from_url`](Self::from_url)). The URL is a secret for as long as it lives, so `Debug` leaves its query out.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedPut {
    url: Uri,
    headers: HeaderMap,
    expires_at: SystemTime,
    callback_in_query: bool,
}

impl PresignedPut {
    /// Takes a URL that somebody else signed for a PUT, with signature V1 or V4.
    ///
    /// Headers that the signer signed are added with [`with_header`](Self::with_header). A `Content-Type` counts as
    /// signed in both versions: send the one the signer had, and none if it had none.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if the URL is not an absolute http or https URL or has no signature in its query.
    /// The message does not repeat the URL.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let refuse = |reason: &str| Error::invalid("url", reason);
        let url: Uri = url.trim().parse().map_err(|_| refuse("is not a URL"))?;
        if !matches!(url.scheme_str(), Some("http" | "https")) {
            return Err(refuse("must begin with https:// or http://"));
        }
        if url.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return Err(refuse("must have a host and no user name"));
        }
        // What the signing crate says of a URL it cannot read does not repeat its secrets, but might repeat a key id.
        let says = PresignedUrl::read(&url).map_err(|_| {
            refuse("has no signature in its query that OSS could read (`x-oss-signature` or `Signature`)")
        })?;
        let (expires_at, callback_in_query) = (says.expires_at(), says.has_callback());
        Ok(Self { url, headers: HeaderMap::new(), expires_at, callback_in_query })
    }

    pub(crate) fn new(url: Uri, headers: HeaderMap, expires_at: SystemTime, callback: bool) -> Self {
        Self { url, headers, expires_at, callback_in_query: callback }
    }

    /// Adds a header that the signer signed and that has to be sent exactly so.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if it cannot be a header.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        let name = HeaderName::try_from(name)
            .map_err(|_| Error::invalid("header", format!("name {name:?} cannot be a header name")))?;
        let value = HeaderValue::try_from(value)
            .map_err(|_| Error::invalid("header", format!("{name} has a value that cannot be sent")))?;
        self.headers
            .try_insert(name, value)
            .map_err(|_| Error::invalid("header", "is added more often than any request takes"))?;
        Ok(self)
    }

    /// The URL to send the PUT to. A secret while it lives.
    #[must_use]
    pub fn url(&self) -> &Uri {
        &self.url
    }

    /// The headers that have to be sent exactly so, because they are signed.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The last second in which the URL can be used.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// Whether OSS will call an application server when the object is stored.
    #[must_use]
    pub fn has_callback(&self) -> bool {
        self.callback_in_query || self.headers.contains_key("x-oss-callback")
    }
}

impl fmt::Debug for PresignedPut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.authority().map_or("", |authority| authority.as_str());
        let names: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("PresignedPut")
            .field("host", &host)
            .field("path", &self.url.path())
            .field("headers", &names)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "https://h/k?x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-date=20231203T121212Z&x-oss-expires=600\
        &x-oss-credential=id%2F20231203%2Fcn-hangzhou%2Foss%2Faliyun_v4_request&x-oss-signature=hush&x-oss-security-token=quiet";

    #[test]
    fn both_versions_tell_when_they_end() {
        let v1 = "http://b.oss-cn-hangzhou.aliyuncs.com/k?OSSAccessKeyId=id&Expires=1701605532&Signature=s";
        for (url, expected) in [(v1, 1_701_605_532), (V4, 1_701_605_532 + 600)] {
            let put = PresignedPut::from_url(url).unwrap();
            let end = put.expires_at().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(end.as_secs(), expected, "{url}");
        }
    }

    #[test]
    fn what_is_not_presigned_is_refused_without_being_repeated() {
        for url in [
            "",
            "k?x-oss-signature=s",
            "ftp://h/k?x-oss-signature=s",
            "https://h/k?other=s",
            "https://u:hush@h/k?Signature=s",
        ] {
            let error = PresignedPut::from_url(url).unwrap_err().to_string();
            assert!(error.starts_with("url ") && !error.contains("hush"), "{url}: {error}");
        }
    }

    #[test]
    fn debug_shows_no_signature() {
        let put = PresignedPut::from_url(V4).unwrap();
        let shown = format!("{put:?}");
        assert!(shown.contains("/k") && !shown.contains("hush") && !shown.contains("quiet"), "{shown}");
    }
}
