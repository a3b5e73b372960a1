//! A stand-in for OSS: signs callbacks with a key that exists for these tests only.
#![allow(dead_code, reason = "each test file uses a part of it")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{CheckedAdd as _, Odd, U512};
use http::request::Parts;
use md5::{Digest as _, Md5};
use oss_callback::{Verifier, string_to_sign};

/// An emulator's key URL.
pub(crate) const KEY_URL: &str = "http://127.0.0.1:9000/-/callback_pub_key_v1.pem";

/// Made with `openssl genrsa 512` for these tests.
pub(crate) const KEY_PEM: &str = "-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALnaMBY4stJxolS9m2va0HSalstie+yc
fWOq9EjW7Z4x9K0AjtrG/5JbK1V4EK+ajjUEuCwlJ7npnka3STNvjWUCAwEAAQ==
-----END PUBLIC KEY-----
";

const MODULUS: U512 = U512::from_be_hex(
    "b9da301638b2d271a254bd9b6bdad0749a96cb627bec9c7d63aaf448d6ed9e31\
     f4ad008edac6ff925b2b557810af9a8e3504b82c2527b9e99e46b749336f8d65",
);
const PRIVATE_EXPONENT: U512 = U512::from_be_hex(
    "0dfc8189ea926a8beaaf7de568647b338b3eb5e79f73db0304b124d926739368\
     0625706ff62dbb6063ba0da67f3ece1636560e0a4401a2ad83065649e83ed9b1",
);

/// A verifier that trusts the test key and accepts every unambiguous target.
pub(crate) fn verifier() -> Verifier {
    Verifier::trusting_none().trust(KEY_URL, KEY_PEM).unwrap()
}

/// The header `Authorization` for a callback.
pub(crate) fn authorization(target: &str, body: &[u8]) -> String {
    STANDARD.encode(sign(&string_to_sign(target, body)))
}

/// PKCS#1 v1.5 with MD5.
pub(crate) fn sign(text: &[u8]) -> [u8; 64] {
    let mut message = [0xff; 64];
    message[..2].copy_from_slice(&[0, 1]);
    message[29..48]
        .copy_from_slice(b"\x00\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10");
    message[48..].copy_from_slice(&Md5::digest(text));
    raw_sign(&message)
}

/// The bare private operation.
pub(crate) fn raw_sign(message: &[u8; 64]) -> [u8; 64] {
    let params = FixedMontyParams::new_vartime(Odd::new(MODULUS).unwrap());
    let signature =
        FixedMontyForm::new(&U512::from_be_slice(message), &params).pow(&PRIVATE_EXPONENT).retrieve();
    let bytes = signature.to_be_bytes();
    <[u8; 64]>::try_from(AsRef::<[u8]>::as_ref(&bytes)).unwrap()
}

/// The signature as a number, plus the modulus, if that still has 512 bits.
pub(crate) fn plus_modulus(signature: [u8; 64]) -> Option<[u8; 64]> {
    let sum = U512::from_be_slice(&signature).checked_add(&MODULUS).into_option()?;
    <[u8; 64]>::try_from(AsRef::<[u8]>::as_ref(&sum.to_be_bytes())).ok()
}

/// The head of a genuine callback.
pub(crate) fn head(target: &str, body: &[u8]) -> Parts {
    let request = http::Request::post(target)
        .header("authorization", authorization(target, body))
        .header("x-oss-pub-key-url", STANDARD.encode(KEY_URL))
        .header("content-length", body.len());
    request.body(()).unwrap().into_parts().0
}
