//! The RSA key that signs callbacks, and its PEM forms.

use std::num::NonZeroU32;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero, Odd};
use crypto_primes::hazmat::{SetBits, random_odd_integer};
use crypto_primes::{Flavor, is_prime};
use getrandom::SysRng;
use md5::{Digest, Md5};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKey, UintRef};
use pkcs8::PrivateKeyInfoRef;
use spki::der::{Encode, asn1::BitStringRef};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

/// The length of the key OSS itself signs with; the signature is then 64 bytes, 88 characters of base64.
const GENUINE_BITS: u32 = 512;
const PUBLIC_EXPONENT: u64 = 65_537;
/// DER of the DigestInfo for MD5 (RFC 8017, section 9.2), without the digest.
const MD5_DIGEST_INFO: [u8; 18] = [
    0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05, 0x05, 0x00, 0x04,
    0x10,
];

/// Why a callback key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackKeyError {
    /// The text is not PEM.
    #[error("the callback key is not PEM text; give an RSA private key as `openssl genrsa` writes it")]
    NotPem,
    /// The PEM holds something else.
    #[error("the callback key is a PEM of \"{label}\"; give an RSA PRIVATE KEY or a PRIVATE KEY")]
    WrongLabel {
        /// What the PEM says it holds.
        label: String,
    },
    /// The PEM's content is not an RSA private key.
    #[error("the callback key is not an RSA private key in PKCS#1 or PKCS#8 form")]
    NotRsa,
    /// The key is shorter than 512 bits, or its numbers cannot be those of a key.
    #[error("the callback key has {bits} bits or broken numbers; give one of 512 bits (as OSS has) or more")]
    BadNumbers {
        /// Length of the modulus.
        bits: u32,
    },
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers for the callback key")]
    NoRandomness,
}

/// A private key that signs callbacks.
#[derive(Clone)]
pub(crate) struct CallbackKey {
    params: BoxedMontyParams,
    private_exponent: BoxedUint,
    /// Length of the modulus, and of a signature, in bytes.
    length: usize,
    public_pem: String,
}

impl std::fmt::Debug for CallbackKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CallbackKey").field("bytes", &self.length).finish_non_exhaustive()
    }
}

impl CallbackKey {
    /// Makes a fresh key of the length of the genuine one, as a private key in PEM (PKCS#1).
    pub(crate) fn generate_pem() -> Result<String, CallbackKeyError> {
        loop {
            let p = random_prime(GENUINE_BITS / 2)?;
            let q = random_prime(GENUINE_BITS / 2)?;
            // Without a result two other primes are needed: 65537 divides p-1 or q-1, or p equals q.
            if let Some(pem) = private_pem(&p, &q) {
                return Ok(pem);
            }
        }
    }

