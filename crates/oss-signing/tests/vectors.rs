//! Signatures that official SDKs agree on, every stage of each pinned.
//!
//! `OSS_SIGNING_VECTORS=FILE cargo test -p oss-signing --test vectors -- --nocapture` runs another file of the same
//! shape and prints how many of each kind it ran.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use http::Uri;
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use oss_signing::{
    Addressing, BucketName, Credentials, Endpoint, ObjectKey, Product, Region, Resource, Signer, SigningKey,
    V1Signer, V4Signer, Verifier, explain,
};
use serde_json::Value;

#[test]
fn every_vector_agrees_in_every_stage() {
    #[expect(clippy::disallowed_methods, reason = "the documented way to run another file")]
    let path = std::env::var("OSS_SIGNING_VECTORS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/signing.json").to_owned());
    let vectors: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let mut counts = BTreeMap::new();
    for vector in &vectors {
        let kind = vector["kind"].as_str().unwrap();
        let case = Case::read(vector);
        match kind {
            "v1-header" => case.check_header(&V1Signer::new()),
            "v4-header" => case.check_header(&case.v4_signer()),
            "v1-presign" => case.check_presign(&V1Signer::new()),
            "v4-presign" => case.check_presign(&case.v4_signer()),
            "post-policy-v1" | "post-policy-v4" => case.check_post(kind),
            other => panic!("{}: unknown kind {other:?}", case.name),
        }
        *counts.entry(kind).or_insert(0) += 1;
    }
    assert!(!counts.is_empty(), "{path} holds no vectors");
    println!("{path}: {counts:?}");
}

struct Case<'a> {
    name: &'a str,
    input: &'a Value,
    expected: &'a Value,
}

impl<'a> Case<'a> {
    fn read(vector: &'a Value) -> Self {
        Self {
            name: vector["name"].as_str().unwrap(),
            input: &vector["input"],
            expected: &vector["expected"],
        }
    }

    fn check_header(&self, signer: &dyn Signer) {
        let mut request = self.request();
        signer.sign(&mut request, self.resource(), &self.credentials(), self.time()).expect(self.name);
        self.check_headers(&request);
        self.check_stages(&request);
    }

    fn check_presign(&self, signer: &dyn Signer) {
        let mut request = self.request();
        let expires_in = Duration::from_secs(self.input["expires_in"].as_u64().unwrap());
        let before = request.headers.clone();
        signer
            .presign(&mut request, self.resource(), &self.credentials(), self.time(), expires_in)
            .expect(self.name);
        assert_eq!(request.headers, before, "{}", self.name);

        let expected: Uri = self.text_of(self.expected, "url").parse().unwrap();
        assert_eq!(request.uri.scheme(), expected.scheme(), "{}", self.name);
        assert_eq!(request.uri.authority(), expected.authority(), "{}", self.name);
        assert_eq!(decode(request.uri.path()), decode(expected.path()), "{}", self.name);
        let query = |uri: &Uri| sorted(uri.query().unwrap().split('&').map(decoded_pair));
        assert_eq!(query(&request.uri), query(&expected), "{}", self.name);
        let listed = sorted(
            pairs(&self.expected["query_params"])
                .into_iter()
                .map(|(name, value)| (name.into_bytes(), value.unwrap_or_default().into_bytes())),
        );
        assert_eq!(query(&request.uri), listed, "{}", self.name);
        self.check_stages(&request);
    }

