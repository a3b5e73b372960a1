use std::sync::Arc;

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Limb, Odd, U512, U1024, U2048, U4096, Uint, Word};

/// A modulus prepared for verification, in the smallest width that holds it.
#[derive(Clone)]
pub(crate) enum Modulus {
    Bits512(Arc<Prepared<{ U512::LIMBS }>>),
    Bits1024(Arc<Prepared<{ U1024::LIMBS }>>),
    Bits2048(Arc<Prepared<{ U2048::LIMBS }>>),
    Bits4096(Arc<Prepared<{ U4096::LIMBS }>>),
}

/// How a signature failed. Everything it tells is public, so telling it helps no forger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureFault {
    /// Not as long as the modulus.
    Length { expected: usize },
    /// The number is not below the modulus.
    Range,
    /// Not made by this key for any MD5 digest, or damaged.
    Foreign,
    /// Made by this key, for other content.
    OtherContent,
}

/// What every verification needs again.
pub(crate) struct Prepared<const LIMBS: usize> {
    params: FixedMontyParams<LIMBS>,
    /// The encoded message with a digest of zeros.
    padding: Uint<LIMBS>,
}

/// The modulus of the key OSS publishes, prepared when the crate is compiled.
const OFFICIAL: Prepared<{ U512::LIMBS }> = Prepared {
    params: FixedMontyParams::new_vartime(Odd::<U512>::from_be_hex(
        "ab3f2411b3c1407669586de1cac1c77a083c12cdb231ac0b47d35effa7be59a4\
         96f91ca25be9bd72d38dac541d1dd6f4b5f14361075c025f081fba1f6605d64f",
    )),
    padding: U512::from_be_hex(
        "0001ffffffffffffffffffffffffffffffffffffffffffffffffffffff003020\
         300c06082a864886f70d02050500041000000000000000000000000000000000",
    ),
};

impl Modulus {
    pub(crate) fn official() -> Self {
        Self::Bits512(Arc::new(OFFICIAL))
    }

    /// Takes a modulus and an encoded message of the same length whose digest, the last 16 bytes, is zeros.
    ///
    /// `None` if the modulus is even or has more than 4,096 bits.
    pub(crate) fn new(modulus: &[u8], padding: &[u8]) -> Option<Self> {
        match modulus.len() {
            ..=64 => Prepared::new(modulus, padding).map(Self::Bits512),
            65..=128 => Prepared::new(modulus, padding).map(Self::Bits1024),
            129..=256 => Prepared::new(modulus, padding).map(Self::Bits2048),
            _ => Prepared::new(modulus, padding).map(Self::Bits4096),
        }
    }

    /// Compares `signature^exponent` with the encoded message of `digest`.
    pub(crate) fn check(
        &self,
        signature: &[u8],
        exponent: u32,
        digest: [u8; 16],
    ) -> Result<(), SignatureFault> {
        match self {
            Self::Bits512(prepared) => prepared.check(signature, exponent, digest),
            Self::Bits1024(prepared) => prepared.check(signature, exponent, digest),
            Self::Bits2048(prepared) => prepared.check(signature, exponent, digest),
            Self::Bits4096(prepared) => prepared.check(signature, exponent, digest),
        }
    }
}

impl<const LIMBS: usize> Prepared<LIMBS> {
    fn new(modulus: &[u8], padding: &[u8]) -> Option<Arc<Self>> {
        let modulus = Odd::new(uint(modulus)?).into_option()?;
        Some(Arc::new(Self { params: FixedMontyParams::new_vartime(modulus), padding: uint(padding)? }))
    }

    fn check(&self, signature: &[u8], exponent: u32, digest: [u8; 16]) -> Result<(), SignatureFault> {
        let signature = uint(signature).ok_or(SignatureFault::Range)?;
        if signature >= *self.params.modulus().as_ref() {
            return Err(SignatureFault::Range);
        }
        let expected = self.padding.bitxor(&Uint::from_u128(u128::from_be_bytes(digest)));
        let difference = power(&signature, exponent, &self.params).bitxor(&expected);
        match Uint::<LIMBS>::BITS - difference.leading_zeros_vartime() {
            0 => Ok(()),
            // Only the digest differs: a signature of this key for other content.
            1..=128 => Err(SignatureFault::OtherContent),
            _ => Err(SignatureFault::Foreign),
        }
    }
}

/// Raises a number below the modulus to an odd exponent of at least 3.
///
/// Plain square and multiply from the exponent's second bit on: every number here is public, and for a short
/// exponent such as 65537 a table of powers costs more than it saves.
fn power<const LIMBS: usize>(
    base: &Uint<LIMBS>,
    exponent: u32,
    params: &FixedMontyParams<LIMBS>,
) -> Uint<LIMBS> {
    let factor = FixedMontyForm::new(base, params);
    let mut result = factor;
    let mut squarings = 0;
    let below_the_first_bit = exponent.checked_ilog2().unwrap_or_default();
    for bit in (1..below_the_first_bit).rev() {
        squarings += 1;
        if (exponent >> bit) & 1 == 1 {
            result = result.square_repeat_vartime(squarings).mul(&factor);
            squarings = 0;
        }
    }
    // The last bit is set. A product with the base itself, in place of its Montgomery form, leaves that form on
    // the way, which saves the conversion.
    let plain = FixedMontyForm::from_montgomery(*base, params);
    *result.square_repeat_vartime(squarings + 1).mul(&plain).as_montgomery()
}

/// A big-endian number of at most `LIMBS` limbs.
fn uint<const LIMBS: usize>(bytes: &[u8]) -> Option<Uint<LIMBS>> {
    let mut words = [0; LIMBS];
    let chunks = bytes.rchunks(Limb::BYTES);
    if chunks.len() > LIMBS {
        return None;
    }
    for (word, chunk) in words.iter_mut().zip(chunks) {
        *word = chunk.iter().fold(0, |word: Word, byte| (word << 8) | Word::from(*byte));
    }
    Some(Uint::from_words(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_those_of_a_general_exponentiation() {
        let modulus = Odd::new(U512::MAX).unwrap();
        let params = FixedMontyParams::new_vartime(modulus);
        for base in [U512::ZERO, U512::ONE, U512::from_u64(7), U512::MAX.wrapping_sub(&U512::ONE)] {
            for exponent in [3, 5, 7, 17, 255, 257, 65_535, 65_537, 0x8000_0001, u32::MAX] {
                let expected = FixedMontyForm::new(&base, &params).pow(&U512::from_u32(exponent)).retrieve();
                assert_eq!(power(&base, exponent, &params), expected, "{exponent}");
            }
        }
    }

    #[test]
    fn numbers_are_read_as_big_endian() {
        let number = uint::<{ U512::LIMBS }>(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(number, Some(U512::from_u128(0x0102_0304_0506_0708_090a)));
        assert_eq!(uint::<{ U512::LIMBS }>(&[]), Some(U512::ZERO));
        assert_eq!(uint::<{ U512::LIMBS }>(&[0xff; 64]), Some(U512::MAX));
        assert_eq!(uint::<{ U512::LIMBS }>(&[0xff; 65]), None);
    }

    #[test]
    fn the_official_key_prepared_by_the_compiler_is_the_published_one() {
        let published = crate::PublicKey::from_pem(crate::OFFICIAL_KEY_PEM).unwrap();
        let Modulus::Bits512(prepared) = published.modulus() else { panic!("not of 512 bits") };
        assert_eq!(prepared.params, OFFICIAL.params);
        assert_eq!(prepared.padding, OFFICIAL.padding);
    }
}
