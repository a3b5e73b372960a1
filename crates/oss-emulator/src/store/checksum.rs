//! MD5 and CRC-64/XZ of contents, and the CRC of a joined content from those of its pieces.

use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::{Digest as _, Md5};

use crate::encoding::hex_upper;

/// The reflected polynomial of CRC-64/XZ, which OSS calls CRC64 ECMA.
const POLYNOMIAL: u64 = 0xC96C_5795_D787_0F42;

/// What is known of a content after it was read once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checksums {
    pub(crate) size: u64,
    pub(crate) crc64: u64,
    /// Absent in the sink store, whose purpose is speed, unless the client sent a `Content-MD5`.
    pub(crate) md5: Option<[u8; 16]>,
}

impl Checksums {
    /// The ETag of a content stored in one piece: its MD5, or a text of the same shape when there is none.
    pub(crate) fn etag(&self) -> String {
        self.md5.map_or_else(|| format!("{:016X}{:016X}", self.crc64, self.size), |md5| hex_upper(&md5))
    }
}

/// Reads a content once and keeps its checksums.
pub(crate) struct Hasher {
    size: u64,
    crc64: Crc,
    md5: Option<Md5>,
}

impl Hasher {
    pub(crate) fn new(with_md5: bool) -> Self {
        Self { size: 0, crc64: Crc::new(CrcAlgorithm::Crc64Xz), md5: with_md5.then(Md5::new) }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.crc64.update(bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    pub(crate) fn finish(self) -> Checksums {
        Checksums {
            size: self.size,
            crc64: self.crc64.finalize(),
            md5: self.md5.map(|md5| md5.finalize().into()),
        }
    }
}

/// The CRC of `A` followed by `B` from the CRC of each and the length of `B`.
pub(crate) fn combine(crc_a: u64, crc_b: u64, len_b: u64) -> u64 {
    multiply(power_of_x(len_b), crc_a) ^ crc_b
}

/// `x^(8·bytes)` modulo the polynomial, by squaring: about 40 multiplications for any length.
fn power_of_x(bytes: u64) -> u64 {
    let one = 1 << 63;
    let mut result = one;
    // x^8: the coefficient of x^n is bit 63-n in the reflected form.
    let mut square = one >> 8;
    let mut left = bytes;
    while left != 0 {
        if left & 1 == 1 {
            result = multiply(result, square);
        }
        square = multiply(square, square);
        left >>= 1;
    }
    result
}

/// Product of two polynomials over GF(2) modulo the CRC's polynomial, all reflected.
fn multiply(a: u64, b: u64) -> u64 {
    let mut product = 0;
    let mut shifted = b;
    for bit in (0..64).rev() {
        if a >> bit & 1 == 1 {
            product ^= shifted;
        }
        let carry = shifted & 1;
        shifted >>= 1;
        if carry == 1 {
            shifted ^= POLYNOMIAL;
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn crc(bytes: &[u8]) -> u64 {
        let mut hasher = Hasher::new(false);
        hasher.update(bytes);
        hasher.finish().crc64
    }

    #[test]
    fn the_documented_check_value() {
        assert_eq!(crc(b"123456789"), 11_051_210_869_376_104_954);
        assert_eq!(crc(b""), 0);
    }

    #[test]
    fn etag_of_hello_world() {
        let mut hasher = Hasher::new(true);
        hasher.update(b"hello world");
        assert_eq!(hasher.finish().etag(), "5EB63BBBE01EEED093CB22BB8F5ACDC3");
    }

    proptest! {
        #[test]
        fn joining_equals_hashing_the_whole(
            a in proptest::collection::vec(any::<u8>(), 0..300),
            b in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let whole: Vec<u8> = a.iter().chain(&b).copied().collect();
            prop_assert_eq!(combine(crc(&a), crc(&b), b.len() as u64), crc(&whole));
        }
    }
}
