//! Each reason for refusing a request, with the status, code and EC that OSS documents for it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

use std::time::{Duration, SystemTime};

use http::header::HeaderValue;
use http::request::Parts;
use oss_signing::{
    BucketName, Credentials, PostPolicy, Region, Resource, Scheme, Signer, V1Signer, V4Signer, Verified,
    Verifier, VerifyError,
};

const RESOURCE: Resource<'_> = Resource::object("examplebucket", "k");
const V4: &str = "OSS4-HMAC-SHA256 Credential=id/20241213/cn-hangzhou/oss/aliyun_v4_request,Signature=00";

#[test]
fn schemes_are_told_apart() {
    let identify = |url: &str, authorization: Option<&'static str>| {
        let mut request = request(url);
        if let Some(authorization) = authorization {
            request.headers.insert("authorization", HeaderValue::from_static(authorization));
        }
        Scheme::identify(&request)
    };
    assert_eq!(identify("/k", None), Ok(None));
    assert_eq!(identify("/k?Expires=1", None), Ok(None));
    assert_eq!(identify("/k", Some("OSS id:sig")), Ok(Some(Scheme::V1Header)));
    assert_eq!(identify("/k", Some(V4)), Ok(Some(Scheme::V4Header)));
    assert_eq!(identify("/k?Signature=a", None), Ok(Some(Scheme::V1Query)));
    assert_eq!(identify("/k?OSSAccessKeyId=a", None), Ok(Some(Scheme::V1Query)));
    assert_eq!(identify("/k?x-oss-signature-version=OSS4-HMAC-SHA256", None), Ok(Some(Scheme::V4Query)));
    check(&identify("/k?Signature=a", Some("OSS id:sig")).unwrap_err(), 400, "InvalidArgument", None);
    let v2 = identify("/k", Some("OSS2 AccessKeyId:a,Signature:b")).unwrap_err();
    check(&v2, 400, "InvalidArgument", Some("0002-00000061"));
    let v2 = identify("/k?x-oss-signature-version=OSS2", None).unwrap_err();
    check(&v2, 400, "InvalidArgument", Some("0002-00000066"));
}

#[test]
fn a_header_that_cannot_be_read_is_refused() {
    let (v1, v4) = (Some("0002-00000062"), Some("0002-00000063"));
    for (authorization, ec) in [
        ("OSS id", v1),
        ("OSS :sig", v1),
        ("OSS4-HMAC-SHA256", v4),
        ("OSS4-HMAC-SHA256 Credential", v4),
        ("OSS4-HMAC-SHA256 Signature=a", v4),
        ("OSS4-HMAC-SHA256 Credential=a", v4),
        ("OSS4-HMAC-SHA256 Credential=a,Credential=a,Signature=b", v4),
        ("OSS4-HMAC-SHA256 Credential=a,Signature=b,Other=c", v4),
        ("OSS4-HMAC-SHA256 Credential=a,Signature=b,", v4),
        ("OSS4-HMAC-SHA256 Credential=id/20241213/cn-hangzhou/oss,Signature=b", Some("0002-00000213")),
        ("OSS4-HMAC-SHA256 Credential=id/20241213/cn-hangzhou/oss/abc,Signature=b", Some("0002-00000213")),
        (
            "OSS4-HMAC-SHA256 Credential=/20241213/cn-hangzhou/oss/aliyun_v4_request,Signature=b",
            Some("0002-00000213"),
        ),
        (
            "OSS4-HMAC-SHA256 Credential=id/20241214/cn-hangzhou/oss/aliyun_v4_request,Signature=b",
            Some("0002-00000223"),
        ),
        (
            "OSS4-HMAC-SHA256 Credential=id/20241213/cn-beijing/oss/aliyun_v4_request,Signature=b",
            Some("0002-00000228"),
        ),
        (
            "OSS4-HMAC-SHA256 Credential=id/20241213/cn-hangzhou/s3/aliyun_v4_request,Signature=b",
            Some("0002-00000228"),
        ),
    ] {
        let mut request = signed(&v4_signer());
        if authorization.starts_with("OSS ") {
            request.headers.remove("x-oss-date");
        }
        request.headers.insert("authorization", HeaderValue::from_static(authorization));
        check(&verify(&request, now()).unwrap_err(), 400, "InvalidArgument", ec);
    }
}

