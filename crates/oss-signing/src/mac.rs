//! The three digests a signature is made of, and their text forms.

use hmac::digest::Digest;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a block of SHA-1 and SHA-256 alike; a longer HMAC key is hashed first (RFC 2104).
const BLOCK: usize = 64;

pub(crate) fn hmac_sha1(key: &[u8]) -> Hmac<Sha1> {
    let mut block = Zeroizing::new([0; BLOCK]);
    if key.len() <= BLOCK {
        block[..key.len()].copy_from_slice(key);
    } else {
        block[..20].copy_from_slice(&Sha1::digest(key));
    }
    Hmac::new((&*block).into())
}

pub(crate) fn hmac_sha256(key: &[u8]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0; BLOCK]);
    if key.len() <= BLOCK {
        block[..key.len()].copy_from_slice(key);
    } else {
        block[..32].copy_from_slice(&Sha256::digest(key));
    }
    Hmac::new((&*block).into())
}

pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

pub(crate) fn finish<M: Mac>(mut mac: M, message: &[u8]) -> hmac::digest::Output<M> {
    mac.update(message);
    mac.finalize().into_bytes()
}

/// Lower-case hexadecimal text of 32 bytes.
pub(crate) fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    // Arithmetic instead of a table, so that the compiler can work on many digits at once.
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let mut out = [0; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = digit(byte >> 4);
        pair[1] = digit(byte & 15);
    }
    out
}

/// Reads lower-case hexadecimal text of 32 bytes; OSS writes and accepts no other form.
pub(crate) fn unhex(text: &[u8]) -> Option<[u8; 32]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let text: &[u8; 64] = text.try_into().ok()?;
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202 case 2 and 6, RFC 4231 case 2 and 6: a short key and one longer than a block.
    #[test]
    fn published_hmac_vectors() {
        let sha1 = |key: &[u8], message: &[u8]| finish(hmac_sha1(key), message).to_vec();
        let sha256 = |key: &[u8], message: &[u8]| {
            String::from_utf8(hex(&finish(hmac_sha256(key), message).into()).to_vec()).unwrap()
        };
        let long = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(sha1(b"Jefe", b"what do ya want for nothing?")[..4], [0xef, 0xfc, 0xdf, 0x6a]);
        assert_eq!(sha1(&[0xaa; 80], long)[..4], [0xaa, 0x4a, 0xe5, 0xe1]);
        assert!(sha256(b"Jefe", b"what do ya want for nothing?").starts_with("5bdcc146bf60754e"));
        assert!(sha256(&[0xaa; 131], long).starts_with("60e431591ee0b67f"));
    }

    #[test]
    fn a_key_of_any_length_is_taken_as_the_hmac_crate_takes_it() {
        for length in 0..=130 {
            let key = vec![0x5a; length];
            let sha1 = Hmac::<Sha1>::new_from_slice(&key).unwrap();
            assert_eq!(finish(hmac_sha1(&key), b"message"), finish(sha1, b"message"), "{length}");
            let sha256 = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            assert_eq!(finish(hmac_sha256(&key), b"message"), finish(sha256, b"message"), "{length}");
        }
    }

    #[test]
    fn hex_reads_back_and_takes_one_form_only() {
        let bytes: [u8; 32] = std::array::from_fn(|at| (at * 37) as u8);
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        assert_eq!(unhex(&hex(&bytes).to_ascii_uppercase()), None);
        assert_eq!(unhex(b"00"), None);
    }
}
