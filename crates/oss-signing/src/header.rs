//! The names of the headers that carry a signature, and the set of headers a signature covers.

use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;

pub(crate) static X_OSS_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-oss-content-sha256");
pub(crate) static X_OSS_DATE: HeaderName = HeaderName::from_static("x-oss-date");
pub(crate) static X_OSS_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-oss-security-token");

/// What a header is to a signature, told by one look at its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    ContentType,
    ContentMd5,
    Date,
    Authorization,
    OssDate,
    OssContentSha256,
    OssSecurityToken,
    /// Any other `x-oss-` header.
    Oss,
    Other,
}

impl Role {
    #[inline]
    pub(crate) fn of(name: &HeaderName) -> Self {
        let name = name.as_str();
        match name.strip_prefix("x-oss-") {
            Some("date") => Self::OssDate,
            Some("content-sha256") => Self::OssContentSha256,
            Some("security-token") => Self::OssSecurityToken,
            Some(_) => Self::Oss,
            None => match name {
                "content-type" => Self::ContentType,
                "content-md5" => Self::ContentMd5,
                "date" => Self::Date,
                "authorization" => Self::Authorization,
                _ => Self::Other,
            },
        }
    }

    /// Whether the name begins with `x-oss-`.
    pub(crate) fn is_oss(self) -> bool {
        matches!(self, Self::OssDate | Self::OssContentSha256 | Self::OssSecurityToken | Self::Oss)
    }

    /// Whether V4 signs the header without being asked to (OSS documentation, "Include a V4 signature in the
    /// Authorization header", canonical headers).
    pub(crate) fn is_default_signed(self) -> bool {
        self.is_oss() || matches!(self, Self::ContentType | Self::ContentMd5)
    }

    /// Whether signing replaces the header, so that its present value is not signed.
    pub(crate) fn is_replaced(self) -> bool {
        matches!(self, Self::OssDate | Self::OssSecurityToken | Self::Date | Self::Authorization)
    }
}

/// Headers in the canonical form of both versions: sorted by name, values trimmed, one line each.
pub(crate) struct CanonicalHeaders<'a> {
    entries: Vec<(&'a str, &'a [u8])>,
}

impl<'a> CanonicalHeaders<'a> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { entries: Vec::with_capacity(capacity) }
    }

    /// The headers of a request that V4 signs: those it always does, and the additional ones, `Host` from the URL where
    /// it is not set. Of those that are there `is_kept` tells which go out with their present value.
    pub(crate) fn of_request(
        request: &'a Parts,
        additional: &[&'a HeaderName],
        is_kept: impl Fn(Role) -> bool,
    ) -> Self {
        // Room for what header signing pushes besides: two dates, the hash and the token.
        let mut signed = Self::with_capacity(request.headers.len() + additional.len() + 4);
        for (name, value) in &request.headers {
            let role = Role::of(name);
            if (role.is_default_signed() || additional.contains(&name)) && is_kept(role) {
                signed.push(name.as_str(), value.as_bytes());
            }
        }
        for name in additional.iter().filter(|name| !request.headers.contains_key(**name)) {
            if let Some(value) = sent_value(request, name) {
                signed.push(name.as_str(), value);
            }
        }
        signed
    }

    #[inline]
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

/// Sets the token that a request is signed with, and removes that of an earlier signing.
pub(crate) fn replace_token(headers: &mut HeaderMap, token: Option<HeaderValue>) {
    match token {
        Some(token) => drop(headers.insert(&X_OSS_SECURITY_TOKEN, token)),
        None if carries(headers, &X_OSS_SECURITY_TOKEN) => drop(headers.remove(&X_OSS_SECURITY_TOKEN)),
        None => {}
    }
}

/// Whether a header is there. With the few headers of a request, looking at each is cheaper than hashing the name.
pub(crate) fn carries(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.keys().any(|known| known == name)
}

/// Marks a value as one that logs and header compression must not remember.
pub(crate) fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_sorted_and_repeated_ones_joined_in_sending_order() {
        let mut headers = CanonicalHeaders::with_capacity(0);
        for (name, value) in [("x-oss-b", " 2\t"), ("x-oss-a", "z  z"), ("x-oss-b", "1"), ("x-oss-a-b", "")] {
            headers.push(name, value.as_bytes());
        }
        headers.sort();
        let mut out = Vec::new();
        headers.write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "x-oss-a:z  z\nx-oss-a-b:\nx-oss-b:2,1\n");
        assert!(headers.len() >= 32);
    }

    #[test]
    fn roles_are_told_by_the_whole_name() {
        for (name, role) in [
            ("x-oss-date", Role::OssDate),
            ("x-oss-dates", Role::Oss),
            ("x-oss-", Role::Oss),
            ("x-oss", Role::Other),
            ("Content-MD5", Role::ContentMd5),
            ("date", Role::Date),
        ] {
            assert!(Role::of(&name.parse().unwrap()) == role, "{name}");
        }
    }
}