#[test]
fn a_list_of_additional_headers_keeps_its_rules() {
    for list in
        ["", "host;", ";host", "Host", "range;host", "host;host", "content-type", "x-oss-date", "ho st"]
    {
        let mut request = signed(&v4_signer());
        request.headers.insert("host", HeaderValue::from_static("h.example"));
        request.headers.insert("range", HeaderValue::from_static("bytes=0-1"));
        let authorization = V4.replace(",Signature", &format!(",AdditionalHeaders={list},Signature"));
        request.headers.insert("authorization", authorization.parse().unwrap());
        let error = verify(&request, now()).unwrap_err();
        assert!(matches!(error, VerifyError::MalformedAdditionalHeaders { .. }), "{list}: {error:?}");
        check(&error, 400, "InvalidArgument", Some("0002-00000209"));
    }
    let mut request = signed(&v4_signer());
    let authorization = V4.replace(",Signature", ",AdditionalHeaders=if-match,Signature");
    request.headers.insert("authorization", authorization.parse().unwrap());
    let error = verify(&request, now()).unwrap_err();
    assert_eq!(error, VerifyError::MissingSignedHeader { name: "if-match".to_owned() });
}

#[test]
fn v4_headers_that_are_missing_or_repeated_are_named() {
    for name in ["x-oss-date", "x-oss-content-sha256"] {
        let mut request = signed(&v4_signer());
        request.headers.remove(name);
        assert_eq!(verify(&request, now()), Err(VerifyError::MissingHeader { name }));
    }
    for name in ["authorization", "x-oss-date", "x-oss-content-sha256", "x-oss-security-token"] {
        let mut request = signed(&v4_signer());
        let value = request.headers.get(name).cloned().unwrap_or(HeaderValue::from_static("token"));
        request.headers.append(name, value.clone());
        request.headers.append(name, value);
        assert_eq!(verify(&request, now()), Err(VerifyError::RepeatedHeader { name: name.to_owned() }));
    }
}

#[test]
fn clocks_may_differ_by_fifteen_minutes() {
    for signer in signers() {
        let request = signed(&*signer);
        for accepted in [now() - Duration::from_secs(900), now() + Duration::from_secs(900)] {
            verify(&request, accepted).unwrap();
        }
        for refused in [now() - Duration::from_secs(901), now() + Duration::from_millis(900_001)] {
            let error = verify(&request, refused).unwrap_err();
            check(&error, 403, "RequestTimeTooSkewed", Some("0002-00000504"));
            let VerifyError::RequestTimeTooSkewed { request_time, server_time, max_skew } = error else {
                panic!("{error:?}");
            };
            assert_eq!((request_time, server_time, max_skew), (now(), refused, Duration::from_secs(900)));
        }
        let strict = verifier().with_max_skew(Duration::from_secs(5));
        strict.verify(&request, RESOURCE, now() + Duration::from_secs(5), &secret_for).unwrap();
        strict.verify(&request, RESOURCE, now() + Duration::from_secs(6), &secret_for).unwrap_err();
    }
}

#[test]
fn a_url_has_a_last_second() {
    for (signer, ec) in signers().into_iter().zip(["0002-00000069", "0002-00000236"]) {
        let request = presigned(&*signer);
        verify(&request, now() + Duration::from_secs(60)).unwrap();
        let error = verify(&request, now() + Duration::from_millis(60_001)).unwrap_err();
        check(&error, 403, "AccessDenied", Some(ec));
        assert!(
            matches!(error, VerifyError::Expired { expired_at, .. } if expired_at == now() + Duration::from_secs(60))
        );
    }
    // Only V4 says when a URL was signed.
    let request = presigned(&v4_signer());
    verify(&request, now() - Duration::from_secs(900)).unwrap();
    let error = verify(&request, now() - Duration::from_secs(901)).unwrap_err();
    check(&error, 403, "AccessDenied", Some("0002-00000235"));
}

#[test]
fn v1_dates_are_read_or_refused() {
    let mut request = signed(&V1Signer::new());
    request.headers.remove("date");
    check(&verify(&request, now()).unwrap_err(), 403, "AccessDenied", Some("0002-00000503"));
    request.headers.insert("date", HeaderValue::from_static("yesterday"));
    check(&verify(&request, now()).unwrap_err(), 403, "AccessDenied", Some("0002-00000503"));
    // A readable x-oss-date wins, so the signature over Date is another one.
    let mut request = signed(&V1Signer::new());
    request.headers.insert("x-oss-date", HeaderValue::from_static("20241213T032307Z"));
    check(&verify(&request, now()).unwrap_err(), 403, "SignatureDoesNotMatch", Some("0002-00000040"));
}

