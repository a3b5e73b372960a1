//! Uploads with a callback, in the header, in the query and in a form, signed by an official SDK.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

use std::time::{Duration, SystemTime};

use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use oss_signing::{
    Credentials, Region, Resource, Signer, V1Signer, V4Signer, Verifier, VerifyError, explain,
};
use serde_json::Value;

#[test]
fn a_callback_in_the_header_is_signed_as_the_sdk_signs_it() {
    let vectors = vectors();
    for name in ["v1-header-put-object-callback", "v4-header-put-object-callback"] {
        let vector = find(&vectors["request_signing_vectors"], name);
        let mut request = request("http://bucket.oss-cn-hangzhou.aliyuncs.com/");
        let mut expected = Vec::new();
        for (header, value) in vector["headers"].as_object().unwrap() {
            let header = header.to_ascii_lowercase();
            expected.push((header.clone(), value.as_str().unwrap().to_owned()));
            if !["authorization", "date", "x-oss-date"].contains(&header.as_str()) {
                let header: HeaderName = header.parse().unwrap();
                request.headers.insert(header, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
            }
        }
        signer(name).sign(&mut request, resource(vector), &credentials(), time(&vector["time"])).unwrap();
        let sent = request.headers.iter();
        let mut sent: Vec<_> =
            sent.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        sent.sort();
        expected.sort();
        assert_eq!(sent, expected, "{name}");
        assert_stages(&request, vector, name);
    }
}

#[test]
fn a_callback_in_the_query_is_signed_as_the_sdk_signs_it() {
    let vectors = vectors();
    for name in ["v1-query-put-object-callback", "v4-query-put-object-callback"] {
        let vector = find(&vectors["request_signing_vectors"], name);
        let url = text(&vector["url"]);
        // Everything before the first signature parameter is the request as it was before signing.
        let unsigned = url.find("&x-oss-signature-version").or(url.find("&OSSAccessKeyId")).unwrap();
        let mut request = request(&url[..unsigned]);
        let (time, lifetime) = match vector["expires"].as_u64() {
            Some(expires) => (SystemTime::UNIX_EPOCH + Duration::from_secs(expires - 60), 60),
            None => (time(&vector["time"]), vector["expires_s"].as_u64().unwrap()),
        };
        let lifetime = Duration::from_secs(lifetime);
        signer(name).presign(&mut request, resource(vector), &credentials(), time, lifetime).unwrap();
        let parameters = |url: &str| {
            let mut pairs: Vec<String> = url.split(['?', '&']).map(str::to_owned).collect();
            pairs.sort();
            pairs
        };
        assert_eq!(parameters(&request.uri.to_string()), parameters(url), "{name}");
        assert_stages(&request, vector, name);
    }
}

#[test]
fn a_pinned_callback_cannot_be_changed_or_dropped_by_the_form() {
    let vectors = vectors();
    for (name, now) in
        [("post-object-v4-policy", "2023-12-16T16:02:57Z"), ("post-object-v1-policy", "2023-12-16T16:02:57Z")]
    {
        let vector = find(&vectors["post_object_vectors"], name);
        let now = time(&Value::from(now));
        let policy = text(&vector["policy_json"]);
        let fields = if name.contains("v4") {
            V4Signer::new(region()).sign_post_json(policy, &credentials(), now)
        } else {
            V1Signer::new().sign_post_json(policy, &credentials())
        };
        let fields = fields.unwrap();
        let signature = fields.get("x-oss-signature").or(fields.get("Signature")).unwrap();
        let expected = vector["signature_hex"].as_str().or(vector["signature_b64"].as_str()).unwrap();
        assert_eq!(signature, expected, "{name}");
        assert_eq!(fields.get("policy"), vector["policy_b64"].as_str(), "{name}");

        let callback = policy.split("$callback\",\"").nth(1).unwrap().split('"').next().unwrap();
        let verify = |callback: Option<&str>| {
            let mut form: Vec<_> = fields.iter().collect();
            form.extend([("key", "user/eric/a.txt"), ("x:uid", "12345")]);
            form.extend(callback.map(|callback| ("callback", callback)));
            Verifier::new(region()).verify_post(&form, "examplebucket", now, &|_| Some("sk".to_owned()))
        };
        verify(Some(callback)).unwrap();
        for other in [None, Some("eyJjYWxsYmFja1VybCI6Imh0dHA6Ly9ldmlsLmV4YW1wbGUifQ==")] {
            assert!(matches!(verify(other), Err(VerifyError::PolicyConditionFailed { .. })), "{name}");
        }
    }
}

fn assert_stages(request: &Parts, vector: &Value, name: &str) {
    let explanation = explain(request, resource(vector)).unwrap();
    assert_eq!(explanation.string_to_sign(), text(&vector["string_to_sign"]), "{name}");
    assert_eq!(explanation.canonical_request(), vector["canonical_request"].as_str(), "{name}");
}

fn signer(name: &str) -> Box<dyn Signer> {
    if name.starts_with("v1") { Box::new(V1Signer::new()) } else { Box::new(V4Signer::new(region())) }
}

fn region() -> Region {
    "cn-hangzhou".parse().unwrap()
}

fn credentials() -> Credentials {
    Credentials::new("ak", "sk")
}

fn resource(vector: &Value) -> Resource<'_> {
    Resource::object(text(&vector["bucket"]), text(&vector["key"]))
}

fn request(url: &str) -> Parts {
    http::Request::put(url).body(()).unwrap().into_parts().0
}

fn time(value: &Value) -> SystemTime {
    SystemTime::from(text(value).parse::<jiff::Timestamp>().unwrap())
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/callback_signing.json")).unwrap()
}

fn find<'a>(vectors: &'a Value, name: &str) -> &'a Value {
    vectors.as_array().unwrap().iter().find(|vector| vector["name"] == name).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
