//! The body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oss_callback::{BodyCheck, BodyType, VerifyError};

use crate::support::{head, verifier};
use crate::{BODY, TARGET, good, refusal, with, without};

#[test]
fn a_body_that_was_parsed_and_written_again() {
    let json = br#"{"a": 1}"#;
    let mut head = head(TARGET, json);
    head.headers.insert("content-length", 7.into());
    head.headers.insert("content-md5", content_md5(json));
    let error = verifier().verify(&head, br#"{"a":1}"#).unwrap_err();
    assert_eq!(error, VerifyError::OtherContent { body: BodyCheck::Altered });
    assert!(error.to_string().contains("altered on the way"), "{error}");
}

#[test]
fn a_body_that_is_intact_under_another_target() {
    let mut head = head("/elsewhere", BODY);
    head.uri = TARGET.parse().unwrap();
    head.headers.insert("content-md5", content_md5(BODY));
    let error = verifier().verify(&head, BODY).unwrap_err();
    assert_eq!(error, VerifyError::OtherContent { body: BodyCheck::Intact });
    assert!(error.to_string().contains("look at the target"), "{error}");
}

#[test]
fn a_wrong_content_md5_beside_a_good_signature_does_not_matter() {
    verifier().verify(&with("content-md5", "AAAA"), BODY).unwrap();
}

fn content_md5(body: &[u8]) -> http::HeaderValue {
    use md5::Digest as _;
    STANDARD.encode(md5::Md5::digest(body)).parse().unwrap()
}

#[test]
fn a_body_longer_than_the_limit() {
    let long = vec![b'a'; 65_537];
    let refused = VerifyError::BodyTooLarge { limit: 65_536 };
    // Told by the header alone, before a byte is read.
    assert_eq!(verifier().begin(&with("content-length", "65537")).unwrap_err(), refused);
    assert_eq!(verifier().begin(&with("content-length", "18446744073709551615")).unwrap_err(), refused);
    let unsized_verifier = verifier().allow_missing_content_length(true);
    let head_only = without("content-length");
    assert_eq!(unsized_verifier.verify(&head_only, &long).unwrap_err(), refused);
    assert_eq!(unsized_verifier.begin(&head_only).unwrap().finish(long.clone().into()).unwrap_err(), refused);
    assert_eq!(refused.status(), 413);
    let fits = vec![b'a'; 65_536];
    verifier().verify(&head(TARGET, &fits), &fits).unwrap();
    verifier().body_limit(65_537).verify(&head(TARGET, &long), &long).unwrap();
}

#[test]
fn a_body_that_is_not_utf8_is_verified_all_the_same() {
    let body = b"a=\xff\xfe\0";
    assert_eq!(verifier().verify(&head(TARGET, body), body).unwrap().body().as_ref(), body);
}

#[test]
fn a_body_shorter_or_longer_than_declared() {
    for declared in ["16", "18", "0"] {
        let error = refusal(&with("content-length", declared));
        assert_eq!(error, VerifyError::LengthMismatch { declared: declared.parse().unwrap(), actual: 17 });
        // The same where the body is read after the head was judged.
        let head = with("content-length", declared);
        assert_eq!(verifier().begin(&head).unwrap().finish(BODY.into()).unwrap_err(), error);
    }
}

#[test]
fn a_body_of_an_unexpected_type() {
    let form_only = verifier().expect_body_type(BodyType::Form);
    for content_type in ["application/json", "text/plain", ""] {
        let error = form_only.verify(&with("content-type", content_type), BODY).unwrap_err();
        assert_eq!(error, VerifyError::BodyType, "{content_type}");
    }
    assert_eq!(form_only.verify(&good(), BODY).unwrap_err(), VerifyError::BodyType);
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    form_only.verify(&with("content-type", form), BODY).unwrap();
}
