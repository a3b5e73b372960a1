//! CRC-64/XZ, the checksum OSS returns in `x-oss-hash-crc64ecma`.

use std::fmt;

/// A running CRC-64/XZ, the checksum in the header `x-oss-hash-crc64ecma`.
///
/// The header's name says ECMA, the algorithm is the reflected one with all-ones initial value and final xor
/// (catalogued as CRC-64/XZ): the checksum of `123456789` is 11051210869376104954 and that of nothing is 0.
///
/// ```
/// use oss_upload::Crc64;
///
/// assert_eq!(Crc64::of(b"123456789"), 11_051_210_869_376_104_954);
/// ```
pub struct Crc64(crc_fast::Digest);

impl Crc64 {
    /// Starts with no bytes.
    #[must_use]
    pub fn new() -> Self {
        Self(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Xz))
    }

    /// The checksum of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> u64 {
        crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Xz, bytes)
    }

    /// Adds `bytes` at the end.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.finalize()
    }
}

impl Default for Crc64 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Crc64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Crc64").field(&self.value()).finish()
    }
}

/// Appends one checksum to another without the bytes, for a fixed length of what is appended.
///
/// `crc(A ‖ B) = crc(A) · x^(8·len(B)) ⊕ crc(B)` in GF(2)\[x\] modulo the polynomial. The factor depends on the
/// length alone, so an upload whose parts have one size builds it once and then pays one multiplication a part.
///
/// For whoever sends the parts of an upload elsewhere and compares the whole with what OSS says of it:
///
/// ```
/// use oss_upload::{Crc64, Crc64Append};
///
/// let (first, second) = (Crc64::of(b"1234"), Crc64::of(b"56789"));
/// assert_eq!(Crc64Append::new(5).append(first, second), Crc64::of(b"123456789"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Crc64Append {
    len: u64,
    factor: u64,
}

impl Crc64Append {
    /// Prepares to append checksums of `len` bytes.
    #[must_use]
    pub fn new(len: u64) -> Self {
        Self { len, factor: power_of_x(len) }
    }

    /// The checksum of the bytes behind `before` followed by the bytes behind `appended`.
    #[must_use]
    pub fn append(&self, before: u64, appended: u64) -> u64 {
        multiply(self.factor, before) ^ appended
    }
}

/// Folds the checksums of consecutive parts into that of the whole.
#[derive(Debug, Default)]
pub(crate) struct Crc64Fold {
    crc: u64,
    append: Option<Crc64Append>,
}

impl Crc64Fold {
    pub(crate) fn push(&mut self, crc: u64, len: u64) {
        let append = match self.append {
            Some(append) if append.len == len => append,
            _ => *self.append.insert(Crc64Append::new(len)),
        };
        self.crc = append.append(self.crc, crc);
    }

    pub(crate) fn value(&self) -> u64 {
        self.crc
    }
}

/// x^(8·`bytes`) modulo the polynomial, by squaring.
fn power_of_x(bytes: u64) -> u64 {
    let mut power = ONE;
    for (bit, square) in SQUARES.iter().enumerate() {
        if bytes >> bit & 1 == 1 {
            power = multiply(*square, power);
        }
    }
    power
}

/// The product of two reflected polynomials modulo the CRC polynomial; bit 63 is the coefficient of x^0.
const fn multiply(a: u64, mut b: u64) -> u64 {
    let mut product = 0;
    let mut bit = ONE;
    while bit != 0 {
        if a & bit != 0 {
            product ^= b;
        }
        bit >>= 1;
        b = if b & 1 == 1 { (b >> 1) ^ POLYNOMIAL } else { b >> 1 };
    }
    product
}

const fn squares() -> [u64; 64] {
    // x^8 is the first entry: one byte.
    let mut table = [0; 64];
    table[0] = ONE >> 8;
    let mut n = 1;
    while n < 64 {
        table[n] = multiply(table[n - 1], table[n - 1]);
        n += 1;
    }
    table
}

const ONE: u64 = 1 << 63;
const POLYNOMIAL: u64 = 0xC96C_5795_D787_0F42;
/// x^(8·2^n) modulo the polynomial.
const SQUARES: [u64; 64] = squares();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(Crc64::of(b"123456789"), 0x995D_C9BB_DF19_39FA);
        assert_eq!(Crc64::of(b""), 0);
        let mut crc = Crc64::new();
        crc.update(b"1234");
        crc.update(b"56789");
        assert_eq!(crc.value(), Crc64::of(b"123456789"));
    }

    #[test]
    fn appending_equals_the_direct_checksum() {
        let data: Vec<u8> = (0..5000u32).map(|n| (n * 7 + n / 256) as u8).collect();
        for split in [0, 1, 7, 8, 9, 255, 256, 4095, 4999, 5000] {
            let (a, b) = data.split_at(split);
            let joined = Crc64Append::new(b.len() as u64).append(Crc64::of(a), Crc64::of(b));
            assert_eq!(joined, Crc64::of(&data), "split at {split}");
        }
    }

    #[test]
    fn folding_parts_of_two_sizes() {
        let data = vec![0xA5; 10_007];
        let mut fold = Crc64Fold::default();
        for part in data.chunks(1000) {
            fold.push(Crc64::of(part), part.len() as u64);
        }
        assert_eq!(fold.value(), Crc64::of(&data));
    }
}