    /// Reads a private key in PEM, PKCS#1 or PKCS#8.
    pub(crate) fn from_pem(pem: &str) -> Result<Self, CallbackKeyError> {
        let (label, der) = pem_rfc7468::decode_vec(pem.as_bytes()).map_err(|_| CallbackKeyError::NotPem)?;
        match label {
            "RSA PRIVATE KEY" => Self::from_pkcs1(&der),
            "PRIVATE KEY" => {
                let info =
                    PrivateKeyInfoRef::try_from(der.as_slice()).map_err(|_| CallbackKeyError::NotRsa)?;
                Self::from_pkcs1(info.private_key.as_bytes())
            }
            other => Err(CallbackKeyError::WrongLabel { label: other.to_owned() }),
        }
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, CallbackKeyError> {
        let key = RsaPrivateKeyRef::try_from(der).map_err(|_| CallbackKeyError::NotRsa)?;
        Self::new(
            BoxedUint::from_be_slice_vartime(key.modulus.as_bytes()),
            BoxedUint::from_be_slice_vartime(key.private_exponent.as_bytes()),
            key.public_exponent.as_bytes(),
        )
    }

    fn new(
        modulus: BoxedUint,
        private_exponent: BoxedUint,
        public_exponent: &[u8],
    ) -> Result<Self, CallbackKeyError> {
        let bits = modulus.bits_vartime();
        let bad = CallbackKeyError::BadNumbers { bits };
        if bits < GENUINE_BITS || private_exponent.bits_vartime() > bits {
            return Err(bad);
        }
        let public_pem = public_pem(&modulus.to_be_bytes_trimmed_vartime(), public_exponent)
            .ok_or(CallbackKeyError::NotRsa)?;
        let modulus: Option<Odd<BoxedUint>> = Odd::new(modulus).into();
        let params = BoxedMontyParams::new_vartime(modulus.ok_or(bad)?);
        let length = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
        Ok(Self { params, private_exponent, length, public_pem })
    }

    /// The public key as SPKI in PEM, the form in which OSS publishes its own.
    pub(crate) fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// Signs with PKCS#1 v1.5 and MD5, as the Callback page describes.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut encoded = vec![0xff; self.length];
        let digest = Md5::digest(message);
        let (padding, tail) = encoded.split_at_mut(self.length - MD5_DIGEST_INFO.len() - digest.len());
        padding[..2].copy_from_slice(&[0, 1]);
        if let Some(last) = padding.last_mut() {
            *last = 0;
        }
        tail[..MD5_DIGEST_INFO.len()].copy_from_slice(&MD5_DIGEST_INFO);
        tail[MD5_DIGEST_INFO.len()..].copy_from_slice(&digest);
        let number = BoxedUint::from_be_slice_truncated(&encoded, self.params.bits_precision());
        let power = BoxedMontyForm::new(number, &self.params).pow(&self.private_exponent).retrieve();
        let bytes = power.to_be_bytes_trimmed_vartime();
        let mut signature = vec![0; self.length];
        let start = self.length.saturating_sub(bytes.len());
        signature[start..].copy_from_slice(&bytes);
        signature
    }
}

/// A prime whose two highest bits are set, so that the product of two has exactly twice the bits.
fn random_prime(bits: u32) -> Result<BoxedUint, CallbackKeyError> {
    let length = NonZeroU32::new(bits).ok_or(CallbackKeyError::BadNumbers { bits })?;
    // Asked once before, so that a system without randomness is an error here instead of a panic below.
    getrandom::fill(&mut [0_u8; 32]).map_err(|_| CallbackKeyError::NoRandomness)?;
    let mut random = getrandom::rand_core::UnwrapErr(SysRng);
    loop {
        let candidate: Odd<BoxedUint> = random_odd_integer(&mut random, length, SetBits::TwoMsb)
            .map_err(|_| CallbackKeyError::NoRandomness)?;
        let candidate = candidate.get();
        if is_prime(Flavor::Any, &candidate) {
            return Ok(candidate);
        }
    }
}

/// The private key made of two primes.
fn private_pem(p: &BoxedUint, q: &BoxedUint) -> Option<String> {
    let one = BoxedUint::one_with_precision(p.bits_precision());
    let (p_minus_1, q_minus_1) = (p.wrapping_sub(&one), q.wrapping_sub(&one));
    let totient = p_minus_1.concatenating_mul(&q_minus_1);
    let public_exponent = widened(&BoxedUint::from(PUBLIC_EXPONENT), totient.bits_precision());
    let totient = Option::<NonZero<BoxedUint>>::from(NonZero::new(totient))?;
    let private_exponent = Option::<BoxedUint>::from(public_exponent.invert_mod(&totient))?;
    let remainder = |modulus: BoxedUint| {
        let modulus = widened(&modulus, private_exponent.bits_precision());
        Some(private_exponent.rem(&Option::<NonZero<BoxedUint>>::from(NonZero::new(modulus))?))
    };
    let odd_p = Option::<Odd<BoxedUint>>::from(Odd::new(p.clone()))?;
    let numbers = [
        p.concatenating_mul(q),
        BoxedUint::from(PUBLIC_EXPONENT),
        private_exponent.clone(),
        p.clone(),
        q.clone(),
        remainder(p_minus_1)?,
        remainder(q_minus_1)?,
        Option::<BoxedUint>::from(q.invert_odd_mod(&odd_p))?,
    ]
    .map(|number| number.to_be_bytes_trimmed_vartime());
    let [modulus, public_exponent, private_exponent, prime1, prime2, exponent1, exponent2, coefficient] =
        numbers.each_ref().map(|bytes| UintRef::new(bytes).ok());
    let key = RsaPrivateKeyRef {
        modulus: modulus?,
        public_exponent: public_exponent?,
        private_exponent: private_exponent?,
        prime1: prime1?,
        prime2: prime2?,
        exponent1: exponent1?,
        exponent2: exponent2?,
        coefficient: coefficient?,
        other_prime_infos: None,
    };
    pem_rfc7468::encode_string("RSA PRIVATE KEY", pem_rfc7468::LineEnding::LF, &key.to_der().ok()?).ok()
}

