//! The headers of each request that the options say, and what is wrong with them.

use std::collections::BTreeSet;

use http::HeaderMap;
use http::header::{CONTENT_TYPE, Entry, HeaderName, HeaderValue};
use oss_callback::Callback;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::ObjectOptions;
use crate::error::Error;

impl ObjectOptions {
    /// The headers of a PUT of the whole object. Without a guess the content type is left to whoever sends it.
    pub(crate) fn put_headers(&self, guessed_type: Option<&'static str>) -> Result<HeaderMap, Error> {
        let mut headers = match guessed_type {
            Some(guessed_type) => self.initiate_headers(guessed_type)?,
            None => self.stored_headers()?,
        };
        if let Some(acl) = self.acl {
            headers.insert(OBJECT_ACL, HeaderValue::from_static(acl.as_str()));
        }
        headers.extend(self.transfer_headers()?);
        Ok(headers)
    }

    /// The headers fixed when a multipart upload is initiated.
    pub(crate) fn initiate_headers(&self, guessed_type: &'static str) -> Result<HeaderMap, Error> {
        let mut headers = self.stored_headers()?;
        if let Entry::Vacant(absent) = headers.entry(CONTENT_TYPE) {
            absent.insert(HeaderValue::from_static(guessed_type));
        }
        Ok(headers)
    }

    /// What the object is stored with, and nothing that is guessed.
    fn stored_headers(&self) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        for (name, text) in &self.headers {
            headers.insert(name.clone(), value(option_of(name), name, text)?);
        }
        headers.extend(self.metadata_headers()?);
        if !self.tags.is_empty() {
            headers.insert(TAGGING, value("tag", &TAGGING, &self.tagging()?)?);
        }
        if self.custom.len() > MOST_CUSTOM {
            let reason = format!("is set {} times; at most {MOST_CUSTOM} are sent", self.custom.len());
            return Err(Error::invalid("custom_header", reason));
        }
        for (name, text) in &self.custom {
            let name = custom_name(name)?;
            let value = value("custom_header", &name, text)?;
            headers.insert(name, value);
        }
        Ok(headers)
    }

    fn metadata_headers(&self) -> Result<HeaderMap, Error> {
        let too_long = || {
            let reason = format!("has more than {METADATA_LIMIT} bytes (8 KB) of names and values");
            Error::invalid("metadata", reason)
        };
        let mut headers = HeaderMap::new();
        for (suffix, text) in &self.metadata {
            let name = HeaderName::try_from(format!("{METADATA}{suffix}")).map_err(|_| {
                Error::invalid("metadata", format!("name {suffix:?} cannot be part of a header name"))
            })?;
            let value = value("metadata", &name, text)?;
            headers.try_insert(name, value).map_err(|_more_than_any_map_takes| too_long())?;
        }
        let bytes: usize =
            headers.iter().map(|(name, value)| name.as_str().len() - METADATA.len() + value.len()).sum();
        if bytes > METADATA_LIMIT { Err(too_long()) } else { Ok(headers) }
    }

    /// The headers of a request that carries content.
    pub(crate) fn transfer_headers(&self) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        if let Some(limit) = self.traffic_limit {
            if !TRAFFIC_LIMITS.contains(&limit) {
                let reason = format!("is {limit}; it must be 819,200 to 838,860,800 bits a second");
                return Err(Error::invalid("traffic_limit", reason));
            }
            headers.insert(TRAFFIC_LIMIT, HeaderValue::from(limit));
        }
        headers.extend(self.payer_headers());
        Ok(headers)
    }

    /// The headers of a Complete.
    pub(crate) fn complete_headers(&self, callback: Option<&Callback>) -> HeaderMap {
        let mut headers = self.payer_headers();
        if let Some(callback) = callback {
            headers.extend(callback.encode().headers());
        }
        if let Some(acl) = self.acl {
            headers.insert(OBJECT_ACL, HeaderValue::from_static(acl.as_str()));
        }
        if self.forbids_overwrite() {
            headers.insert(FORBID_OVERWRITE, HeaderValue::from_static("true"));
        }
        headers
    }

    /// Whether OSS is to refuse the upload if there is an object already.
    pub(crate) fn forbids_overwrite(&self) -> bool {
        self.headers.iter().any(|(name, _)| *name == FORBID_OVERWRITE)
    }

    /// The header every request of a requester who pays needs.
    pub(crate) fn payer_headers(&self) -> HeaderMap {
        match self.headers.iter().any(|(name, _)| *name == REQUEST_PAYER) {
            true => requester_pays(),
            false => HeaderMap::new(),
        }
    }

    fn tagging(&self) -> Result<String, Error> {
        let keys: BTreeSet<&str> = self.tags.iter().map(|(key, _)| key.as_str()).collect();
        if self.tags.len() > 10 || keys.len() < self.tags.len() {
            return Err(Error::invalid("tag", "is set more than 10 times, or twice for one key"));
        }
        for (key, value) in &self.tags {
            if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
                let reason = format!("{key:?} is empty or longer than 128, or its value than 256 characters");
                return Err(Error::invalid("tag", reason));
            }
        }
        let encode = |text| utf8_percent_encode(text, FORM).to_string();
        let pairs: Vec<_> = self.tags.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect();
        Ok(pairs.join("&"))
    }
}

