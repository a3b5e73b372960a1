//! What holds for all keys, headers and queries: a signed request verifies as a server sees it, any change of a
//! signed part is refused, and no input makes a parser panic.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

#[path = "../support/mod.rs"]
mod support;

mod forms;
mod readers;
mod requests;

use std::time::{Duration, SystemTime};

use http::request::Parts;
use oss_signing::{Resource, Verified, VerifyError};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};

use crate::support::verifier;

const BUCKET: &str = "examplebucket";
const ACCESS_KEY_ID: &str = "LTAI5tExampleKeyId0001";
const SECRET: &str = "exampleSecretKey/With+Chars=01";
const LIFETIME: Duration = Duration::from_secs(600);

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, max_global_rejects: 65_536, ..ProptestConfig::default() }
}

fn verify(request: &Parts, key: &str, now: SystemTime, secret: &str) -> Result<Verified, VerifyError> {
    let resource = Resource::object(BUCKET, key);
    // The id itself is not signed: it is right because its secret is.
    let secret_for = |id: &str| (id == ACCESS_KEY_ID).then(|| secret.to_owned());
    verifier().verify(request, resource, now, &secret_for)
}

/// Text that hurts: everything a URL, a form or a line-based format gives a meaning, and any other character.
fn tricky(length: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ %+&=?#/\\\\:;@\"'<>~*!()\\[\\]{}|^`.,_-]".prop_map(|text: String| text),
        Just("//".to_owned()),
        Just("..".to_owned()),
        Just("%2F".to_owned()),
        Just("\n".to_owned()),
        Just("\u{0}".to_owned()),
        any::<char>().prop_map(String::from),
        "[a-zA-Z0-9]",
    ];
    proptest::collection::vec(piece, length).prop_map(|pieces| pieces.concat())
}