fn widened(number: &BoxedUint, bits: u32) -> BoxedUint {
    BoxedUint::from_be_slice_truncated(&number.to_be_bytes(), bits)
}

fn public_pem(modulus: &[u8], exponent: &[u8]) -> Option<String> {
    let key =
        RsaPublicKey { modulus: UintRef::new(modulus).ok()?, public_exponent: UintRef::new(exponent).ok()? };
    let key = key.to_der().ok()?;
    let info = SubjectPublicKeyInfoRef {
        algorithm: AlgorithmIdentifierRef {
            oid: pkcs1::ALGORITHM_OID,
            parameters: Some(spki::der::asn1::Null.into()),
        },
        subject_public_key: BitStringRef::from_bytes(&key).ok()?,
    };
    let der = info.to_der().ok()?;
    pem_rfc7468::encode_string("PUBLIC KEY", pem_rfc7468::LineEnding::LF, &der).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `openssl genrsa -traditional 512`, made for this test.
    const PKCS1: &str = include_str!("../../tests/keys/pkcs1.pem");
    const PKCS8: &str = include_str!("../../tests/keys/pkcs8.pem");
    const PUBLIC: &str = include_str!("../../tests/keys/public.pem");
    /// `printf '/callback\na=b' | openssl dgst -md5 -sign tests/keys/pkcs1.pem | base64`
    const SIGNATURE: &str = include_str!("../../tests/keys/signature.txt");

    /// The public operation, as an application server does it.
    fn recovered(key: &CallbackKey, signature: &[u8]) -> Vec<u8> {
        let number = BoxedUint::from_be_slice(signature, key.params.bits_precision()).unwrap();
        let power = BoxedMontyForm::new(number, &key.params).pow(&BoxedUint::from(PUBLIC_EXPONENT));
        power.retrieve().to_be_bytes_trimmed_vartime().to_vec()
    }

    #[test]
    fn openssl_signs_the_same() {
        for pem in [PKCS1, PKCS8] {
            let key = CallbackKey::from_pem(pem).unwrap();
            assert_eq!(key.public_pem(), PUBLIC);
            assert_eq!(crate::encoding::base64(&key.sign(b"/callback\na=b")), SIGNATURE.trim());
        }
    }

    #[test]
    fn a_fresh_key_is_like_the_genuine_one() {
        let key = CallbackKey::from_pem(&CallbackKey::generate_pem().unwrap()).unwrap();
        let signature = key.sign(b"message");
        assert_eq!(signature.len(), 64);
        let encoded = recovered(&key, &signature);
        assert_eq!(encoded.len(), 63, "the leading zero is trimmed");
        assert!(encoded.ends_with(&Md5::digest(b"message")));
        assert_eq!(encoded[0], 1);
        assert_eq!(pem_rfc7468::decode_vec(key.public_pem().as_bytes()).unwrap().1.len(), 94);
    }

    #[test]
    fn what_is_no_private_key_is_refused() {
        assert!(matches!(CallbackKey::from_pem("nonsense"), Err(CallbackKeyError::NotPem)));
        assert!(matches!(CallbackKey::from_pem(PUBLIC), Err(CallbackKeyError::WrongLabel { .. })));
        let torn =
            pem_rfc7468::encode_string("PRIVATE KEY", pem_rfc7468::LineEnding::LF, &[0x30, 0x03, 1]).unwrap();
        assert!(matches!(CallbackKey::from_pem(&torn), Err(CallbackKeyError::NotRsa)));
    }
}
