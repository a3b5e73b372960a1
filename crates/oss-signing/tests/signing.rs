//! The contract of signing: what is added, what is replaced, what is refused, and that a refusal changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

mod support;

use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST, HeaderName, HeaderValue, RANGE};
use oss_signing::{
    BucketName, Credentials, PolicyError, PostPolicy, Product, Region, SignError, Signer, SigningKey,
    V1Signer, explain,
};

use crate::support::{RESOURCE, credentials, now, request, secret_for, signers, v4_signer, verifier};

#[test]
fn anonymous_requests_stay_unsigned_and_cannot_be_presigned() {
    for signer in signers() {
        let mut request = request("https://h.example/k");
        signer.sign(&mut request, RESOURCE, &Credentials::anonymous(), now()).unwrap();
        assert!(request.headers.is_empty());

        // A retry may turn to anonymous access; nothing of the former signature may go out with it.
        let credentials = credentials().with_security_token("token");
        signer.sign(&mut request, RESOURCE, &credentials, now()).unwrap();
        signer.sign(&mut request, RESOURCE, &Credentials::anonymous(), now()).unwrap();
        assert!(request.headers.is_empty(), "{:?}", request.headers);

        refused(&*signer, "https://h.example/k", &Credentials::anonymous(), 60, &SignError::Anonymous);
    }
}

#[test]
fn going_anonymous_leaves_the_callers_own_headers() {
    let own = [("date", "a"), ("x-oss-date", "b"), ("x-oss-content-sha256", "c"), ("x-oss-meta-d", "d")];
    let own = own.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    for signer in signers() {
        let mut request = request("https://h.example/k");
        request.headers.extend(own.clone());
        let headers = request.headers.clone();
        signer.sign(&mut request, RESOURCE, &Credentials::anonymous(), now()).unwrap();
        assert_eq!(request.headers, headers);

        // Signing has replaced the dates, so they are the caller's no more.
        signer.sign(&mut request, RESOURCE, &credentials(), now()).unwrap();
        signer.sign(&mut request, RESOURCE, &Credentials::anonymous(), now()).unwrap();
        assert_eq!(request.headers.len(), 2, "{:?}", request.headers);
        assert_eq!(
            (&request.headers["x-oss-content-sha256"], &request.headers["x-oss-meta-d"]),
            (&own[2].1, &own[3].1)
        );
    }
}

#[test]
fn credentials_that_cannot_be_sent_are_refused() {
    for (credentials, error) in [
        (Credentials::new("", "secret"), SignError::EmptyCredential { part: "access key id" }),
        (Credentials::new("id", " \n"), SignError::EmptyCredential { part: "access key secret" }),
        (Credentials::new("i\nd", "secret"), SignError::InvalidCredential { part: "access key id" }),
        (Credentials::new("i,d", "secret"), SignError::InvalidCredential { part: "access key id" }),
        (Credentials::new("ïd", "secret"), SignError::InvalidCredential { part: "access key id" }),
    ] {
        for signer in signers() {
            let mut request = request("https://h.example/k");
            assert_eq!(signer.sign(&mut request, RESOURCE, &credentials, now()), Err(error.clone()));
            assert!(request.headers.is_empty());
            refused(&*signer, "https://h.example/k", &credentials, 60, &error);
        }
    }
    for token in ["a\nb", " token", "token\t"] {
        for signer in signers() {
            let mut request = request("https://h.example/k");
            let result =
                signer.sign(&mut request, RESOURCE, &credentials().with_security_token(token), now());
            assert_eq!(result, Err(SignError::InvalidCredential { part: "security token" }));
            assert!(request.headers.is_empty());
        }
    }
}

#[test]
fn times_that_no_date_can_hold_are_refused() {
    let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let year_10000 = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800);
    for time in [before_1970, year_10000] {
        for signer in signers() {
            let mut request = request("https://h.example/k");
            let result = signer.sign(&mut request, RESOURCE, &credentials(), time);
            assert_eq!(result, Err(SignError::TimeOutOfRange));
            let result = signer.presign(&mut request, RESOURCE, &credentials(), time, Duration::from_secs(1));
            assert_eq!(result, Err(SignError::TimeOutOfRange));
            assert!(request.headers.is_empty() && request.uri == "https://h.example/k");
        }
    }
}

