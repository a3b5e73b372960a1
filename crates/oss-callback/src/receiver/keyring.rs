use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

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
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// The URL in canonical base64, as the header has it: comparing that text needs no decoding, and says the
    /// same, because canonical base64 has one spelling for each text.
    encoded_url: String,
    key: PublicKey,
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

    /// A key that is already there under this URL is replaced.
    pub(crate) fn insert(&mut self, url: &str, key: PublicKey) {
        let encoded_url = STANDARD.encode(url);
        self.entries.retain(|entry| entry.encoded_url != encoded_url);
        self.entries.push(Entry { encoded_url, key });
    }

    /// The key whose URL in base64 is the text given.
    pub(crate) fn find(&self, encoded_url: &[u8]) -> Option<&PublicKey> {
        self.entries.iter().find(|entry| entry.encoded_url.as_bytes() == encoded_url).map(|entry| &entry.key)
    }
}

/// Longer than any real key URL; it bounds what is decoded from an unauthenticated header.
pub(crate) const MAX_URL_BYTES: usize = 512;
