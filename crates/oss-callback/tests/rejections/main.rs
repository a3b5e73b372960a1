//! One test for each way in which public receivers have been deceived or have failed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a request that cannot be built is a failed test"
)]

#[path = "../support/mod.rs"]
mod support;

mod body;
mod headers;
mod key_url;
mod signature;
mod target;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use oss_callback::{BodyType, TargetError, VerifyError};

use crate::support::{KEY_URL, authorization, head, verifier};

const TARGET: &str = "/oss/callback?id=1";
const BODY: &[u8] = b"bucket=b&object=o";

fn good() -> Parts {
    head(TARGET, BODY)
}

fn with(name: &'static str, value: &str) -> Parts {
    let mut head = good();
    head.headers.insert(name, value.parse().unwrap());
    head
}

fn without(name: &'static str) -> Parts {
    let mut head = good();
    head.headers.remove(name);
    head
}

fn twice(name: &'static str, value: &str) -> Parts {
    let mut head = good();
    head.headers.append(name, value.parse().unwrap());
    head
}

fn refusal(head: &Parts) -> VerifyError {
    verifier().verify(head, BODY).unwrap_err()
}

fn target_refusal(reason: TargetError) -> VerifyError {
    VerifyError::Target { reason }
}

#[test]
fn the_request_all_others_are_made_from_is_accepted() {
    verifier().verify(&good(), BODY).unwrap();
}

#[test]
fn a_request_with_several_faults_is_refused_for_the_cheapest() {
    let strict = verifier().expect_target("/x").unwrap().expect_body_type(BodyType::Json);
    let mut head = head(TARGET, b"other");
    head.headers.insert("x-oss-pub-key-url", STANDARD.encode("https://evil.example/k").parse().unwrap());
    head.headers.insert("authorization", "%".parse().unwrap());
    head.headers.insert("content-length", "65537".parse().unwrap());
    head.method = http::Method::GET;
    let refusal = |head: &Parts| strict.verify(head, BODY).unwrap_err();

    assert_eq!(refusal(&head), VerifyError::Method);
    head.method = http::Method::POST;
    assert_eq!(refusal(&head), VerifyError::BodyTooLarge { limit: 65_536 });
    head.headers.insert("content-length", "16".parse().unwrap());
    assert_eq!(refusal(&head), VerifyError::SignatureEncoding);
    head.headers.insert("authorization", authorization("/elsewhere", BODY).parse().unwrap());
    assert_eq!(refusal(&head), target_refusal(TargetError::Unregistered));
    head.uri = "/x".parse().unwrap();
    assert_eq!(refusal(&head), VerifyError::BodyType);
    head.headers.insert("content-type", "application/json".parse().unwrap());
    // After everything else in the head, because an unknown key may be worth fetching.
    assert!(matches!(refusal(&head), VerifyError::UntrustedKey { .. }));
    head.headers.insert("x-oss-pub-key-url", STANDARD.encode(KEY_URL).parse().unwrap());
    assert!(matches!(refusal(&head), VerifyError::LengthMismatch { .. }));
    head.headers.insert("content-length", "17".parse().unwrap());
    assert!(matches!(refusal(&head), VerifyError::OtherContent { .. }));
}

#[test]
fn what_is_answered_tells_nothing_of_the_reason() {
    let answers: Vec<_> = [
        refusal(&with("x-oss-pub-key-url", &STANDARD.encode("https://evil.example/k"))),
        refusal(&with("authorization", &STANDARD.encode([1; 64]))),
        verifier().expect_target("/x").unwrap().verify(&good(), BODY).unwrap_err(),
    ]
    .iter()
    .map(|error| oss_callback::Reply::from(error).body().clone())
    .collect();
    assert!(
        answers.iter().all(|answer| answer.as_ref() == br#"{"error":"not_a_trusted_callback"}"#),
        "{answers:?}"
    );
}
