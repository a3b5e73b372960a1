use std::fmt;

use pkcs1::RsaPublicKeyRef;
use pkcs1::der::Decode as _;
use spki::SubjectPublicKeyInfoRef;

use super::modpow::{Modulus, SignatureFault};

/// An RSA public key that callbacks can be signed with.
///
/// Parsing precomputes what every verification needs, so keep the value.
#[derive(Clone)]
pub struct PublicKey {
    modulus: Modulus,
    exponent: u32,
    /// Length of the modulus, and so of a signature, in bytes.
    length: usize,
    bits: u32,
}

/// Why a text is no usable public key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a PEM block of the label `PUBLIC KEY`.
    #[error("the key is not a PEM block `-----BEGIN PUBLIC KEY-----`")]
    Pem,
    /// The PEM block is not the DER form of an RSA public key (RFC 5280, SubjectPublicKeyInfo).
    #[error("the PEM block does not hold an RSA public key (SubjectPublicKeyInfo)")]
    NotRsa,
    /// The modulus is shorter than 512 or longer than 4,096 bits.
    #[error("the RSA modulus has {bits} bits; 512 to 4096 are accepted")]
    Size {
        /// Length of the modulus in bits.
        bits: u32,
    },
    /// The modulus is even or the exponent is not an odd number from 3 to 4294967295.
    #[error(
        "the RSA modulus or its public exponent is not usable: both must be odd, the exponent 3 to 4294967295"
    )]
    Unusable,
    /// The URL the key is to be known by is not an absolute http or https URL of at most 512 ASCII characters.
    #[error("the key URL must be an http or https URL of at most 512 visible ASCII characters")]
    Url,
}

impl PublicKey {
    /// Reads a PEM block `PUBLIC KEY` that holds an RSA key of 512 to 4,096 bits.
    ///
    /// # Errors
    ///
    /// [`KeyError`] says what the text lacks.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let (label, der) = pem_rfc7468::decode_vec(pem.trim().as_bytes()).map_err(|_| KeyError::Pem)?;
        if label != "PUBLIC KEY" {
            return Err(KeyError::Pem);
        }
        let info = SubjectPublicKeyInfoRef::from_der(&der).map_err(|_| KeyError::NotRsa)?;
        if info.algorithm.oid != pkcs1::ALGORITHM_OID {
            return Err(KeyError::NotRsa);
        }
        let bits = info.subject_public_key.as_bytes().ok_or(KeyError::NotRsa)?;
        let key = RsaPublicKeyRef::from_der(bits).map_err(|_| KeyError::NotRsa)?;
        Self::from_numbers(key.modulus.as_bytes(), key.public_exponent.as_bytes())
    }

    /// The key OSS signs callbacks with, [`OFFICIAL_KEY_PEM`](crate::OFFICIAL_KEY_PEM).
    #[must_use]
    pub fn official() -> Self {
        Self { modulus: Modulus::official(), exponent: 65_537, length: 64, bits: 512 }
    }

    /// Length of the modulus in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.bits
    }

    fn from_numbers(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let modulus = strip_zeros(modulus);
        let exponent = match strip_zeros(exponent) {
            long if long.len() > size_of::<u32>() => return Err(KeyError::Unusable),
            short => short.iter().fold(0_u32, |value, byte| (value << 8) | u32::from(*byte)),
        };
        let length = modulus.len();
        // A number of more than 4,096 bits need not be counted exactly.
        let bits = modulus.first().map_or(0, |first| {
            u32::try_from(length).unwrap_or(u32::MAX).saturating_mul(8).saturating_sub(first.leading_zeros())
        });
        if !(512..=4096).contains(&bits) {
            return Err(KeyError::Size { bits });
        }
        if exponent < 3 || exponent % 2 == 0 {
            return Err(KeyError::Unusable);
        }
        let modulus = Modulus::new(modulus, &padding(length)).ok_or(KeyError::Unusable)?;
        Ok(Self { modulus, exponent, length, bits })
    }

    /// RSASSA-PKCS1-v1_5 with MD5: raises the signature to the public exponent and compares the whole encoded
    /// message, so there is no padding to parse and none to get wrong.
    pub(crate) fn verify(&self, digest: [u8; 16], signature: &[u8]) -> Result<(), SignatureFault> {
        if signature.len() != self.length {
            return Err(SignatureFault::Length { expected: self.length });
        }
        self.modulus.check(signature, self.exponent, digest)
    }

    #[cfg(test)]
    pub(crate) fn modulus(&self) -> &Modulus {
        &self.modulus
    }
}

/// 4,096 bits.
pub(crate) const MAX_BYTES: usize = 512;

/// RFC 8017, section 9.2: `00 01 FF… 00 DigestInfo`, and zeros where the digest goes.
fn padding(length: usize) -> Vec<u8> {
    let tail = [&[0x00], DIGEST_INFO_MD5.as_slice(), &[0; 16]].concat();
    // A modulus has at least 64 bytes, so there are always more than the eight bytes `FF` that the RFC wants.
    let fill = vec![0xff; length.saturating_sub(2 + tail.len())];
    [[0x00, 0x01].as_slice(), &fill, &tail].concat()
}

/// DER of `DigestInfo` up to the digest, for MD5 (RFC 8017, section 9.2, note 1).
const DIGEST_INFO_MD5: [u8; 18] = [
    0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05, 0x05, 0x00, 0x04,
    0x10,
];

fn strip_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("bits", &self.bits).field("exponent", &self.exponent).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoded_message_is_that_of_the_rfc() {
        let message = padding(64);
        assert_eq!(message.len(), 64);
        assert_eq!(message[..2], [0, 1]);
        assert!(message[2..29].iter().all(|b| *b == 0xff));
        assert_eq!(message[29], 0);
        assert_eq!(message[30..48], DIGEST_INFO_MD5);
        assert_eq!(message[48..], [0; 16]);
    }

    #[test]
    fn the_embedded_key_looks_like_the_published_one() {
        let published = PublicKey::from_pem(crate::OFFICIAL_KEY_PEM).unwrap();
        let embedded = PublicKey::official();
        assert_eq!(format!("{published:?}"), format!("{embedded:?}"));
        assert_eq!(published.length, embedded.length);
    }

    #[test]
    fn unusable_numbers_are_refused() {
        let odd = [0xff; 64];
        let mut even = odd;
        even[63] = 0xfe;
        let key = |modulus: &[u8], exponent: &[u8]| {
            PublicKey::from_numbers(modulus, exponent).map(|key| key.bits())
        };
        assert_eq!(key(&odd, &[1, 0, 1]), Ok(512));
        assert_eq!(key(&[&[0, 0], odd.as_slice()].concat(), &[0, 3]), Ok(512));
        assert_eq!(key(&even, &[3]), Err(KeyError::Unusable));
        for exponent in [[].as_slice(), &[1], &[4], &[1, 0, 0, 0, 1]] {
            assert_eq!(key(&odd, exponent), Err(KeyError::Unusable), "{exponent:?}");
        }
        assert_eq!(key(&odd[1..], &[3]), Err(KeyError::Size { bits: 504 }));
        assert_eq!(key(&[0xff; 513], &[3]), Err(KeyError::Size { bits: 4104 }));
        assert_eq!(key(&[], &[3]), Err(KeyError::Size { bits: 0 }));
    }
}
