//! Neither a result nor an error shows a token.

use std::time::Duration;

use http::header::HeaderValue;
use oss_signing::{Scheme, Signer as _, V1Signer, VerifyError};

use crate::support::{RESOURCE, credentials, now, request, signers, v4_signer};
use crate::{policy, verify, verify_post};

#[test]
fn neither_results_nor_errors_show_a_token() {
    let credentials = credentials().with_security_token("hush");
    for signer in signers() {
        let mut header = request("/k");
        signer.sign(&mut header, RESOURCE, &credentials, now()).unwrap();
        let mut query = request("/k");
        signer.presign(&mut query, RESOURCE, &credentials, now(), Duration::from_secs(60)).unwrap();
        for request in [header, query] {
            let verified = verify(&request, now()).unwrap();
            assert_eq!(verified.security_token(), Some("hush"));
            assert!(!format!("{verified:?}").contains("hush"), "{verified:?}");
        }
    }

    let fields = v4_signer().sign_post(&policy(), &credentials, now()).unwrap();
    let form: Vec<_> = fields.iter().chain([("key", "u/a")]).collect();
    let verified = verify_post(&form, now()).unwrap();
    assert_eq!(verified.security_token(), Some("hush"));
    assert!(!format!("{verified:?}").contains("hush"), "{verified:?}");

    // A form with another token than the pinned one, and a condition that pins the token beside what fails.
    let other: Vec<_> = form
        .iter()
        .map(|&(name, value)| (name, if name == "x-oss-security-token" { "other" } else { value }))
        .collect();
    let policy =
        r#"{"expiration":"2024-12-13T04:00:00Z","conditions":[{"key":"v/a","x-oss-security-token":"hush"}]}"#;
    let fields = V1Signer::new().sign_post_json(policy, &credentials).unwrap();
    let beside: Vec<_> = fields.iter().chain([("key", "u/a")]).collect();
    for form in [other, beside] {
        let error = verify_post(&form, now()).unwrap_err();
        assert!(matches!(error, VerifyError::PolicyConditionFailed { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
}

#[test]
fn an_unknown_scheme_is_named_without_what_follows() {
    for (authorization, shown) in [
        ("hush-hush", ""),
        ("Bearer hush", "Bearer"),
        ("Basic:hush hush", "Basic"),
        ("OSS\thush", ""),
        (" hush", ""),
    ] {
        let mut request = request("/k");
        request.headers.insert("authorization", HeaderValue::from_static(authorization));
        let error = Scheme::identify(&request).unwrap_err();
        assert_eq!(error, VerifyError::UnsupportedScheme { scheme: shown.to_owned() });
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
    let long = "a".repeat(1000);
    let error = Scheme::identify(&request(&format!("/k?x-oss-signature-version={long}"))).unwrap_err();
    assert_eq!(error, VerifyError::UnsupportedVersion { version: long[..32].to_owned() });
    let error = verify_post(&[("x-oss-signature-version", &long)], now()).unwrap_err();
    assert_eq!(error, VerifyError::UnsupportedPostVersion { version: long[..32].to_owned() });
}