    fn check_post(&self, kind: &str) {
        let (policy, secret) = (self.text("policy"), self.text("access_key_secret"));
        let fields = match kind {
            "post-policy-v1" => V1Signer::new().sign_post_json(policy, &self.credentials()),
            _ => self.v4_signer().sign_post_json(policy, &self.credentials(), self.time()),
        };
        let fields = fields.expect(self.name);
        let signed: BTreeMap<&str, &str> = fields.iter().collect();
        let expected: BTreeMap<&str, &str> = self.expected["form_fields"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        assert_eq!(signed, expected, "{}", self.name);

        // A form that meets every condition is accepted, and refused once the secret is another one.
        let policy: Value = serde_json::from_str(policy).unwrap();
        let mut form: BTreeMap<&str, String> =
            signed.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let mut bucket = "";
        for condition in policy["conditions"].as_array().unwrap() {
            let (field, value) = match condition {
                Value::Object(pair) => {
                    pair.iter().map(|(field, value)| (field.as_str(), value)).next().unwrap()
                }
                _ if condition[0] == "content-length-range" || condition[0] == "not-in" => continue,
                _ => (condition[1].as_str().unwrap().trim_start_matches('$'), &condition[2]),
            };
            let value = value.as_str().or(value[0].as_str()).unwrap();
            match field {
                "bucket" => bucket = value,
                _ => drop(form.entry(field).or_insert_with(|| value.replace("\\$", "$"))),
            }
        }
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let verifier = Verifier::new(self.region()).with_product(self.product());
        let expiration = policy["expiration"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        let now = self.time().min(SystemTime::from(expiration) - Duration::from_secs(1));
        let verified =
            verifier.verify_post(&form, bucket, now, &|_| Some(secret.to_owned())).expect(self.name);
        assert_eq!(verified.access_key_id(), self.text("access_key_id"), "{}", self.name);

        let error = verifier.verify_post(&form, bucket, now, &|_| Some("another".to_owned())).unwrap_err();
        assert_eq!(error.string_to_sign().unwrap(), self.expected["string_to_sign"], "{}", self.name);
        assert_eq!(
            error.explanation().unwrap().signature_provided(),
            self.expected["signature"],
            "{}",
            self.name
        );
        self.check_key(kind == "post-policy-v4");
    }

    /// Every V4 vector pins its derived key.
    fn check_key(&self, is_v4: bool) {
        if is_v4 {
            let (secret, region) = (self.text("access_key_secret"), self.region());
            let key = SigningKey::derive(secret, self.time(), &region, self.product()).unwrap();
            assert_eq!(hex(key.as_bytes()), self.text_of(self.expected, "signing_key_hex"), "{}", self.name);
        }
    }

    /// The signed request verifies, and each stage of the verification is that of the vector.
    fn check_stages(&self, request: &Parts) {
        let secret = self.text("access_key_secret");
        let verifier = Verifier::new(self.region()).with_product(self.product());
        let verified = verifier
            .verify(request, self.resource(), self.time(), &|_| Some(secret.to_owned()))
            .expect(self.name);
        assert_eq!(verified.access_key_id(), self.text("access_key_id"), "{}", self.name);
        assert_eq!(verified.security_token(), self.input["security_token"].as_str(), "{}", self.name);

        let explanation = explain(request, self.resource()).expect(self.name);
        assert_eq!(explanation.string_to_sign(), self.expected["string_to_sign"], "{}", self.name);
        assert_eq!(explanation.signature_provided(), self.expected["signature"], "{}", self.name);
        assert_eq!(
            explanation.canonical_request(),
            self.expected["canonical_request"].as_str(),
            "{}",
            self.name
        );

        let another = |_: &str| Some("another".to_owned());
        let error = verifier.verify(request, self.resource(), self.time(), &another).unwrap_err();
        assert_eq!(error.explanation(), Some(&explanation), "{}", self.name);
        self.check_key(explanation.canonical_request().is_some());
    }

    /// The headers before signing and those the vector expects, as one sorted list each.
    fn check_headers(&self, request: &Parts) {
        let sent: Vec<(String, Vec<u8>)> =
            sorted(request.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())));
        let expected = sorted(pairs(&self.expected["headers"]).into_iter().map(|(name, value)| {
            let value = HeaderValue::from_bytes(value.unwrap_or_default().as_bytes()).unwrap();
            (name.to_ascii_lowercase(), value.as_bytes().to_vec())
        }));
        assert_eq!(sent, expected, "{}", self.name);
        assert_eq!(
            request.headers["authorization"],
            self.text_of(self.expected, "authorization"),
            "{}",
            self.name
        );
    }