#[test]
fn the_lifetime_of_a_url_is_bounded() {
    let v4 = |given| SignError::LifetimeOutOfRange { given, min: 1, max: 604_800 };
    refused(&v4_signer(), "https://h.example/k", &credentials(), 0, &v4(0));
    refused(&v4_signer(), "https://h.example/k", &credentials(), 604_801, &v4(604_801));
    refused(&V1Signer::new(), "https://h.example/k", &credentials(), u64::MAX, &SignError::TimeOutOfRange);
    let v1 = SignError::LifetimeOutOfRange { given: 0, min: 1, max: u64::MAX };
    refused(&V1Signer::new(), "https://h.example/k", &credentials(), 0, &v1);

    for (signer, seconds) in
        [(Box::new(v4_signer()) as Box<dyn Signer>, 604_800), (Box::new(V1Signer::new()), 1 << 32)]
    {
        let mut request = request("https://h.example/k");
        signer.presign(&mut request, RESOURCE, &credentials(), now(), Duration::from_secs(seconds)).unwrap();
    }
}

#[test]
fn a_url_does_not_outlive_its_credentials() {
    let temporary =
        credentials().with_security_token("token").with_expiry(now() + Duration::from_millis(59_500));
    for signer in signers() {
        refused(
            &*signer,
            "https://h.example/k",
            &temporary,
            60,
            &SignError::OutlivesCredentials { excess: 1 },
        );
        let mut request = request("https://h.example/k");
        signer.presign(&mut request, RESOURCE, &temporary, now(), Duration::from_secs(59)).unwrap();
    }
}

#[test]
fn a_request_is_signed_in_one_place_only() {
    for signer in signers() {
        for (url, found) in [
            ("https://h.example/k?x-oss-signature=a", "x-oss-signature"),
            ("https://h.example/k?a&x%2doss%2Dsignature", "x-oss-signature"),
            ("https://h.example/k?Signature=a", "Signature"),
            ("https://h.example/k?OSSAccessKeyId=a", "OSSAccessKeyId"),
            ("https://h.example/k?x-oss-credential=a", "x-oss-credential"),
            ("https://h.example/k?x-oss-signature-version=a", "x-oss-signature-version"),
        ] {
            let mut request = request(url);
            let result = signer.sign(&mut request, RESOURCE, &credentials(), now());
            assert_eq!(result, Err(SignError::AlreadySigned { found }));
            assert!(request.headers.is_empty());
        }
        let mut request = request("https://h.example/k");
        signer.sign(&mut request, RESOURCE, &credentials(), now()).unwrap();
        let result = signer.presign(&mut request, RESOURCE, &credentials(), now(), Duration::from_secs(60));
        assert_eq!(result, Err(SignError::AlreadySigned { found: "an Authorization header" }));
        request.headers.remove(AUTHORIZATION);
        request.headers.insert("x-oss-security-token", HeaderValue::from_static("token"));
        let result = signer.presign(&mut request, RESOURCE, &credentials(), now(), Duration::from_secs(60));
        assert_eq!(result, Err(SignError::ConflictingHeader { name: "x-oss-security-token" }));
        assert_eq!(request.uri, "https://h.example/k");
    }
}

#[test]
fn what_two_readers_would_read_differently_is_refused() {
    for signer in signers() {
        let twice = "https://h.example/k?uploadId=1&%75ploadId=2";
        let repeated = SignError::RepeatedParameter { name: "uploadId".to_owned() };
        refused(&*signer, twice, &credentials(), 60, &repeated);
        let mut request = request(twice);
        assert_eq!(signer.sign(&mut request, RESOURCE, &credentials(), now()), Err(repeated));
        assert!(request.headers.is_empty());
    }
    let mut request = request("https://h.example/k");
    request.headers.append(CONTENT_TYPE, HeaderValue::from_static("a/b"));
    request.headers.append(CONTENT_TYPE, HeaderValue::from_static("c/d"));
    let result = V1Signer::new().sign(&mut request, RESOURCE, &credentials(), now());
    assert_eq!(result, Err(SignError::RepeatedHeader { name: "content-type".to_owned() }));
    assert_eq!(request.headers.len(), 2);
}

#[test]
fn a_header_map_without_room_is_refused_instead_of_a_panic() {
    for signer in signers() {
        let mut request = request("https://h.example/k");
        for number in 0..4_096 {
            let name: HeaderName = format!("h{number}").parse().unwrap();
            request.headers.insert(name, HeaderValue::from_static("x"));
        }
        signer.sign(&mut request.clone(), RESOURCE, &credentials(), now()).unwrap();
        request.headers.insert("one-more", HeaderValue::from_static("x"));
        let result = signer.sign(&mut request, RESOURCE, &credentials(), now());
        assert_eq!(result, Err(SignError::TooManyHeaders { count: 4_097, limit: 4_096 }));
        assert_eq!(request.headers.len(), 4_097);
    }
}

#[test]
fn a_url_that_grows_too_long_is_refused() {
    let url = format!("https://h.example/k?prefix={}", "x".repeat(65_450));
    for signer in signers() {
        let mut request = request(&url);
        let result = signer.presign(&mut request, RESOURCE, &credentials(), now(), Duration::from_secs(60));
        assert!(matches!(result, Err(SignError::UrlTooLong { .. })), "{result:?}");
        assert_eq!(request.uri, *url);
    }
}

