//! Signatures made by OpenSSL, at every size of key.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a vector that cannot be read is a failed test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oss_callback::{PublicKey, Verifier, VerifyError};
use serde::Deserialize;

const KEY_URL: &str = "https://keys.example/k.pem";

#[derive(Deserialize)]
struct Vectors {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    name: String,
    bits: u32,
    pem: String,
    signatures: Vec<Signature>,
    sha256_of_slash_cb_lf_x: String,
}

#[derive(Deserialize)]
struct Signature {
    target: String,
    body_base64: String,
    authorization: String,
}

fn verify(pem: &str, target: &str, authorization: &str, body: &[u8]) -> Result<(), VerifyError> {
    let verifier = Verifier::trusting_none().trust(KEY_URL, pem).unwrap();
    let request = http::Request::post(target)
        .header("authorization", authorization)
        .header("x-oss-pub-key-url", STANDARD.encode(KEY_URL))
        .header("content-length", body.len());
    verifier.verify(&request.body(()).unwrap().into_parts().0, body).map(|_| ())
}

fn keys() -> Vec<Key> {
    serde_json::from_str::<Vectors>(include_str!("vectors/openssl.json")).unwrap().keys
}

#[test]
fn signatures_of_openssl_verify_at_every_size() {
    let mut count = 0;
    for key in keys() {
        assert_eq!(PublicKey::from_pem(&key.pem).unwrap().bits(), key.bits, "{}", key.name);
        for signature in &key.signatures {
            let body = STANDARD.decode(&signature.body_base64).unwrap();
            verify(&key.pem, &signature.target, &signature.authorization, &body).expect(&key.name);
            count += 1;
        }
    }
    assert_eq!(count, 28);
}

#[test]
fn signatures_for_other_content_do_not_verify_at_any_size() {
    for key in keys() {
        for signature in &key.signatures {
            let mut body = STANDARD.decode(&signature.body_base64).unwrap();
            body.push(b'!');
            let error = verify(&key.pem, &signature.target, &signature.authorization, &body).unwrap_err();
            assert!(matches!(error, VerifyError::OtherContent { .. }), "{}: {error}", key.name);
        }
    }
}

#[test]
fn signatures_with_another_digest_do_not_verify() {
    for key in keys() {
        let error = verify(&key.pem, "/cb", &key.sha256_of_slash_cb_lf_x, b"x").unwrap_err();
        assert!(matches!(error, VerifyError::ForeignSignature { .. }), "{}: {error}", key.name);
    }
}

#[test]
fn signatures_of_another_key_do_not_verify() {
    let keys = keys();
    for (signer, other) in keys.iter().zip(keys.iter().skip(1)) {
        let Signature { target, body_base64, authorization } = &signer.signatures[0];
        let body = STANDARD.decode(body_base64).unwrap();
        let error = verify(&other.pem, target, authorization, &body).unwrap_err();
        let refused = match error {
            VerifyError::SignatureLength { .. } => signer.bits.div_ceil(8) != other.bits.div_ceil(8),
            VerifyError::ForeignSignature { .. } => signer.bits.div_ceil(8) == other.bits.div_ceil(8),
            _ => false,
        };
        assert!(refused, "{}: {error}", other.name);
    }
}
