//! Which bucket and key a request names: virtual host, path style, or a custom domain (CNAME).

use std::collections::HashMap;
use std::net::IpAddr;

use crate::encoding::form_decode;
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
    Resource { bucket: Option<String>, key: Option<String> },
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
        return Ok(Address::Resource { bucket: None, key: None });
    }
    let bucket = decoded(first)?;
    let key = rest.filter(|rest| !rest.is_empty()).map(decoded).transpose()?;
    Ok(Address::Resource { bucket: Some(bucket), key })
}

fn in_bucket(bucket: &str, raw_path: &str) -> Result<Address, OssError> {
    let path = raw_path.strip_prefix('/').unwrap_or(raw_path);
    let key = if path.is_empty() { None } else { Some(decoded(path)?) };
    Ok(Address::Resource { bucket: Some(bucket.to_owned()), key })
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

    fn object(bucket: &str, key: &str) -> Address {
        Address::Resource { bucket: Some(bucket.to_owned()), key: Some(key.to_owned()) }
    }

    #[test]
    fn official_sdks_are_understood() {
        let wanted = object("examplebucket", "files/hello");
        for (host, path) in [
            ("127.0.0.1:8281", "/examplebucket/files%2Fhello"),
            ("[::1]:8281", "/examplebucket/files/hello"),
            ("oss.localhost:8281", "/examplebucket/files/hello"),
            ("examplebucket.localhost:8281", "/files/hello"),
            ("examplebucket.oss-cn-hangzhou.aliyuncs.com", "/files/hello"),
            ("examplebucket.cn-hangzhou.oss.aliyuncs.com", "/files/hello"),
            ("emulator:9000", "/examplebucket/files/hello"),
            ("storage.example.com", "/examplebucket/files/hello"),
        ] {
            assert_eq!(resolve(host, path), wanted, "{host}{path}");
        }
        assert_eq!(resolve("img.example.com", "/a+b%2Bc"), object("pictures", "a b+c"));
    }

    #[test]
    fn a_key_that_looks_like_the_admin_path_is_a_key() {
        assert_eq!(resolve("examplebucket.localhost", "/-/page"), object("examplebucket", "-/page"));
        assert_eq!(resolve("127.0.0.1", "/examplebucket/-/page"), object("examplebucket", "-/page"));
        assert_eq!(resolve("127.0.0.1", "/-/page"), Address::Admin { path: "page".to_owned() });
    }

    #[test]
    fn the_service_and_a_bucket_have_no_key() {
        for host in ["127.0.0.1", "localhost", ".oss-cn-hangzhou.aliyuncs.com"] {
            assert_eq!(resolve(host, "/"), Address::Resource { bucket: None, key: None }, "{host}");
        }
        for path in ["/fresh", "/fresh/"] {
            let wanted = Address::Resource { bucket: Some("fresh".to_owned()), key: None };
            assert_eq!(resolve("127.0.0.1", path), wanted);
        }
    }

    proptest! {
        #[test]
        fn every_key_survives_both_addressing_styles(key in "\\PC{1,40}|[\u{1}-\u{1f}/+%?#& ]{1,20}") {
            let encoded = percent_encode_path(&key);
            prop_assert_eq!(resolve("127.0.0.1", &format!("/examplebucket/{encoded}")), object("examplebucket", &key));
            prop_assert_eq!(resolve("examplebucket.localhost", &format!("/{encoded}")), object("examplebucket", &key));
        }
    }
}