#[test]
fn the_query_that_is_there_is_not_re_encoded() {
    let written = "b=%7e&a=+%2f&&c=%zz&uploads=";
    for signer in signers() {
        let mut request = request(&format!("https://h.example/k?{written}"));
        signer.sign(&mut request, RESOURCE, &credentials(), now()).unwrap();
        assert_eq!(request.uri.query(), Some(written));
        request.headers.clear();
        signer.presign(&mut request, RESOURCE, &credentials(), now(), Duration::from_secs(60)).unwrap();
        let query = request.uri.query().unwrap();
        assert!(query.starts_with("b=%7e&a=+%2f&c=%zz&uploads=&"), "{query}");
    }
}

#[test]
fn v4_keeps_a_given_payload_hash() {
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let mut request = request("https://h.example/k");
    request.headers.insert("x-oss-content-sha256", HeaderValue::from_static(hash));
    v4_signer().sign(&mut request, RESOURCE, &credentials(), now()).unwrap();
    assert_eq!(request.headers["x-oss-content-sha256"], hash);
    let ends_with_hash = |request| {
        explain(request, RESOURCE).unwrap().canonical_request().unwrap().ends_with(&format!("\n\n{hash}"))
    };
    assert!(ends_with_hash(&request));

    let mut url = support::request("https://h.example/k");
    url.headers.insert("x-oss-content-sha256", HeaderValue::from_static(hash));
    v4_signer().presign(&mut url, RESOURCE, &credentials(), now(), Duration::from_secs(60)).unwrap();
    assert!(ends_with_hash(&url));
    verifier().verify(&url, RESOURCE, now(), &secret_for).unwrap();
}

#[test]
fn v4_takes_the_host_from_the_url_as_http_clients_do() {
    for (url, host) in [
        ("https://b.example/k", "b.example"),
        ("https://b.example:443/k", "b.example"),
        ("http://b.example:80/k", "b.example"),
        ("http://b.example:8080/k", "b.example:8080"),
        ("https://b.example:80/k", "b.example:80"),
    ] {
        let signer = v4_signer().with_additional_headers([HOST, RANGE, CONTENT_TYPE, AUTHORIZATION]);
        let mut request = request(url);
        signer.sign(&mut request, RESOURCE, &credentials(), now()).unwrap();
        let explanation = explain(&request, RESOURCE).unwrap();
        let canonical = explanation.canonical_request().unwrap();
        assert!(
            canonical.contains(&format!("\nhost:{host}\n")) && canonical.contains("\n\nhost\n"),
            "{canonical}"
        );
    }
}

#[test]
fn v4_signs_the_date_it_sends_where_date_is_an_additional_header() {
    let signer = v4_signer().with_additional_headers([DATE]);
    let mut request = request("https://b.example/k");
    request.headers.insert(DATE, HeaderValue::from_static("stale"));
    signer.sign(&mut request, RESOURCE, &credentials(), now()).unwrap();
    let canonical = explain(&request, RESOURCE).unwrap().canonical_request().unwrap().to_owned();
    assert!(canonical.contains("\ndate:Fri, 13 Dec 2024 03:23:07 GMT\n"), "{canonical}");
}

#[test]
fn v1_can_leave_date_to_the_browser() {
    let mut request = request("https://b.example/k");
    V1Signer::new().with_x_oss_date().sign(&mut request, RESOURCE, &credentials(), now()).unwrap();
    assert!(!request.headers.contains_key(DATE));
    assert_eq!(request.headers["x-oss-date"], "Fri, 13 Dec 2024 03:23:07 GMT");
    let explanation = explain(&request, RESOURCE).unwrap();
    assert_eq!(
        explanation.string_to_sign(),
        "PUT\n\n\nFri, 13 Dec 2024 03:23:07 GMT\nx-oss-date:Fri, 13 Dec 2024 03:23:07 GMT\n/examplebucket/k"
    );
}

#[test]
fn an_old_token_goes_with_the_old_credentials() {
    for signer in signers() {
        let mut request = request("https://b.example/k");
        signer.sign(&mut request, RESOURCE, &credentials().with_security_token("old"), now()).unwrap();
        assert!(request.headers["x-oss-security-token"].is_sensitive());
        assert!(request.headers[AUTHORIZATION].is_sensitive());
        signer.sign(&mut request, RESOURCE, &credentials(), now()).unwrap();
        assert!(!request.headers.contains_key("x-oss-security-token"));
    }
}

