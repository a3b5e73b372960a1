//! Which bucket and key a request names: virtual host, path style, or a custom domain (CNAME).

use std::collections::HashMap;
use std::net::IpAddr;

use http::header::HOST;
use http::request::Parts;

use crate::encoding::{form_decode, percent_encode_path};
use crate::error::{INVALID_OBJECT_NAME, OssError};
use crate::names::is_bucket_name;

/// The first path segment of the emulator's own pages; no bucket can have this name.
pub(crate) const ADMIN_SEGMENT: &str = "-";

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// The emulator's own pages: the path behind `/-/`.
    Admin { path: String },
    /// Something of OSS.
    Resource { bucket: Option<String>, key: Option<String>, style: Style },
}

/// Where a request names its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// In the first segment of the path.
    Path,
    /// By the host: in front of the service's name, or by a custom domain.
    Host,
}

impl Style {
    /// The URL of a bucket's object in this style.
    pub(crate) fn url(self, host: &str, bucket: &str, key: &str) -> String {
        let key = percent_encode_path(key);
        match self {
            Self::Path => format!("http://{host}/{bucket}/{key}"),
            Self::Host => format!("http://{host}/{key}"),
        }
    }
}

/// The host that a request is for, with its port.
pub(crate) fn host(parts: &Parts) -> &str {
    match parts.headers.get(HOST) {
        Some(host) => host.to_str().unwrap_or_default(),
        None => parts.uri.authority().map_or("", |authority| without_user(authority.as_str())),
    }
}

/// The host names under which the emulator is reached.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts {
    /// Names that are the service itself, so that the bucket is in the path or in a label before them.
    pub(crate) service: Vec<String>,
    /// Custom domains and the bucket each stands for.
    pub(crate) cnames: HashMap<String, String>,
}

impl Hosts {
    /// Resolves a host and a raw path.
    ///
    /// An official SDK puts the bucket into the host unless the endpoint is an IP address (the Node.js SDK does
    /// so even then, with the real host name), so the host decides first and the path second.
    pub(crate) fn resolve(
        &self,
        host: &str,
        raw_path: &str,
        bucket_exists: &dyn Fn(&str) -> bool,
    ) -> Result<Address, OssError> {
        let host = without_port(host).to_ascii_lowercase();
        if let Some(bucket) = self.cnames.get(&host) {
            return in_bucket(bucket, raw_path);
        }
        if self.is_service(&host) {
            return by_path(raw_path);
        }
        let (label, rest) = host.split_once('.').unwrap_or((&host, ""));
        if label.is_empty() && self.is_service(rest) {
            // What the Node.js SDK sends to an IP address for a request that has no bucket.
            return by_path(raw_path);
        }
        if bucket_exists(label) || (is_bucket_name(label) && self.is_service(rest)) {
            return in_bucket(label, raw_path);
        }
        let first = first_segment(raw_path).0;
        if form_decode(first).is_some_and(|name| bucket_exists(&name)) {
            return by_path(raw_path);
        }
        in_bucket(label, raw_path)
    }

    fn is_service(&self, host: &str) -> bool {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        literal.parse::<IpAddr>().is_ok()
            || !host.contains('.')
            || is_aliyun_endpoint(host)
            || self.service.iter().any(|name| name == host)
    }
}

/// `oss-cn-hangzhou.aliyuncs.com`, its internal and accelerate forms, and `cn-hangzhou.oss.aliyuncs.com`.
fn is_aliyun_endpoint(host: &str) -> bool {
    let Some(name) = host.strip_suffix(".aliyuncs.com") else { return false };
    match name.split_once('.') {
        None => name.starts_with("oss"),
        Some((region, "oss")) => !region.is_empty(),
        Some(_) => false,
    }
}

fn without_user(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

fn first_segment(raw_path: &str) -> (&str, Option<&str>) {
    let path = raw_path.strip_prefix('/').unwrap_or(raw_path);
    match path.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    }
}

fn by_path(raw_path: &str) -> Result<Address, OssError> {
    let (first, rest) = first_segment(raw_path);
    if first == ADMIN_SEGMENT {
        return Ok(Address::Admin { path: rest.unwrap_or("").to_owned() });
    }
    if first.is_empty() {
        return Ok(Address::Resource { bucket: None, key: None, style: Style::Path });
    }
    let bucket = decoded(first)?;
    let key = rest.filter(|rest| !rest.is_empty()).map(decoded).transpose()?;
    Ok(Address::Resource { bucket: Some(bucket), key, style: Style::Path })
}

