//! A form, and its policy.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use oss_signing::{Credentials, PostPolicy, Signer as _, V1Signer, VerifyError};
use proptest::prelude::{Strategy, any, prop_assert, prop_oneof, proptest};
use sha1::Sha1;

use crate::support::{v4_signer, verifier};
use crate::{BUCKET, LIFETIME, SECRET, config, tricky};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_form_is_bound_to_every_field_it_was_handed(
        fields in proptest::collection::btree_map("(x:|x-oss-meta-)[a-z0-9]{1,8}|callback|content-type", tricky(0..12), 1..6),
        prefix in tricky(0..6), rest in tricky(0..6), changed in any::<usize>(), token in proptest::option::of("[A-Za-z0-9+/=]{1,20}"),
    ) {
        let now = SystemTime::UNIX_EPOCH;
        let credentials = Credentials::new("id", SECRET).with_security_token(token.unwrap_or_default());
        let policy = PostPolicy::new(&BUCKET.parse().unwrap(), now + LIFETIME).starts_with("key", prefix.as_str());
        let policy = fields.iter().fold(policy, |policy, (name, value)| policy.field(name, value));
        let v1 = V1Signer::new().sign_post(&policy, &credentials, now).unwrap();
        let v4 = v4_signer().sign_post(&policy, &credentials, now).unwrap();
        let key = format!("{prefix}{rest}");
        for signed in [v1, v4] {
            let mut form: Vec<_> = signed.iter().chain([("key", key.as_str())]).collect();
            let verify = |form: &[(&str, &str)]| {
                verifier().verify_post(form, BUCKET, now, &|_| Some(SECRET.to_owned()))
            };
            verify(&form).unwrap();
            let at = changed % fields.len();
            let longer = format!("{}!", form[at].1);
            form[at].1 = &longer;
            let changed = verify(&form);
            prop_assert!(matches!(changed, Err(VerifyError::PolicyConditionFailed { .. })), "{:?}", changed);
        }
    }

    #[test]
    fn no_signed_bytes_make_the_policy_reader_panic(policy in proptest::collection::vec(any::<u8>(), 0..64), depth in 0_usize..2_000) {
        let nested = [r#"{"expiration":"2099-01-01T00:00:00Z","conditions":"#.as_bytes(), &b"[".repeat(depth), &policy].concat();
        for policy in [policy, nested] {
            let policy = STANDARD.encode(policy);
            let mut mac = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes()).unwrap();
            mac.update(policy.as_bytes());
            let signature = STANDARD.encode(mac.finalize().into_bytes());
            let form = [("OSSAccessKeyId", "id"), ("policy", policy.as_str()), ("Signature", &signature)];
            let secret_for = |_: &str| Some(SECRET.to_owned());
            let error = verifier().verify_post(&form, BUCKET, SystemTime::UNIX_EPOCH, &secret_for).unwrap_err();
            prop_assert!(!matches!(error, VerifyError::SignatureDoesNotMatch(_)));
        }
    }

    #[test]
    fn no_signed_policy_makes_the_verifier_panic(policy in policies(), key in any::<String>()) {
        let (credentials, now) = (Credentials::new("id", SECRET), SystemTime::UNIX_EPOCH);
        let v1 = V1Signer::new().sign_post_json(&policy, &credentials).unwrap();
        let v4 = v4_signer().sign_post_json(&policy, &credentials, now).unwrap();
        for fields in [v1, v4] {
            let form: Vec<_> = fields.iter().chain([("key", key.as_str())]).collect();
            let result = verifier().verify_post(&form, BUCKET, now, &|_| Some(SECRET.to_owned()));
            prop_assert!(!matches!(result, Err(VerifyError::SignatureDoesNotMatch(_))));
        }
    }

    #[test]
    fn no_form_makes_the_verifier_panic(
        fields in proptest::collection::vec(
            ("policy|Signature|OSSAccessKeyId|x-oss-(signature|signature-version|credential|date)|\\PC{0,8}",
             "OSS4-HMAC-SHA256|\\PC{0,40}"), 0..8),
    ) {
        let form: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let now = SystemTime::UNIX_EPOCH;
        let result = verifier().verify_post(&form, BUCKET, now, &|_| Some(SECRET.to_owned()));
        prop_assert!(result.is_err());
    }
}

fn policies() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        r#"\{"expiration":("\PC{0,24}"|[0-9]{1,4}|null),"conditions":(\[\]|\{\}|1)\}"#,
        r#"\{"expiration":"2099-01-01T00:00:00.000Z","conditions":\[(\["(eq|in|starts-with)","\$key",("a"|1|\[\])\]|\{"key":("a"|1)\}|\[\])\]\}"#,
    ]
}