#[test]
fn incomplete_urls_are_refused() {
    for (url, status, code, ec) in [
        ("/k?OSSAccessKeyId=id&Signature=a", 403, "AccessDenied", "0002-00000067"),
        ("/k?OSSAccessKeyId=id&Expires=&Signature=a", 400, "InvalidArgument", "0002-00000068"),
        ("/k?OSSAccessKeyId=id&Expires=x&Signature=a", 400, "InvalidArgument", "0002-00000070"),
        (
            "/k?OSSAccessKeyId=id&Expires=99999999999999999999&Signature=a",
            400,
            "InvalidArgument",
            "0002-00000070",
        ),
        ("/k?Expires=1734060188&Signature=a", 403, "AccessDenied", "0002-00000071"),
        ("/k?OSSAccessKeyId=&Expires=1734060188&Signature=a", 400, "InvalidArgument", "0002-00000072"),
        ("/k?OSSAccessKeyId=id&Expires=1734060188", 403, "AccessDenied", "0002-00000074"),
    ] {
        check(&verify(&request(url), now()).unwrap_err(), status, code, Some(ec));
    }
    let complete = presigned(&v4_signer()).uri.to_string();
    for (from, to, ec) in [
        ("&x-oss-expires=60", "", Some("0002-00000215")),
        ("x-oss-expires=60", "x-oss-expires=", Some("0002-00000216")),
        ("x-oss-expires=60", "x-oss-expires=0", Some("0002-00000232")),
        ("x-oss-expires=60", "x-oss-expires=604801", Some("0002-00000232")),
        ("x-oss-expires=60", "x-oss-expires=%2B60", Some("0002-00000232")),
        ("x-oss-signature=", "x-oss-other=", Some("0002-00000219")),
        ("x-oss-credential=id", "x-oss-credential=&x=id", Some("0002-00000218")),
        ("aliyun_v4_request", "abc", Some("0002-00000224")),
        ("20241213%2F", "20241214%2F", Some("0002-00000223")),
        ("cn-hangzhou", "oss-cn-hangzhou", Some("0002-00000226")),
        ("&x-oss-date", "&x-oss-additional-headers&x-oss-date", Some("0002-00000076")),
        ("&x-oss-date", "&a=1&a=2&x-oss-date", None),
    ] {
        let url = complete.replacen(from, to, 1);
        assert_ne!(url, complete);
        check(&verify(&request(&url), now()).unwrap_err(), 400, "InvalidArgument", ec);
    }
}

#[test]
fn strangers_and_forgers_are_told_apart() {
    for (signer, ec) in signers().into_iter().zip(["0002-00000040", "0002-00000201"]) {
        for request in [signed(&*signer), presigned(&*signer)] {
            let error = verifier().verify(&request, RESOURCE, now(), &|_| None).unwrap_err();
            assert_eq!(error, VerifyError::UnknownAccessKeyId { access_key_id: "id".to_owned() });
            check(&error, 403, "InvalidAccessKeyId", None);

            let empty = |_: &str| Some(String::new());
            assert_eq!(verifier().verify(&request, RESOURCE, now(), &empty), Err(error.clone()));

            let forged = |_: &str| Some("other".to_owned());
            let error = verifier().verify(&request, RESOURCE, now(), &forged).unwrap_err();
            check(&error, 403, "SignatureDoesNotMatch", Some(ec));
            let explanation = error.explanation().unwrap();
            let bytes = explanation.string_to_sign_bytes();
            let hex: String =
                explanation.string_to_sign().bytes().map(|byte| format!("{byte:02X} ")).collect();
            assert_eq!(bytes, hex);
            assert_eq!(error.string_to_sign(), Some(explanation.string_to_sign()));
        }
    }
}

#[test]
fn a_signature_has_one_spelling() {
    for signer in signers() {
        let request = signed(&*signer);
        let authorization = request.headers["authorization"].to_str().unwrap().to_owned();
        let marker = if authorization.starts_with("OSS ") { ":" } else { "Signature=" };
        let (head, signature) = authorization.split_once(marker).unwrap();
        for other in [
            signature.to_ascii_uppercase(),
            format!("{signature}="),
            signature.trim_end_matches('=').to_owned() + "A",
            signature[..signature.len() - 1].to_owned(),
            String::new(),
        ] {
            let mut request = request.clone();
            request.headers.insert("authorization", format!("{head}{marker}{other}").parse().unwrap());
            let error = verify(&request, now()).unwrap_err();
            assert_eq!(error.code(), "SignatureDoesNotMatch", "{head}{marker}{other}");
        }
    }
}

