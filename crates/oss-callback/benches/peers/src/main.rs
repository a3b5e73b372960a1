//! Callback verification beside other libraries: `cargo run --release -- --bench` in this folder.
//!
//! Each takes the same signature over the same text with a key that was parsed before. Only the line of
//! `oss-callback` also checks the headers, decodes base64 and copies the body; only `bare` does not hash.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use divan::{Bencher, black_box};
use http::request::Parts;
use openssl::bn::{BigNum, BigNumContext};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Public};
use openssl::sign::Verifier as OpensslVerifier;
use oss_callback::Verifier;
use rsa::RsaPublicKey;
use rsa::pkcs8::DecodePublicKey as _;

fn main() {
    divan::Divan::from_args().sample_count(200).sample_size(500).main();
}

const KEY_URL: &str = "https://keys.example/k.pem";
const BODY: &[u8] = b"bucket=b&object=o";
const SIZES: [u64; 3] = [512, 1024, 2048];

struct Case {
    pem: String,
    authorization: String,
    signature: Vec<u8>,
    text: Vec<u8>,
}

fn case(bits: u64) -> Case {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/vectors/openssl.json")).unwrap();
    let keys = vectors["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["bits"].as_u64() == Some(bits)).unwrap();
    let authorization = key["signatures"][0]["authorization"].as_str().unwrap().to_owned();
    Case {
        pem: key["pem"].as_str().unwrap().to_owned(),
        signature: STANDARD.decode(&authorization).unwrap(),
        authorization,
        text: oss_callback::string_to_sign("/cb", BODY),
    }
}

#[divan::bench(args = SIZES)]
fn oss_callback_whole_request(bencher: Bencher<'_, '_>, bits: u64) {
    let case = case(bits);
    let verifier = Verifier::trusting_none().trust(KEY_URL, &case.pem).unwrap().expect_target("/cb").unwrap();
    let request = http::Request::post("/cb")
        .header("authorization", &case.authorization)
        .header("x-oss-pub-key-url", STANDARD.encode(KEY_URL))
        .header("content-length", BODY.len());
    let head: Parts = request.body(()).unwrap().into_parts().0;
    bencher.bench(|| verifier.verify(black_box(&head), black_box(BODY)).unwrap());
}

#[divan::bench(args = SIZES)]
fn openssl_verify(bencher: Bencher<'_, '_>, bits: u64) {
    let case = case(bits);
    let key: PKey<Public> = PKey::public_key_from_pem(case.pem.as_bytes()).unwrap();
    bencher.bench(|| {
        let mut verifier = OpensslVerifier::new(MessageDigest::md5(), &key).unwrap();
        verifier.update(black_box(&case.text)).unwrap();
        assert!(verifier.verify(black_box(&case.signature)).unwrap());
    });
}

#[divan::bench(args = SIZES)]
fn openssl_bare_power(bencher: Bencher<'_, '_>, bits: u64) {
    let case = case(bits);
    let key = PKey::public_key_from_pem(case.pem.as_bytes()).unwrap().rsa().unwrap();
    let signature = BigNum::from_slice(&case.signature).unwrap();
    let mut context = BigNumContext::new().unwrap();
    let mut power = BigNum::new().unwrap();
    bencher.bench_local(|| power.mod_exp(black_box(&signature), key.e(), key.n(), &mut context).unwrap());
}

#[divan::bench(args = SIZES)]
fn rsa_0_9_verify(bencher: Bencher<'_, '_>, bits: u64) {
    use md5::Digest as _;
    let case = case(bits);
    let key = RsaPublicKey::from_public_key_pem(&case.pem).unwrap();
    let prefix = b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10";
    bencher.bench(|| {
        let scheme = rsa::Pkcs1v15Sign { hash_len: Some(16), prefix: prefix.as_slice().into() };
        let digest = md5::Md5::digest(black_box(&case.text));
        key.verify(scheme, &digest, black_box(&case.signature)).unwrap();
    });
}

#[divan::bench]
fn parse_key_oss_callback(bencher: Bencher<'_, '_>) {
    let case = case(512);
    bencher.bench(|| oss_callback::PublicKey::from_pem(black_box(&case.pem)).unwrap());
}

#[divan::bench]
fn parse_key_openssl(bencher: Bencher<'_, '_>) {
    let case = case(512);
    bencher.bench(|| PKey::public_key_from_pem(black_box(case.pem.as_bytes())).unwrap());
}
