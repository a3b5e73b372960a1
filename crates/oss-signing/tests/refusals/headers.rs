//! What is wrong with a signature in the headers, and what is wrong with any.

use std::time::Duration;

use http::header::HeaderValue;
use oss_signing::{Scheme, V1Signer, VerifyError};

use crate::support::{RESOURCE, now, request, secret_for, signers, v4_signer, verifier};
use crate::{V4, check, presigned, signed, verify};

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
