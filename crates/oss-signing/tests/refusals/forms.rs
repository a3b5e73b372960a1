//! What is wrong with a form, and with its policy.

use std::time::Duration;

use oss_signing::{Signer as _, V1Signer, VerifyError};

use crate::support::{credentials, now, v4_signer};
use crate::{check, policy, verify_post};

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
