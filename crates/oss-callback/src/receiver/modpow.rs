use std::sync::Arc;

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Limb, Odd, U512, U1024, U2048, U4096, Uint};

use super::key::{MAX_BYTES, SignatureFault};

/// A modulus in Montgomery form, in the smallest width that holds it.
#[derive(Clone)]
pub(crate) enum Modulus {
    Bits512(Arc<FixedMontyParams<{ U512::LIMBS }>>),
    Bits1024(Arc<FixedMontyParams<{ U1024::LIMBS }>>),
    Bits2048(Arc<FixedMontyParams<{ U2048::LIMBS }>>),
    Bits4096(Arc<FixedMontyParams<{ U4096::LIMBS }>>),
}

/// The modulus of the key OSS publishes, prepared when the crate is compiled.
const OFFICIAL: FixedMontyParams<{ U512::LIMBS }> = FixedMontyParams::new_vartime(Odd::<U512>::from_be_hex(
    "ab3f2411b3c1407669586de1cac1c77a083c12cdb231ac0b47d35effa7be59a4\
     96f91ca25be9bd72d38dac541d1dd6f4b5f14361075c025f081fba1f6605d64f",
));

impl Modulus {
    pub(crate) fn official() -> Self {
        Self::Bits512(Arc::new(OFFICIAL))
    }

    /// `None` if the number is even or has more than 4,096 bits.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        match bytes.len() {
            ..=64 => params(bytes).map(Self::Bits512),
            65..=128 => params(bytes).map(Self::Bits1024),
            129..=256 => params(bytes).map(Self::Bits2048),
            _ => params(bytes).map(Self::Bits4096),
        }
    }

    #[cfg(test)]
    pub(crate) fn to_be_bytes(&self) -> Vec<u8> {
        match self {
            Self::Bits512(params) => params.modulus().as_ref().to_be_bytes().to_vec(),
            Self::Bits1024(params) => params.modulus().as_ref().to_be_bytes().to_vec(),
            Self::Bits2048(params) => params.modulus().as_ref().to_be_bytes().to_vec(),
            Self::Bits4096(params) => params.modulus().as_ref().to_be_bytes().to_vec(),
        }
    }

    /// Compares `base^exponent` with `expected`.
    pub(crate) fn check_power(
        &self,
        base: &[u8],
        exponent: u32,
        expected: &[u8],
    ) -> Result<(), SignatureFault> {
        match self {
            Self::Bits512(params) => check(params, base, exponent, expected),
            Self::Bits1024(params) => check(params, base, exponent, expected),
            Self::Bits2048(params) => check(params, base, exponent, expected),
            Self::Bits4096(params) => check(params, base, exponent, expected),
        }
    }
}

fn params<const LIMBS: usize>(bytes: &[u8]) -> Option<Arc<FixedMontyParams<LIMBS>>> {
    let modulus = Odd::new(uint(bytes)?).into_option()?;
    Some(Arc::new(FixedMontyParams::new_vartime(modulus)))
}

fn check<const LIMBS: usize>(
    params: &FixedMontyParams<LIMBS>,
    base: &[u8],
    exponent: u32,
    expected: &[u8],
) -> Result<(), SignatureFault> {
    let (Some(base), Some(expected)) = (uint::<LIMBS>(base), uint::<LIMBS>(expected)) else {
        return Err(SignatureFault::Range);
    };
    if base >= *params.modulus().as_ref() {
        return Err(SignatureFault::Range);
    }
    let difference = power(&FixedMontyForm::new(&base, params), exponent).retrieve().bitxor(&expected);
    match difference.bits_vartime() {
        0 => Ok(()),
        // Only the digest, the last 16 bytes, differs: a signature of this key for other content.
        1..=128 => Err(SignatureFault::OtherContent),
        _ => Err(SignatureFault::Foreign),
    }
}

/// Plain square and multiply from the exponent's second bit on: every number here is public, and for a short
/// exponent such as 65537 a table of powers costs more than it saves.
fn power<const LIMBS: usize>(base: &FixedMontyForm<LIMBS>, exponent: u32) -> FixedMontyForm<LIMBS> {
    let mut result = *base;
    let below_the_first_bit = exponent.checked_ilog2().unwrap_or_default();
    for bit in (0..below_the_first_bit).rev() {
        result = result.square();
        if (exponent >> bit) & 1 == 1 {
            result = result.mul(base);
        }
    }
    result
}

/// A big-endian number of at most `LIMBS` limbs.
fn uint<const LIMBS: usize>(bytes: &[u8]) -> Option<Uint<LIMBS>> {
    let width = LIMBS * Limb::BYTES;
    let mut padded = [0_u8; MAX_BYTES];
    let start = width.checked_sub(bytes.len())?;
    padded.get_mut(start..width)?.copy_from_slice(bytes);
    padded.get(..width).map(Uint::from_be_slice)
}