/// Declares that the requester pays.
pub(crate) fn requester_pays() -> HeaderMap {
    HeaderMap::from_iter([(REQUEST_PAYER, HeaderValue::from_static(REQUESTER))])
}

/// The option that sets a header.
fn option_of(header: &HeaderName) -> &'static str {
    match header.as_str() {
        "content-type" => "content_type",
        "cache-control" => "cache_control",
        "content-disposition" => "content_disposition",
        "content-encoding" => "content_encoding",
        "content-language" => "content_language",
        "expires" => "expires",
        "x-oss-server-side-encryption-key-id" => "server_side_encryption",
        _ => "header",
    }
}

/// A refusal does not repeat the value: it may be a secret with a line break at its end.
fn value(argument: &'static str, header: &HeaderName, text: &str) -> Result<HeaderValue, Error> {
    let unfit =
        |reason: &str| Error::invalid(argument, format!("has a value for the header {header} that {reason}"));
    if text.trim_matches([' ', '\t']).len() != text.len() {
        return Err(unfit("begins or ends with white space, which HTTP would drop"));
    }
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| unfit("has characters no header may have"))
}

fn custom_name(name: &str) -> Result<HeaderName, Error> {
    let invalid = |reason: &str| Error::invalid("custom_header", format!("{name:?} {reason}"));
    let header = HeaderName::try_from(name).map_err(|_| invalid("is not a header name"))?;
    match header.as_str() {
        "authorization" | "content-length" | "transfer-encoding" | "host" | "connection" | "expect" => {
            Err(invalid("is set by the upload itself"))
        }
        "x-oss-callback" | "x-oss-callback-var" => Err(invalid("is set by `callback`")),
        // What the upload itself has to know of, or says in several requests.
        "x-oss-object-acl"
        | "x-oss-tagging"
        | "x-oss-traffic-limit"
        | "x-oss-forbid-overwrite"
        | "x-oss-request-payer"
        | "content-md5" => Err(invalid("has an option of its own")),
        _ => Ok(header),
    }
}

pub(super) const ENCRYPTION_KEY_ID: HeaderName =
    HeaderName::from_static("x-oss-server-side-encryption-key-id");
