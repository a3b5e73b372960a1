use std::fmt;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::error::Error;

/// A PUT of one object that is signed already: whoever holds it may send it until it expires, without a key.
///
/// It comes from [`Uploader::presign_put`](crate::Uploader::presign_put), or from a URL that another program signed
/// ([`from_url`](Self::from_url)). The URL is a secret for as long as it lives, so `Debug` leaves its query out.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedPut {
    url: Uri,
    headers: HeaderMap,
    expires_at: Option<SystemTime>,
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
        let put = Self { url, headers: HeaderMap::new(), expires_at: None };
        if !put.has_parameter(&["Signature", "x-oss-signature"]) {
            return Err(refuse(
                "has no signature in its query (`x-oss-signature` or `Signature`): it is not presigned",
            ));
        }
        Ok(Self { expires_at: put.expiry(), ..put })
    }

    pub(crate) fn new(url: Uri, headers: HeaderMap, expires_at: SystemTime) -> Self {
        Self { url, headers, expires_at: Some(expires_at) }
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
        self.headers.insert(name, value);
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

    /// When the signature ends, as far as the URL tells.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// Whether OSS will call an application server when the object is stored.
    #[must_use]
    pub fn has_callback(&self) -> bool {
        self.has_parameter(&["callback", "x-oss-callback"]) || self.headers.contains_key("x-oss-callback")
    }

    fn has_parameter(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.parameter(name).is_some())
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.url.query().unwrap_or_default().split('&');
        pairs
            .filter_map(|pair| pair.split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    /// V1 has the second it ends at; V4 the time it was made and how many seconds it lives.
    fn expiry(&self) -> Option<SystemTime> {
        if let Some(end) = self.parameter("Expires").and_then(|end| end.parse().ok()) {
            return SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(end));
        }
        let made = basic_date(self.parameter("x-oss-date")?)?;
        let lives = self.parameter("x-oss-expires")?.parse().ok()?;
        made.checked_add(Duration::from_secs(lives))
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

/// Reads `20231203T121212Z`, as V4 writes times.
fn basic_date(text: &str) -> Option<SystemTime> {
    let form = |(at, byte): (usize, u8)| match at {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    if text.len() != 16 || !text.bytes().enumerate().all(form) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let (hour, minute, second) = (number(9..11)?, number(11..13)?, number(13..15)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 {
        return None;
    }
    // Years are counted from March, so that a leap day is the last of its year.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - DAYS_TO_1970;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Days from 1 March of the year 0 to 1 January 1970.
const DAYS_TO_1970: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_tell_when_they_end() {
        let v1 = "http://b.oss-cn-hangzhou.aliyuncs.com/k?OSSAccessKeyId=id&Expires=1701605532&Signature=s";
        let v4 = "http://b.oss-cn-hangzhou.aliyuncs.com/k?x-oss-date=20231203T121212Z&x-oss-expires=600&x-oss-signature=s";
        for url in [v1, v4] {
            let put = PresignedPut::from_url(url).unwrap();
            let end = put.expires_at().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let expected = if url == v1 { 1_701_605_532 } else { 1_701_605_532 + 600 };
            assert_eq!(end.as_secs(), expected, "{url}");
        }
        let odd = "http://h/k?x-oss-date=2023é203T12121&x-oss-expires=600&x-oss-signature=s";
        assert!(
            PresignedPut::from_url(odd).is_err()
                || PresignedPut::from_url(odd).unwrap().expires_at().is_none()
        );
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
        let put =
            PresignedPut::from_url("https://h/k?x-oss-signature=hush&x-oss-security-token=quiet").unwrap();
        let shown = format!("{put:?}");
        assert!(shown.contains("/k") && !shown.contains("hush") && !shown.contains("quiet"), "{shown}");
    }
}