fn in_bucket(bucket: &str, raw_path: &str) -> Result<Address, OssError> {
    let path = raw_path.strip_prefix('/').unwrap_or(raw_path);
    let key = if path.is_empty() { None } else { Some(decoded(path)?) };
    Ok(Address::Resource { bucket: Some(bucket.to_owned()), key, style: Style::Host })
}

fn decoded(text: &str) -> Result<String, OssError> {
    form_decode(text).ok_or_else(|| {
        OssError::from(INVALID_OBJECT_NAME)
            .saying("The object name is not UTF-8 after percent-decoding.")
            .with("ObjectName", text)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encoding::percent_encode_path;

    fn hosts() -> Hosts {
        Hosts {
            service: vec!["oss.localhost".to_owned()],
            cnames: HashMap::from([("img.example.com".to_owned(), "pictures".to_owned())]),
        }
    }

    fn resolve(host: &str, path: &str) -> Address {
        hosts().resolve(host, path, &|name| name == "examplebucket").unwrap()
    }

    fn object(bucket: &str, key: &str, style: Style) -> Address {
        Address::Resource { bucket: Some(bucket.to_owned()), key: Some(key.to_owned()), style }
    }

    #[test]
    fn official_sdks_are_understood() {
        for (host, path, style) in [
            ("127.0.0.1:8281", "/examplebucket/files%2Fhello", Style::Path),
            ("[::1]:8281", "/examplebucket/files/hello", Style::Path),
            ("oss.localhost:8281", "/examplebucket/files/hello", Style::Path),
            ("examplebucket.localhost:8281", "/files/hello", Style::Host),
            ("examplebucket.oss-cn-hangzhou.aliyuncs.com", "/files/hello", Style::Host),
            ("examplebucket.cn-hangzhou.oss.aliyuncs.com", "/files/hello", Style::Host),
            ("emulator:9000", "/examplebucket/files/hello", Style::Path),
            ("storage.example.com", "/examplebucket/files/hello", Style::Path),
        ] {
            let wanted = object("examplebucket", "files/hello", style);
            assert_eq!(resolve(host, path), wanted, "{host}{path}");
        }
        assert_eq!(resolve("img.example.com", "/a+b%2Bc"), object("pictures", "a b+c", Style::Host));
    }

    #[test]
    fn the_host_is_in_a_header_or_in_the_target() {
        for (target, header, wanted) in [
            ("/k", Some("127.0.0.1:9000"), "127.0.0.1:9000"),
            ("http://one.example:80/k", Some("other.example"), "other.example"),
            ("http://user@one.example:80/k", None, "one.example:80"),
            ("/k", None, ""),
        ] {
            let mut request = http::Request::get(target);
            if let Some(header) = header {
                request = request.header(HOST, header);
            }
            assert_eq!(host(&request.body(()).unwrap().into_parts().0), wanted, "{target}");
        }
    }

    #[test]
    fn a_key_that_looks_like_the_admin_path_is_a_key() {
        let page = |style| object("examplebucket", "-/page", style);
        assert_eq!(resolve("examplebucket.localhost", "/-/page"), page(Style::Host));
        assert_eq!(resolve("127.0.0.1", "/examplebucket/-/page"), page(Style::Path));
        assert_eq!(resolve("127.0.0.1", "/-/page"), Address::Admin { path: "page".to_owned() });
    }

    #[test]
    fn the_service_and_a_bucket_have_no_key() {
        for host in ["127.0.0.1", "localhost", ".oss-cn-hangzhou.aliyuncs.com"] {
            let wanted = Address::Resource { bucket: None, key: None, style: Style::Path };
            assert_eq!(resolve(host, "/"), wanted, "{host}");
        }
        for path in ["/fresh", "/fresh/"] {
            let wanted =
                Address::Resource { bucket: Some("fresh".to_owned()), key: None, style: Style::Path };
            assert_eq!(resolve("127.0.0.1", path), wanted);
        }
    }

    proptest! {
        #[test]
        fn every_key_survives_both_addressing_styles(key in "\\PC{1,40}|[\u{1}-\u{1f}/+%?#& ]{1,20}") {
            let encoded = percent_encode_path(&key);
            for (host, style) in [("127.0.0.1", Style::Path), ("examplebucket.localhost", Style::Host)] {
                let url = style.url(host, "examplebucket", &key);
                let path = url.strip_prefix(&format!("http://{host}")).unwrap();
                prop_assert_eq!(resolve(host, path), object("examplebucket", &key, style));
                prop_assert!(path.ends_with(&encoded));
            }
        }
    }
}