const METADATA: &str = "x-oss-meta-";
/// OSS documentation, "Manage object metadata": all user metadata of an object have at most 8 KB.
const METADATA_LIMIT: usize = 8 * 1024;
/// Far more than OSS has names for, and few enough for every map of headers.
const MOST_CUSTOM: usize = 100;
const OBJECT_ACL: HeaderName = HeaderName::from_static("x-oss-object-acl");
const TAGGING: HeaderName = HeaderName::from_static("x-oss-tagging");
const TRAFFIC_LIMIT: HeaderName = HeaderName::from_static("x-oss-traffic-limit");
pub(crate) const REQUEST_PAYER: HeaderName = HeaderName::from_static("x-oss-request-payer");
pub(crate) const REQUESTER: &str = "requester";
pub(crate) const FORBID_OVERWRITE: HeaderName = HeaderName::from_static("x-oss-forbid-overwrite");
const TRAFFIC_LIMITS: std::ops::RangeInclusive<u64> = 819_200..=838_860_800;
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{ObjectAcl, ServerSideEncryption, guess_content_type};

    fn many(names: u32) -> impl Iterator<Item = String> {
        (0..names).map(|n| format!("n{n}"))
    }

    #[test]
    fn what_cannot_be_a_header_is_refused_by_name() {
        for (options, argument) in [
            (ObjectOptions::new().content_type("a\r\nx-oss-callback: b"), "content_type"),
            (ObjectOptions::new().expires(" x"), "expires"),
            (ObjectOptions::new().custom_header("a", "hush\n"), "custom_header"),
            (ObjectOptions::new().custom_header("X-OSS-Forbid-Overwrite", "true"), "custom_header"),
            (ObjectOptions::new().custom_header("x-oss-request-payer", "requester"), "custom_header"),
            (ObjectOptions::new().metadata("a b", "x"), "metadata"),
            (ObjectOptions::new().metadata("a", " x"), "metadata"),
            (ObjectOptions::new().metadata("a", "x".repeat(8 * 1024)), "metadata"),
            (many(9000).fold(ObjectOptions::new(), |all, n| all.metadata(n, "")), "metadata"),
            (many(40_000).fold(ObjectOptions::new(), |all, n| all.metadata(n, "")), "metadata"),
            (many(101).fold(ObjectOptions::new(), |all, n| all.custom_header(n, "")), "custom_header"),
            (many(40_000).fold(ObjectOptions::new(), |all, n| all.custom_header(n, "")), "custom_header"),
            (ObjectOptions::new().custom_header("Authorization", "x"), "custom_header"),
            (ObjectOptions::new().custom_header("x-oss-callback", "x"), "custom_header"),
            (ObjectOptions::new().tag("a", "1").tag("a", "2"), "tag"),
            (ObjectOptions::new().tag("", "1"), "tag"),
            (ObjectOptions::new().tag("k".repeat(129), "1"), "tag"),
            (ObjectOptions::new().tag("k", "1".repeat(257)), "tag"),
            ((0..11).fold(ObjectOptions::new(), |all, n| all.tag(n.to_string(), "1")), "tag"),
            (ObjectOptions::new().traffic_limit(819_199), "traffic_limit"),
            (ObjectOptions::new().traffic_limit(838_860_801), "traffic_limit"),
        ] {
            match options.put_headers(Some("text/plain")) {
                Err(Error::InvalidArgument { argument: named, reason }) => {
                    assert_eq!(named, argument);
                    assert!(!reason.contains("hush"), "{reason}");
                }
                other => panic!("{argument}: {other:?}"),
            }
        }
    }

    #[test]
    fn as_much_metadata_as_oss_takes_is_sent() {
        let full = ObjectOptions::new().metadata("a", "x".repeat(8 * 1024 - 1));
        // What is said again under the same name counts once.
        let again = full.clone().metadata("A", "x".repeat(8 * 1024 - 1));
        for options in [full, again] {
            assert_eq!(options.put_headers(Some("text/plain")).unwrap()["x-oss-meta-a"].len(), 8 * 1024 - 1);
        }
        let most = many(100).fold(ObjectOptions::new(), |all, n| all.custom_header(n, ""));
        assert_eq!(most.put_headers(None).unwrap().len(), 100);
    }

    #[test]
    fn an_encryption_takes_no_key_of_the_one_said_before() {
        let kms = ServerSideEncryption::Kms { key_id: Some("key".into()) };
        let kms = ObjectOptions::new().server_side_encryption(kms);
        assert!(kms.put_headers(None).unwrap().contains_key(ENCRYPTION_KEY_ID));
        for encryption in [
            ServerSideEncryption::Aes256,
            ServerSideEncryption::Sm4,
            ServerSideEncryption::Kms { key_id: None },
        ] {
            let headers = kms.clone().server_side_encryption(encryption).put_headers(None).unwrap();
            assert!(!headers.contains_key(ENCRYPTION_KEY_ID), "{headers:?}");
        }
    }

    #[test]
    fn each_request_of_a_multipart_upload_gets_its_headers() {
        let options = ObjectOptions::new()
            .acl(ObjectAcl::Private)
            .forbid_overwrite()
            .tag("a&b", "c d")
            .traffic_limit(819_200)
            .requester_pays();
        let names = |headers: HeaderMap| headers.keys().map(|name| name.to_string()).collect::<BTreeSet<_>>();
        let initiate = options.initiate_headers("text/plain").unwrap();
        assert_eq!(initiate["x-oss-tagging"], "a%26b=c%20d");
        assert!(!names(initiate.clone()).contains("x-oss-object-acl"));
        assert!(!names(initiate).contains("x-oss-traffic-limit"));
        assert_eq!(
            names(options.complete_headers(None)),
            ["x-oss-forbid-overwrite", "x-oss-object-acl", "x-oss-request-payer"].map(String::from).into()
        );
        assert!(
            names(options.put_headers(Some("a/b")).unwrap())
                .is_superset(&names(options.complete_headers(None)))
        );
    }

    #[test]
    fn the_content_type_is_guessed_from_the_file_then_the_key() {
        let guess = |file: Option<&str>, key| guess_content_type(file.map(std::path::Path::new), key);
        assert_eq!(guess(Some("a.png"), "b.txt"), "image/png");
        assert_eq!(guess(Some("a"), "b.txt"), "text/plain");
        assert_eq!(guess(None, "b"), "application/octet-stream");
    }
}