    fn request(&self) -> Parts {
        let request = http::Request::builder().method(self.text("method")).uri(self.url());
        let (mut request, ()) = request.body(()).unwrap().into_parts();
        for (name, value) in pairs(&self.input["headers"]) {
            let value = HeaderValue::from_bytes(value.unwrap_or_default().as_bytes()).expect(self.name);
            request.headers.append(HeaderName::from_bytes(name.as_bytes()).expect(self.name), value);
        }
        request
    }

    fn url(&self) -> String {
        let addressing = match self.text("addressing") {
            "path" => Addressing::PathStyle,
            "cname" => Addressing::Cname,
            "virtual" | "service" => Addressing::VirtualHost,
            other => panic!("{}: unknown addressing {other:?}", self.name),
        };
        let endpoint: Endpoint = self.text("endpoint").parse().expect(self.name);
        let endpoint = endpoint.with_addressing(addressing);
        let bucket = self.bucket().map(|bucket| BucketName::try_from(bucket).expect(self.name));
        let query = pairs(&self.input["query"]);
        let query: Vec<_> =
            query.iter().map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default())).collect();
        // OSS refuses keys with a leading slash, but their signature is defined.
        let (slash, key) = match self.key() {
            Some(key) if key.starts_with('/') => ("/", key.strip_prefix('/')),
            key => ("", key),
        };
        let key = key.map(|key| ObjectKey::try_from(key).expect(self.name));
        let url = endpoint.url(bucket.as_ref(), key.as_ref(), &query).unwrap().to_string();
        let (origin, path) = url.split_at(url.find("//").map(|at| at + 2).unwrap());
        let url = format!("{origin}{}", path.replacen('/', &format!("/{slash}"), 1));
        if self.input["expires_in"].is_null() && self.expected["url"].is_string() {
            assert_eq!(url, self.text_of(self.expected, "url"), "{}", self.name);
        }
        url
    }

    fn v4_signer(&self) -> V4Signer {
        let additional = self.input["additional_headers"].as_array().unwrap().iter();
        let additional =
            additional.map(|name| HeaderName::from_bytes(name.as_str().unwrap().as_bytes()).unwrap());
        V4Signer::new(self.region()).with_product(self.product()).with_additional_headers(additional)
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(self.text("access_key_id"), self.text("access_key_secret"))
            .with_security_token(self.input["security_token"].as_str().unwrap_or_default())
    }

    fn resource(&self) -> Resource<'a> {
        match (self.bucket(), self.key()) {
            (Some(bucket), Some(key)) => Resource::object(bucket, key),
            (Some(bucket), None) => Resource::bucket(bucket),
            (None, _) => Resource::service(),
        }
    }

    fn bucket(&self) -> Option<&'a str> {
        self.input["bucket"].as_str()
    }

    fn key(&self) -> Option<&'a str> {
        self.input["key"].as_str()
    }

    fn region(&self) -> Region {
        self.text("region").parse().expect(self.name)
    }

    fn product(&self) -> Product {
        match self.text("product") {
            "oss" => Product::Oss,
            "oss-cloudbox" => Product::OssCloudbox,
            other => panic!("{}: unknown product {other:?}", self.name),
        }
    }

    fn time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.input["time"].as_u64().unwrap())
    }

    fn text(&self, field: &str) -> &'a str {
        self.text_of(self.input, field)
    }

    fn text_of(&self, value: &'a Value, field: &str) -> &'a str {
        value[field].as_str().unwrap_or_else(|| panic!("{}: no {field}", self.name))
    }
}

fn pairs(list: &Value) -> Vec<(String, Option<String>)> {
    let pair = |pair: &Value| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().map(str::to_owned));
    list.as_array().unwrap().iter().map(pair).collect()
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decoded_pair(pair: &str) -> (Vec<u8>, Vec<u8>) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (decode(name), decode(value))
}

fn decode(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    decoded
}
