//! The headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oss_callback::VerifyError;

use crate::support::{KEY_URL, authorization, verifier};
use crate::{BODY, TARGET, good, refusal, twice, with, without};

#[test]
fn a_request_that_is_no_post() {
    for method in ["GET", "PUT", "post", "HEAD"] {
        let mut head = good();
        head.method = method.parse().unwrap();
        assert_eq!(refusal(&head), VerifyError::Method, "{method}");
        assert_eq!(refusal(&head).status(), 405);
    }
}

#[test]
fn an_authorization_that_the_server_in_front_dropped() {
    let error = refusal(&without("authorization"));
    assert_eq!(error, VerifyError::MissingHeader { name: "authorization" });
    assert!(error.to_string().contains("drop it"), "{error}");
    assert_eq!(error.status(), 401);
}

#[test]
fn a_missing_key_url() {
    assert_eq!(
        refusal(&without("x-oss-pub-key-url")),
        VerifyError::MissingHeader { name: "x-oss-pub-key-url" }
    );
}

#[test]
fn a_missing_content_length() {
    let head = without("content-length");
    assert_eq!(refusal(&head), VerifyError::MissingHeader { name: "content-length" });
    assert_eq!(refusal(&head).status(), 411);
    verifier().allow_missing_content_length(true).verify(&head, BODY).unwrap();
}

#[test]
fn a_content_length_that_is_no_number() {
    for text in ["", "+17", "-1", "17 ", "0x11", "17,17", "1e1", "99999999999999999999"] {
        assert_eq!(refusal(&with("content-length", text)), VerifyError::ContentLength, "{text:?}");
    }
}

#[test]
fn a_header_given_twice() {
    for (name, value) in [
        ("authorization", authorization(TARGET, BODY)),
        ("authorization", "AAAA".to_owned()),
        ("x-oss-pub-key-url", STANDARD.encode(KEY_URL)),
        ("content-length", "17".to_owned()),
    ] {
        assert_eq!(refusal(&twice(name, &value)), VerifyError::DuplicateHeader { name });
    }
    for name in ["content-type", "content-md5"] {
        let mut head = twice(name, "a/b");
        head.headers.append(name, "a/b".parse().unwrap());
        assert_eq!(refusal(&head), VerifyError::DuplicateHeader { name });
    }
}

#[test]
fn an_authorization_with_a_scheme_word() {
    for scheme in ["OSS", "Bearer", "OSS4-HMAC-SHA256"] {
        let text = format!("{scheme} {}", authorization(TARGET, BODY));
        assert_eq!(refusal(&with("authorization", &text)), VerifyError::AuthorizationScheme);
    }
}

#[test]
fn a_signature_that_is_not_canonical_base64() {
    let good = authorization(TARGET, BODY);
    // The last character before the padding has four bits that must be zero.
    let mut loose: Vec<char> = good.chars().collect();
    let last = loose[85];
    loose[85] = char::from_u32(u32::from(last) + 1).unwrap();
    for text in [
        loose.into_iter().collect::<String>(),
        good.trim_end_matches('=').to_owned(),
        good.replace("==", "="),
        format!("{good}=="),
        good.replacen(|c: char| c.is_ascii_alphanumeric(), "-", 1),
        "A".repeat(100_000),
        "%".to_owned(),
    ] {
        assert_eq!(refusal(&with("authorization", &text)), VerifyError::SignatureEncoding, "{text:.90}");
    }
}

#[test]
fn a_signature_of_another_length() {
    for length in [0, 1, 63, 65, 128, 512] {
        let text = STANDARD.encode(vec![1; length]);
        let error = refusal(&with("authorization", &text));
        assert_eq!(error, VerifyError::SignatureLength { expected: 64, actual: length });
    }
}

#[test]
fn unsigned_headers_are_kept_apart() {
    let mut head = with("x-oss-bucket", "someone-elses");
    head.headers.insert("x-oss-request-id", "5CF3E7821AB22D0FDB86704D".parse().unwrap());
    let verified = verifier().verify(&head, BODY).unwrap();
    assert_eq!(verified.unsigned().bucket(), Some("someone-elses"));
    assert_eq!(verified.unsigned().request_id(), Some("5CF3E7821AB22D0FDB86704D"));
    assert_eq!(verified.unsigned().owner(), None);
    let signed: std::collections::BTreeMap<String, String> = verified.form().unwrap();
    assert_eq!(signed["bucket"], "b");
}