#[test]
fn a_policy_pins_what_it_hands_out() {
    let policy =
        policy(600).field("callback", "Y2FsbGJhY2s=").field("x:user", "4$2").starts_with("key", "u/");
    let fields = v4_signer().sign_post(&policy, &credentials().with_security_token("hush"), now()).unwrap();
    let names: Vec<&str> = fields.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "callback",
            "x:user",
            "x-oss-signature-version",
            "x-oss-credential",
            "x-oss-date",
            "x-oss-security-token",
            "policy",
            "x-oss-signature"
        ]
    );
    let json = r#"{"conditions":[{"bucket":"examplebucket"},{"x-oss-signature-version":"OSS4-HMAC-SHA256"},{"x-oss-credential":"id/20241213/cn-hangzhou/oss/aliyun_v4_request"},{"x-oss-date":"20241213T032307Z"},{"x-oss-security-token":"hush"},["eq","$callback","Y2FsbGJhY2s="],["eq","$x:user","4\\$2"],["starts-with","$key","u/"]],"expiration":"2024-12-13T03:33:07.000Z"}"#;
    let again = v4_signer().sign_post_json(json, &credentials().with_security_token("hush"), now()).unwrap();
    assert_eq!(fields.get("policy"), again.get("policy"));
    let shown = format!("{fields:?}");
    assert!(shown.contains("x:user") && !shown.contains("4$2") && !shown.contains("hush"), "{shown}");
}

#[test]
fn a_key_that_was_handed_out_signs_as_the_secret_does() {
    let region: Region = "cn-hangzhou".parse().unwrap();
    let bytes = *SigningKey::derive("secret", now(), &region, Product::Oss).unwrap().as_bytes();
    let key = SigningKey::from_bytes(bytes);

    let fields = v4_signer().sign_post(&policy(60), &credentials(), now()).unwrap();
    let signature = key.sign(fields.get("policy").unwrap().as_bytes());
    assert_eq!(Some(signature.as_str()), fields.get("x-oss-signature"));

    let mut request = request("https://h.example/k");
    v4_signer().sign(&mut request, RESOURCE, &credentials(), now()).unwrap();
    let signature = key.sign(explain(&request, RESOURCE).unwrap().string_to_sign().as_bytes());
    let authorization = request.headers[AUTHORIZATION].to_str().unwrap();
    assert!(authorization.ends_with(&format!(",Signature={signature}")), "{authorization}");
}

#[test]
fn a_policy_that_oss_would_refuse_is_refused() {
    let long = "x".repeat(2 * 1024 * 1024 + 1);
    for (policy, error) in [
        (policy(0), PolicyError::ExpirationOutOfRange),
        (policy(604_801), PolicyError::ExpirationTooFar { given: 604_801 }),
        (policy(60).field("file", "x"), PolicyError::ReservedField { name: "file".to_owned() }),
        (policy(60).field("signature", "x"), PolicyError::ReservedField { name: "signature".to_owned() }),
        (policy(60).field("", "x"), PolicyError::ReservedField { name: String::new() }),
        (policy(60).field("a", "1").field("A", "2"), PolicyError::RepeatedField { name: "A".to_owned() }),
        (
            policy(60).field("a", long),
            PolicyError::FieldTooLong { name: "a".to_owned(), length: 2_097_153, limit: 2_097_152 },
        ),
        #[expect(clippy::reversed_empty_ranges, reason = "the mistake under test")]
        (policy(60).content_length_range(2..=1), PolicyError::EmptyLengthRange { min: 2, max: 1 }),
    ] {
        assert_eq!(v4_signer().sign_post(&policy, &credentials(), now()), Err(SignError::Policy(error)));
    }
    V1Signer::new().sign_post(&policy(604_801), &credentials(), now()).unwrap();
    let temporary = credentials().with_expiry(now() + Duration::from_secs(59));
    let result = V1Signer::new().sign_post(&policy(60), &temporary, now());
    assert_eq!(result, Err(SignError::OutlivesCredentials { excess: 1 }));
    assert_eq!(
        V1Signer::new().sign_post(&policy(60), &Credentials::anonymous(), now()),
        Err(SignError::Anonymous)
    );
}

fn refused(signer: &dyn Signer, url: &str, credentials: &Credentials, seconds: u64, error: &SignError) {
    let mut request = request(url);
    let result = signer.presign(&mut request, RESOURCE, credentials, now(), Duration::from_secs(seconds));
    assert_eq!(result.as_ref(), Err(error));
    assert_eq!(request.uri, *url);
    assert!(request.headers.is_empty());
}

fn policy(seconds: u64) -> PostPolicy {
    let bucket: BucketName = "examplebucket".parse().unwrap();
    PostPolicy::new(&bucket, now() + Duration::from_secs(seconds))
}