#[test]
fn forms_are_refused_for_one_reason_each() {
    let fields = v4_signer().sign_post(&policy(), &credentials(), now()).unwrap();
    let v4: Vec<(&str, &str)> = fields.iter().chain([("key", "u/a"), ("x-oss-meta-b", "1")]).collect();
    let fields = V1Signer::new().sign_post(&policy(), &credentials(), now()).unwrap();
    let v1: Vec<(&str, &str)> = fields.iter().chain([("key", "u/a"), ("x-oss-meta-b", "1")]).collect();
    verify_post(&v4, now()).unwrap();
    verify_post(&v1, now()).unwrap();

    for (form, name, value, status, code, ec) in [
        (&v1, "policy", None, 400, "InvalidArgument", Some("0002-00000702")),
        (&v1, "Signature", None, 400, "InvalidArgument", Some("0002-00000703")),
        (&v1, "Signature", Some(""), 400, "InvalidArgument", Some("0002-00000704")),
        (&v1, "OSSAccessKeyId", None, 400, "InvalidArgument", Some("0002-00000706")),
        (&v1, "OSSAccessKeyId", Some(""), 400, "InvalidArgument", Some("0002-00000707")),
        (&v1, "OSSAccessKeyId", Some("stranger"), 403, "InvalidAccessKeyId", None),
        (&v1, "policy", Some("e30="), 403, "SignatureDoesNotMatch", Some("0002-00000705")),
        (&v4, "x-oss-signature", None, 400, "InvalidArgument", Some("0002-00000703")),
        (&v4, "x-oss-signature-version", Some("OSS2"), 400, "InvalidArgument", Some("0002-00000701")),
        (&v4, "x-oss-signature-version", None, 400, "InvalidArgument", None),
        (&v4, "x-oss-credential", Some("id/abc"), 400, "InvalidArgument", Some("0002-00000710")),
        (
            &v4,
            "x-oss-credential",
            Some("id/20241213/cn-beijing/oss/aliyun_v4_request"),
            400,
            "InvalidArgument",
            Some("0002-00000715"),
        ),
        (&v4, "x-oss-signature", Some("00"), 403, "SignatureDoesNotMatch", Some("0002-00000705")),
        (&v4, "x-oss-date", Some("20241213T032308Z"), 403, "AccessDenied", None),
        (&v4, "key", Some("v/a"), 403, "AccessDenied", None),
        (&v4, "key", None, 403, "AccessDenied", None),
        (&v4, "content-type", Some("text/html"), 403, "AccessDenied", None),
        (&v4, "callback", Some("ZXZpbA=="), 403, "AccessDenied", None),
        (&v4, "callback", None, 403, "AccessDenied", None),
    ] {
        let mut form: Vec<_> = form.iter().copied().filter(|(known, _)| *known != name).collect();
        form.extend(value.map(|value| (name, value)));
        check(&verify_post(&form, now()).unwrap_err(), status, code, ec);
    }

    let mut twice = v4.clone();
    twice.push(("KEY", "u/b"));
    assert_eq!(
        verify_post(&twice, now()).unwrap_err(),
        VerifyError::RepeatedParameter { name: "key".to_owned() }
    );
    assert_eq!(verify_post(&[("key", "u/a")], now()).unwrap_err(), VerifyError::NotSigned);

    let verified = verify_post(&v4, now()).unwrap();
    assert_eq!(verified.content_length(), 1..=1024);
    verified.check_content_length(1024).unwrap();
    check(&verified.check_content_length(0).unwrap_err(), 400, "EntityTooSmall", None);
    check(&verified.check_content_length(1025).unwrap_err(), 400, "EntityTooLarge", None);
    for form in [&v1, &v4] {
        let error = verify_post(form, now() + Duration::from_secs(601)).unwrap_err();
        check(&error, 403, "AccessDenied", Some("0006-00000213"));
    }
}

