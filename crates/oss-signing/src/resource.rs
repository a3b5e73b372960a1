use crate::percent;

/// What a request is about, by logical names.
///
/// A signature covers the bucket and the key, not the URL: the same object has the same resource through a
/// virtual host, a path-style URL, an IP address or a custom domain (OSS documentation, "Include signatures in the
/// Authorization header", CanonicalizedResource). Names are the decoded ones; they are encoded where V4 needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource<'a> {
    bucket: Option<&'a str>,
    key: Option<&'a str>,
}

impl<'a> Resource<'a> {
    /// The service itself, as in `ListBuckets`.
    pub const fn service() -> Self {
        Self { bucket: None, key: None }
    }

    /// A bucket, as in `ListObjects`.
    pub const fn bucket(bucket: &'a str) -> Self {
        Self { bucket: Some(bucket), key: None }
    }

    /// An object.
    pub const fn object(bucket: &'a str, key: &'a str) -> Self {
        Self { bucket: Some(bucket), key: Some(key) }
    }

    /// `/`, `/bucket/` or `/bucket/key`, raw: the form of V1.
    pub(crate) fn write_raw(self, out: &mut Vec<u8>) {
        self.write(out, |out, bytes| out.extend_from_slice(bytes));
    }

    /// The same, percent-encoded with `/` kept: the canonical URI of V4.
    pub(crate) fn write_encoded(self, out: &mut Vec<u8>) {
        self.write(out, percent::encode_path);
    }

    /// An upper bound of what the two write functions append, for one allocation instead of several.
    pub(crate) fn encoded_len(self) -> usize {
        2 + 3 * (self.bucket.map_or(0, str::len) + self.key.map_or(0, str::len))
    }

    fn write(self, out: &mut Vec<u8>, append: fn(&mut Vec<u8>, &[u8])) {
        out.push(b'/');
        if let Some(bucket) = self.bucket {
            append(out, bucket.as_bytes());
            out.push(b'/');
        }
        append(out, self.key.unwrap_or_default().as_bytes());
    }
}
