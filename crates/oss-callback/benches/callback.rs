//! What this crate promises, beside the limit of each promise.
//!
//! `cargo bench -p oss-callback --features axum`. The comparison with other libraries is a package of its own,
//! `benches/peers`, because it needs OpenSSL's headers and a crate with an open advisory.
#![allow(missing_docs, reason = "divan's attribute makes public functions")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot be set up must stop")]

#[path = "../tests/support/mod.rs"]
mod support;

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U512, U2048, Uint};
use divan::{Bencher, black_box};
use oss_callback::{BodyTemplate, Callback, Custom, Variable, Verifier};

fn main() {
    divan::Divan::from_args().sample_count(200).sample_size(500).main();
}

const TARGET: &str = "/oss/callback?user=put_object";
const BODY: &[u8] = b"bucket=examplebucket&object=user%2F42%2Fphotos%2F2024%2Fholiday.jpg&size=123456&\
    etag=97E1A27874032FC4B29F007C90DFA372&mimeType=image%2Fjpeg&reqId=5CF3E7821AB22D0FDB86704D";

/// A whole request: headers, base64, target, MD5, RSA, copy of the body.
#[divan::bench]
fn verify_512(bencher: Bencher<'_, '_>) {
    let verifier = support::verifier().expect_target(TARGET).unwrap();
    let head = support::head(TARGET, BODY);
    bencher.bench(|| verifier.verify(black_box(&head), black_box(BODY)).unwrap());
}

/// The same with every header that OSS has been seen to send.
#[divan::bench]
fn verify_512_all_headers(bencher: Bencher<'_, '_>) {
    let verifier = support::verifier().expect_target(TARGET).unwrap();
    let mut head = support::head(TARGET, BODY);
    for (name, value) in [
        ("host", "app.example.com"),
        ("connection", "close"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-md5", "G5H/anNzgdvMS2AsvXpi6A=="),
        ("date", "Sun, 02 Jun 2019 15:13:06 GMT"),
        ("user-agent", "aliyun-oss-callback"),
        ("x-oss-additional-headers", ""),
        ("x-oss-bucket", "examplebucket"),
        ("x-oss-owner", "1234567890123456"),
        ("x-oss-request-id", "5CF3E7821AB22D0FDB86704D"),
        ("x-oss-requester", "234567890123456789"),
        ("x-oss-signature-version", "1.0"),
        ("x-oss-tag", "CALLBACK"),
    ] {
        head.headers.insert(name, http::HeaderValue::from_static(value));
    }
    bencher.bench(|| verifier.verify(black_box(&head), black_box(BODY)).unwrap());
}

#[divan::bench]
fn verify_2048(bencher: Bencher<'_, '_>) {
    let (verifier, head) = from_vector(2048);
    bencher.bench(|| verifier.verify(black_box(&head), black_box(b"bucket=b&object=o")).unwrap());
}

/// The limit: 17 modular multiplications, into and out of Montgomery form.
#[divan::bench]
fn bare_power_512(bencher: Bencher<'_, '_>) {
    let modulus = Odd::new(U512::MAX).unwrap();
    bare_power(bencher, modulus, U512::from_u64(3).wrapping_neg());
}

#[divan::bench]
fn bare_power_2048(bencher: Bencher<'_, '_>) {
    let modulus = Odd::new(U2048::MAX).unwrap();
    bare_power(bencher, modulus, U2048::from_u64(3).wrapping_neg());
}

fn bare_power<const LIMBS: usize>(bencher: Bencher<'_, '_>, modulus: Odd<Uint<LIMBS>>, base: Uint<LIMBS>) {
    let params = FixedMontyParams::new_vartime(modulus);
    bencher.bench(|| {
        let base = FixedMontyForm::new(black_box(&base), &params);
        base.square_repeat_vartime(16).mul(&base).retrieve()
    });
}

#[divan::bench]
fn md5_of_the_text(bencher: Bencher<'_, '_>) {
    use md5::Digest as _;
    let text = oss_callback::string_to_sign(TARGET, BODY);
    bencher.bench(|| md5::Md5::digest(black_box(&text)));
}

#[divan::bench]
fn parse_a_key(bencher: Bencher<'_, '_>) {
    bencher.bench(|| oss_callback::PublicKey::from_pem(black_box(support::KEY_PEM)).unwrap());
}

#[divan::bench]
fn build_and_encode(bencher: Bencher<'_, '_>) {
    bencher.bench(|| {
        let body = BodyTemplate::form()
            .field("bucket", Variable::Bucket)
            .field("object", Variable::Object)
            .field("uid", Custom::new("uid", black_box("42")));
        Callback::builder(black_box("http://oss-demo.aliyuncs.com:23450"))
            .query("user", "42")
            .body(body)
            .build()
            .unwrap()
    });
}

fn from_vector(bits: u64) -> (Verifier, http::request::Parts) {
    use base64::Engine as _;
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../tests/vectors/openssl.json")).unwrap();
    let keys = vectors["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["bits"].as_u64() == Some(bits)).unwrap();
    let verifier = Verifier::trusting_none().trust(support::KEY_URL, key["pem"].as_str().unwrap()).unwrap();
    let key_url = base64::engine::general_purpose::STANDARD.encode(support::KEY_URL);
    let request = http::Request::post("/cb")
        .header("authorization", key["signatures"][0]["authorization"].as_str().unwrap())
        .header("x-oss-pub-key-url", key_url)
        .header("content-length", 17);
    (verifier, request.body(()).unwrap().into_parts().0)
}
