//! The names of the headers that carry a signature, and the set of headers a signature covers.

use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;

pub(crate) static CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
pub(crate) static X_OSS_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-oss-content-sha256");
pub(crate) static X_OSS_DATE: HeaderName = HeaderName::from_static("x-oss-date");
pub(crate) static X_OSS_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-oss-security-token");

/// Whether both the signature and every later change of it must treat `name` as part of the service's own headers.
pub(crate) fn is_oss(name: &str) -> bool {
    name.starts_with("x-oss-")
}

/// Whether V4 signs `name` without being asked to (OSS documentation, "Include a V4 signature in the Authorization
/// header", canonical headers).
pub(crate) fn is_default_signed(name: &HeaderName) -> bool {
    is_oss(name.as_str()) || *name == CONTENT_TYPE || *name == CONTENT_MD5
}

/// Headers in the canonical form of both versions: sorted by name, values trimmed, one line each.
#[derive(Default)]
pub(crate) struct CanonicalHeaders<'a> {
    entries: Vec<(&'a str, &'a [u8])>,
}

impl<'a> CanonicalHeaders<'a> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { entries: Vec::with_capacity(capacity) }
    }

    pub(crate) fn push(&mut self, name: &'a str, value: &'a [u8]) {
        self.entries.push((name, value.trim_ascii()));
    }

    pub(crate) fn sort(&mut self) {
        // Stable, as the values of a repeated header are joined in the order in which they are sent.
        self.entries.sort_by_key(|&(name, _)| name);
    }

    /// Bytes that [`Self::write`] appends.
    pub(crate) fn len(&self) -> usize {
        self.entries.iter().map(|(name, value)| name.len() + value.len() + 2).sum()
    }

    /// Appends one `name:value` line per name; the values of a repeated header are joined with a comma.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut previous = None;
        for &(name, value) in &self.entries {
            if previous == Some(name) {
                out.pop();
                out.push(b',');
            } else {
                out.extend_from_slice(name.as_bytes());
                out.push(b':');
            }
            out.extend_from_slice(value);
            out.push(b'\n');
            previous = Some(name);
        }
    }
}

/// The value of `name` as it will be on the wire: HTTP clients derive `Host` from the URL where it is not set.
pub(crate) fn sent_value<'a>(request: &'a Parts, name: &HeaderName) -> Option<&'a [u8]> {
    match request.headers.get(name) {
        Some(value) => Some(value.as_bytes()),
        None if *name == HOST => request.uri.authority().map(|authority| {
            let text = authority.as_str();
            let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
            let default_port = match request.uri.scheme_str() {
                Some("http") => ":80",
                Some("https") => ":443",
                _ => "",
            };
            text.strip_suffix(default_port).unwrap_or(text).as_bytes()
        }),
        None => None,
    }
}

/// A header that must have one value is there twice.
#[derive(Debug)]
pub(crate) struct Unclear(pub(crate) HeaderName);

/// The single value of a header, trimmed.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Unclear> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Unclear(name.clone())),
        (first, None) => Ok(first.map(|value| value.as_bytes().trim_ascii())),
    }
}

/// Headers a signature of its own replaces when a request is signed again.
pub(crate) fn is_replaced(name: &HeaderName) -> bool {
    *name == X_OSS_DATE || *name == X_OSS_SECURITY_TOKEN || *name == DATE || *name == AUTHORIZATION
}

/// Marks a value as one that logs and header compression must not remember.
pub(crate) fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}
