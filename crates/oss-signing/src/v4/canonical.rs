//! The canonical request and the string to sign.

use std::fmt::{self, Write as _};

use crate::header::CanonicalHeaders;
use crate::mac;
use crate::query::{self, Repeated};
use crate::resource::Resource;

use super::{ALGORITHM, TERMINATOR};

/// What the signature covers, as it is on the wire.
pub(crate) struct CanonicalRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) resource: Resource<'a>,
    pub(crate) query: &'a [u8],
    pub(crate) headers: CanonicalHeaders<'a>,
    /// Names joined with `;`, sorted.
    pub(crate) additional_headers: &'a [u8],
    pub(crate) payload_hash: &'a [u8],
}

impl CanonicalRequest<'_> {
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, Repeated> {
        let mut out = Vec::with_capacity(
            self.method.len()
                + self.resource.encoded_len()
                + 3 * self.query.len()
                + self.headers.len()
                + self.additional_headers.len()
                + self.payload_hash.len()
                + 8,
        );
        out.extend_from_slice(self.method.as_bytes());
        out.push(b'\n');
        self.resource.write_encoded(&mut out);
        out.push(b'\n');
        query::write_canonical(&mut out, self.query, "x-oss-signature")?;
        out.push(b'\n');
        self.headers.write(&mut out);
        out.push(b'\n');
        out.extend_from_slice(self.additional_headers);
        out.push(b'\n');
        out.extend_from_slice(self.payload_hash);
        Ok(out)
    }
}

/// Day, region and product a signature is valid for: `20241213/cn-hangzhou/oss/aliyun_v4_request`.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// `YYYYMMDD`
    pub(crate) date: &'a [u8; 8],
    /// What [`Scope::after_date`] makes of the region and the product.
    pub(crate) rest: &'a str,
}

impl Scope<'_> {
    pub(crate) fn after_date(region: &str, product: &str) -> String {
        ["/", region, "/", product, "/", TERMINATOR].concat()
    }

    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.date);
        out.extend_from_slice(self.rest.as_bytes());
    }

    pub(crate) fn len(self) -> usize {
        self.date.len() + self.rest.len()
    }
}

impl fmt::Display for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date.iter().try_for_each(|&digit| f.write_char(char::from(digit)))?;
        f.write_str(self.rest)
    }
}

/// Writes the string to sign into `out`, which holds the canonical request and loses it: one buffer serves both.
pub(crate) fn replace_by_string_to_sign(out: &mut Vec<u8>, datetime: &[u8], scope: Scope<'_>) {
    let hash = mac::hex(&mac::sha256(out));
    out.clear();
    out.extend_from_slice(ALGORITHM.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(datetime);
    out.push(b'\n');
    scope.write(out);
    out.push(b'\n');
    out.extend_from_slice(&hash);
}