#[test]
fn a_v4_policy_has_to_speak_of_what_it_signs() {
    for missing in ["bucket", "x-oss-credential", "x-oss-date", "x-oss-signature-version"] {
        let conditions = [
            r#"{"bucket":"examplebucket"}"#,
            r#"{"x-oss-credential":"id/20241213/cn-hangzhou/oss/aliyun_v4_request"}"#,
            r#"{"x-oss-date":"20241213T032307Z"}"#,
            r#"{"x-oss-signature-version":"OSS4-HMAC-SHA256"}"#,
        ];
        let conditions: Vec<_> = conditions.into_iter().filter(|text| !text.contains(missing)).collect();
        let policy =
            format!(r#"{{"expiration":"2024-12-13T04:00:00Z","conditions":[{}]}}"#, conditions.join(","));
        let fields = v4_signer().sign_post_json(&policy, &credentials(), now()).unwrap();
        let form: Vec<_> = fields.iter().collect();
        let error = verify_post(&form, now()).unwrap_err();
        assert_eq!(error, VerifyError::MissingPolicyCondition { name: missing });
    }
    // A condition that leaves a choice pins nothing.
    let policy = V4_POLICY.replacen(r#"{"bucket":"examplebucket"}"#, r#"["starts-with","$bucket",""]"#, 1);
    let fields = v4_signer().sign_post_json(&policy, &credentials(), now()).unwrap();
    let error = verify_post(&fields.iter().collect::<Vec<_>>(), now()).unwrap_err();
    assert_eq!(error, VerifyError::MissingPolicyCondition { name: "bucket" });
}

#[test]
fn a_v4_form_lives_seven_days_whatever_its_policy_says() {
    let fields = v4_signer().sign_post_json(V4_POLICY, &credentials(), now()).unwrap();
    let form: Vec<_> = fields.iter().collect();
    let last = now() + Duration::from_secs(604_800);
    verify_post(&form, last).unwrap();
    let error = verify_post(&form, last + Duration::from_secs(1)).unwrap_err();
    check(&error, 403, "AccessDenied", Some("0006-00000213"));
    verify_post(&form, now() - Duration::from_secs(900)).unwrap();
    let error = verify_post(&form, now() - Duration::from_secs(901)).unwrap_err();
    assert!(matches!(error, VerifyError::NotYetValid { .. }), "{error:?}");
}

const V4_POLICY: &str = r#"{"expiration":"2099-01-01T00:00:00Z","conditions":[{"bucket":"examplebucket"},{"x-oss-credential":"id/20241213/cn-hangzhou/oss/aliyun_v4_request"},{"x-oss-date":"20241213T032307Z"},{"x-oss-signature-version":"OSS4-HMAC-SHA256"}]}"#;

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

fn check(error: &VerifyError, status: u16, code: &str, ec: Option<&str>) {
    assert_eq!((error.status().as_u16(), error.code(), error.ec()), (status, code, ec), "{error:?}");
    assert!(!error.to_string().is_empty());
}

fn verify(request: &Parts, now: SystemTime) -> Result<Verified, VerifyError> {
    verifier().verify(request, RESOURCE, now, &secret_for)
}

fn verify_post(form: &[(&str, &str)], now: SystemTime) -> Result<oss_signing::VerifiedPost, VerifyError> {
    verifier().verify_post(form, "examplebucket", now, &secret_for)
}

fn secret_for(id: &str) -> Option<String> {
    (id == "id").then(|| "secret".to_owned())
}

fn policy() -> PostPolicy {
    let bucket: BucketName = "examplebucket".parse().unwrap();
    PostPolicy::new(&bucket, now() + Duration::from_secs(600))
        .starts_with("key", "u/")
        .not_in("content-type", ["text/html"])
        .content_length_range(0..=1024)
        .content_length_range(1..=4096)
        .field("callback", "Y2FsbGJhY2s=")
}

fn signed(signer: &dyn Signer) -> Parts {
    let mut request = request("/k");
    signer.sign(&mut request, RESOURCE, &credentials(), now()).unwrap();
    request
}

fn presigned(signer: &dyn Signer) -> Parts {
    let mut request = request("/k");
    signer.presign(&mut request, RESOURCE, &credentials(), now(), Duration::from_secs(60)).unwrap();
    request
}

/// V1 and V4, in this order.
fn signers() -> [Box<dyn Signer>; 2] {
    [Box::new(V1Signer::new()), Box::new(v4_signer())]
}

fn v4_signer() -> V4Signer {
    V4Signer::new(region())
}

fn verifier() -> Verifier {
    Verifier::new(region())
}

fn region() -> Region {
    "cn-hangzhou".parse().unwrap()
}

fn credentials() -> Credentials {
    Credentials::new("id", "secret")
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_734_060_187)
}

fn request(url: &str) -> Parts {
    http::Request::put(url).body(()).unwrap().into_parts().0
}
