//! The URL of the key, and the key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oss_callback::{BodyCheck, KeyError, PublicKey, Verifier, VerifyError};

use crate::support::{KEY_PEM, KEY_URL};
use crate::{BODY, good, refusal, with};

#[test]
fn a_key_of_the_senders_choice() {
    let url = "https://evil.example/callback_pub_key_v1.pem";
    let head = with("x-oss-pub-key-url", &STANDARD.encode(url));
    assert_eq!(refusal(&head), VerifyError::UntrustedKey { url: url.into() });
    assert_eq!(refusal(&head).status(), 403);
}

#[test]
fn a_key_url_that_begins_like_a_trusted_one() {
    for url in [
        "http://127.0.0.1:9000/-/callback_pub_key_v1.pem?",
        "http://127.0.0.1:9000/-/callback_pub_key_v1.pem#",
        "http://127.0.0.1:9000/-/callback_pub_key_v1.pem/",
        "HTTP://127.0.0.1:9000/-/callback_pub_key_v1.pem",
        "https://127.0.0.1:9000/-/callback_pub_key_v1.pem",
        "http://127.0.0.1:9000/-/callback_pub_key_v1.pe",
        " http://127.0.0.1:9000/-/callback_pub_key_v1.pem",
        "http://127.0.0.1:9000/-/callback_pub_key_v1.pem\n",
        "",
    ] {
        let head = with("x-oss-pub-key-url", &STANDARD.encode(url));
        assert_eq!(refusal(&head), VerifyError::UntrustedKey { url: url.into() });
    }
}

#[test]
fn a_key_url_that_is_not_canonical_base64() {
    let good = STANDARD.encode(KEY_URL);
    for text in [
        KEY_URL.to_owned(),
        good.trim_end_matches('=').to_owned(),
        format!("{good}="),
        format!(" {good}"),
        STANDARD.encode("http://ü"),
        STANDARD.encode([0xff, 0xfe]),
        STANDARD.encode("h".repeat(513)),
        "A".repeat(100_000),
    ] {
        let head = with("x-oss-pub-key-url", &text);
        assert_eq!(refusal(&head), VerifyError::KeyUrlEncoding, "{text:.60}");
    }
}

#[test]
fn the_official_key_does_not_vouch_for_an_added_one_nor_the_other_way_round() {
    let both = Verifier::official().trust(KEY_URL, KEY_PEM).unwrap();
    both.verify(&good(), BODY).unwrap();
    let official = STANDARD.encode(oss_callback::OFFICIAL_KEY_URLS[0]);
    let head = with("x-oss-pub-key-url", &official);
    let refused = VerifyError::ForeignSignature { body: BodyCheck::Unknown };
    assert_eq!(both.verify(&head, BODY).unwrap_err(), refused);
}

#[test]
fn a_verifier_that_trusts_none() {
    let error = Verifier::trusting_none().verify(&good(), BODY).unwrap_err();
    assert_eq!(error, VerifyError::UntrustedKey { url: KEY_URL.into() });
}

#[test]
fn a_key_that_is_none() {
    let trust = |url: &str, pem: &str| Verifier::official().trust(url, pem).unwrap_err();
    assert_eq!(trust("ftp://keys.example/k.pem", KEY_PEM), KeyError::Url);
    assert_eq!(trust("keys.example/k.pem", KEY_PEM), KeyError::Url);
    assert_eq!(trust("https://keys.example/k.pem\n", KEY_PEM), KeyError::Url);
    assert_eq!(trust(&format!("https://{}", "k".repeat(505)), KEY_PEM), KeyError::Url);
    assert_eq!(trust(KEY_URL, ""), KeyError::Pem);
    assert_eq!(trust(KEY_URL, "<html>not found</html>"), KeyError::Pem);
    assert_eq!(trust(KEY_URL, &KEY_PEM.replace("PUBLIC KEY", "RSA PUBLIC KEY")), KeyError::Pem);
    // An Ed25519 key, made with openssl.
    let ed25519 = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAWHEGs5XKIKEYbQ90rLwp78pKv1nSvoLzvITEEOdqKZg=\n\
                   -----END PUBLIC KEY-----\n";
    assert_eq!(trust(KEY_URL, ed25519), KeyError::NotRsa);
    // An RSA key that is good for PSS only, made with openssl.
    let pss = "-----BEGIN PUBLIC KEY-----\n\
               MIGdMAsGCSqGSIb3DQEBCgOBjQAwgYkCgYEA2cKkWJi+pI6nlM/Sp/zWSWTSPKt/\n\
               Axhb5wj+KjUsF2gDiaHg3fuBZHu5h28mcZsyQ7o1otn9MmecmDKwQ32IAVd66Pc4\n\
               ECU56Dx4wF1DrJ4fPiIRN77vGbD8Okz9UGuJjNCQj7YcipBI1QuoiChj4r7uDw/T\n\
               PBRsqsdCts/sZF8CAwEAAQ==\n\
               -----END PUBLIC KEY-----\n";
    assert_eq!(trust(KEY_URL, pss), KeyError::NotRsa);
}

#[test]
fn a_key_with_line_ends_of_another_system_is_read() {
    assert!(PublicKey::from_pem(&KEY_PEM.replace('\n', "\r\n")).is_ok());
    assert!(PublicKey::from_pem(&format!("\n  {KEY_PEM}\n\n")).is_ok());
}
