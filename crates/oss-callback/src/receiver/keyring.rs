use std::collections::HashMap;

use super::key::{KeyError, PublicKey};

/// Where OSS publishes the key it signs callbacks with. Its content never changes.
pub const OFFICIAL_KEY_URLS: [&str; 2] = [
    "https://gosspublic.alicdn.com/callback_pub_key_v1.pem",
    "http://gosspublic.alicdn.com/callback_pub_key_v1.pem",
];

/// The key OSS signs callbacks with: RSA, 512 bits.
pub const OFFICIAL_KEY_PEM: &str = "\
-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKs/JBGzwUB2aVht4crBx3oIPBLNsjGs
C0fTXv+nvlmklvkcolvpvXLTjaxUHR3W9LXxQ2EHXAJfCB+6H2YF1k8CAwEAAQ==
-----END PUBLIC KEY-----
";

/// Known keys by the URL a request names them with. A URL is compared, never fetched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keyring {
    by_url: HashMap<String, PublicKey>,
}

impl Keyring {
    pub(crate) fn add(&mut self, url: &str, key: PublicKey) -> Result<(), KeyError> {
        let absolute = url.starts_with("https://") || url.starts_with("http://");
        if !absolute || url.len() > MAX_URL_BYTES || !url.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(KeyError::Url);
        }
        self.insert(url, key);
        Ok(())
    }

    pub(crate) fn insert(&mut self, url: &str, key: PublicKey) {
        self.by_url.insert(url.to_owned(), key);
    }

    pub(crate) fn find(&self, url: &str) -> Option<&PublicKey> {
        self.by_url.get(url)
    }
}

/// Longer than any real key URL; it bounds what is decoded from an unauthenticated header.
pub(crate) const MAX_URL_BYTES: usize = 512;
