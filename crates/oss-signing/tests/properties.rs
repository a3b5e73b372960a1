//! What holds for all keys, headers and queries: a signed request verifies as a server sees it, any change of a
//! signed part is refused, and no input makes a parser panic.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{HOST, HeaderName, HeaderValue, RANGE};
use http::request::Parts;
use oss_signing::{
    Addressing, BucketName, Credentials, Endpoint, ObjectKey, PostPolicy, PresignedUrl, Region, Resource,
    Scheme, Signer, V1Signer, V4Signer, Verified, Verifier, VerifyError, explain,
};
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_assume, prop_oneof, proptest,
};
use sha1::Sha1;

const BUCKET: &str = "examplebucket";
const ACCESS_KEY_ID: &str = "LTAI5tExampleKeyId0001";
const SECRET: &str = "exampleSecretKey/With+Chars=01";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_global_rejects: 65_536, ..ProptestConfig::default() })]

    #[test]
    fn a_signed_request_verifies_as_the_server_sees_it(sent in sent(), signer in signers()) {
        let request = sent.signed(signer);
        let received = Received::parse(&request, &sent);
        prop_assert_eq!(received.key.as_bytes(), sent.key.as_bytes());
        let verified = received.verify().unwrap();
        prop_assert_eq!(verified.scheme(), signer);
        prop_assert_eq!(verified.security_token(), sent.token.as_deref());
        // Whoever has another secret has signed something else.
        let other = received.verify_with("exampleSecretKey/With+Chars=02").unwrap_err();
        prop_assert_eq!(other.code(), "SignatureDoesNotMatch");
    }

    #[test]
    fn a_second_signature_replaces_the_first(sent in sent(), later in 1_u64..1_000_000) {
        for signer in [Scheme::V1Header, Scheme::V4Header, Scheme::V1Query, Scheme::V4Query] {
            let at_once = Sent { time: sent.time + Duration::from_secs(later), ..sent.clone() };
            let mut twice = sent.signed(signer);
            at_once.sign(&mut twice, signer);
            prop_assert_eq!(sorted(&twice), sorted(&at_once.signed(signer)));
        }
    }

    #[test]
    fn a_one_bit_change_of_a_signed_part_is_refused(
        sent in sent(), signer in signers(), part in 0_usize..6, position in any::<usize>(), bit in 0_u32..7,
    ) {
        let mut received = Received::parse(&sent.signed(signer), &sent);
        prop_assume!(received.flip(part, position, bit));
        let result = received.verify();
        prop_assert!(result.is_err(), "{:?} was accepted", received.parts);
    }

    #[test]
    fn no_authorization_or_date_makes_the_verifier_panic(
        authorization in authorizations(), date in "\\PC{0,32}|[0-9]{8}T[0-9]{6}Z", query in "[!-~]{0,80}",
    ) {
        let uri = format!("/k?{}", query.replace(['#', '<', '>', '"', '\\', '^', '`', '{', '}', '|'], ""));
        let mut request = http::Request::get(uri).body(()).unwrap().into_parts().0;
        for (name, value) in [("authorization", &authorization), ("x-oss-date", &date), ("date", &date)] {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                request.headers.insert(name, value);
            }
        }
        let _ = Scheme::identify(&request);
        let _ = explain(&request, Resource::object(BUCKET, "k"));
        prop_assert!(verify(&request, "k", SystemTime::UNIX_EPOCH, SECRET).is_err());
    }

    #[test]
    fn no_query_makes_the_verifier_panic(values in proptest::collection::vec("[ -~]{0,24}|[0-9]{1,24}", 7)) {
        let names = [
            "x-oss-credential", "x-oss-date", "x-oss-expires", "x-oss-additional-headers", "x-oss-signature",
            "x-oss-security-token", "Expires",
        ];
        let query: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
        let endpoint: Endpoint = "http://127.0.0.1".parse().unwrap();
        for first in [("x-oss-signature-version", "OSS4-HMAC-SHA256"), ("Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")] {
            let query: Vec<_> = [first, ("OSSAccessKeyId", "id")].into_iter().chain(query.iter().copied()).collect();
            let uri = endpoint.url(None, None, &query).unwrap();
            let request = http::Request::get(uri).body(()).unwrap().into_parts().0;
            prop_assert!(verify(&request, "k", SystemTime::UNIX_EPOCH, SECRET).is_err());
        }
    }

    #[test]
    fn no_raw_query_makes_a_reader_panic(
        names in proptest::collection::vec("x-oss-(credential|date|expires|additional-headers|signature|security-token)|Expires|Signature|OSSAccessKeyId|callback|%[0-9A-F]{2}", 0..10),
        values in proptest::collection::vec(
            "[!$-;=?-Z_a-z~&%]{0,12}|%[0-9A-Fa-f]{2}|[0-9]{1,24}|19700101T000000Z|a/19700101/cn-hangzhou/oss/aliyun_v4_request|host;range", 10),
        version in "(x-oss-signature-version=OSS4-HMAC-SHA256&)?",
    ) {
        let pairs: Vec<_> = names.iter().zip(&values).map(|(name, value)| format!("{name}={value}")).collect();
        let uri: http::Uri = format!("/k?{version}{}", pairs.join("&")).parse().unwrap();
        let read = PresignedUrl::read(&uri);
        let mut request = http::Request::get(uri).body(()).unwrap().into_parts().0;
        let verified = verify(&request, "k", SystemTime::UNIX_EPOCH, SECRET);
        prop_assert!(verified.is_err());
        // What cannot be read cannot be explained either.
        prop_assert!(read.is_ok() || explain(&request, Resource::object(BUCKET, "k")).is_err());
        // Whatever is there: presigning either refuses it or makes a URL that verifies.
        let credentials = Credentials::new(ACCESS_KEY_ID, SECRET);
        for signer in [&V1Signer::new() as &dyn Signer, &V4Signer::new(region())] {
            let before = request.uri.clone();
            match signer.presign(&mut request, Resource::object(BUCKET, "k"), &credentials, SystemTime::UNIX_EPOCH, LIFETIME) {
                Ok(()) => drop(verify(&request, "k", SystemTime::UNIX_EPOCH, SECRET).unwrap()),
                Err(_) => prop_assert_eq!(&request.uri, &before),
            }
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
            let error = Verifier::new(region()).verify_post(&form, BUCKET, SystemTime::UNIX_EPOCH, &secret_for).unwrap_err();
            prop_assert!(!matches!(error, VerifyError::SignatureDoesNotMatch(_)));
        }
    }

    #[test]
    fn a_form_is_bound_to_every_field_it_was_handed(
        fields in proptest::collection::btree_map("(x:|x-oss-meta-)[a-z0-9]{1,8}|callback|content-type", tricky(0..12), 1..6),
        prefix in tricky(0..6), rest in tricky(0..6), changed in any::<usize>(), token in proptest::option::of("[A-Za-z0-9+/=]{1,20}"),
    ) {
        let now = SystemTime::UNIX_EPOCH;
        let credentials = Credentials::new("id", SECRET).with_security_token(token.unwrap_or_default());
        let policy = PostPolicy::new(&bucket(), now + LIFETIME).starts_with("key", prefix.as_str());
        let policy = fields.iter().fold(policy, |policy, (name, value)| policy.field(name, value));
        let v1 = V1Signer::new().sign_post(&policy, &credentials, now).unwrap();
        let v4 = V4Signer::new(region()).sign_post(&policy, &credentials, now).unwrap();
        let key = format!("{prefix}{rest}");
        for signed in [v1, v4] {
            let mut form: Vec<_> = signed.iter().chain([("key", key.as_str())]).collect();
            let verify = |form: &[(&str, &str)]| {
                Verifier::new(region()).verify_post(form, BUCKET, now, &|_| Some(SECRET.to_owned()))
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
    fn no_signed_policy_makes_the_verifier_panic(policy in policies(), key in any::<String>()) {
        let (credentials, now) = (Credentials::new("id", SECRET), SystemTime::UNIX_EPOCH);
        let v1 = V1Signer::new().sign_post_json(&policy, &credentials).unwrap();
        let v4 = V4Signer::new(region()).sign_post_json(&policy, &credentials, now).unwrap();
        for fields in [v1, v4] {
            let form: Vec<_> = fields.iter().chain([("key", key.as_str())]).collect();
            let result = Verifier::new(region()).verify_post(&form, BUCKET, now, &|_| Some(SECRET.to_owned()));
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
        let result = Verifier::new(region()).verify_post(&form, BUCKET, now, &|_| Some(SECRET.to_owned()));
        prop_assert!(result.is_err());
    }

    #[test]
    fn no_text_makes_a_name_or_endpoint_panic(text in any::<String>()) {
        if let Ok(endpoint) = text.parse::<Endpoint>() {
            let again = endpoint.to_string().parse::<Endpoint>().unwrap();
            prop_assert_eq!(again.to_string(), endpoint.to_string());
            prop_assert!(endpoint.url(None, None, &[]).is_ok());
        }
        for error in [
            text.parse::<BucketName>().err(), text.parse::<ObjectKey>().err(), text.parse::<Region>().err(),
        ].into_iter().flatten() {
            prop_assert!(error.to_string().len() < 1_200);
        }
    }
}

#[derive(Clone, Debug)]
struct Sent {
    addressing: Addressing,
    key: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, Vec<u8>>,
    token: Option<String>,
    time: SystemTime,
}

impl Sent {
    fn signed(&self, scheme: Scheme) -> Parts {
        let endpoint: Endpoint = "http://oss.example:8080".parse().unwrap();
        let key = ObjectKey::try_from(self.key.as_str()).unwrap();
        let query: Vec<_> = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let url = endpoint.with_addressing(self.addressing).url(Some(&bucket()), Some(&key), &query).unwrap();
        let mut request = http::Request::put(url).body(()).unwrap().into_parts().0;
        for (name, value) in &self.headers {
            request
                .headers
                .insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value).unwrap());
        }
        self.sign(&mut request, scheme);
        request
    }

    fn sign(&self, request: &mut Parts, scheme: Scheme) {
        let resource = Resource::object(BUCKET, &self.key);
        let token = self.token.clone().unwrap_or_default();
        let credentials = Credentials::new(ACCESS_KEY_ID, SECRET).with_security_token(token);
        let v4 = V4Signer::new(region()).with_additional_headers([HOST, RANGE]);
        match scheme {
            Scheme::V1Header => V1Signer::new().sign(request, resource, &credentials, self.time),
            Scheme::V4Header => v4.sign(request, resource, &credentials, self.time),
            Scheme::V1Query => V1Signer::new().presign(request, resource, &credentials, self.time, LIFETIME),
            _ => v4.presign(request, resource, &credentials, self.time, LIFETIME),
        }
        .unwrap();
    }
}

const LIFETIME: Duration = Duration::from_secs(600);

/// The request as it comes out of a socket: origin form, a Host header, and a key that is decoded from the path.
#[derive(Debug)]
struct Received {
    parts: Parts,
    key: String,
    time: SystemTime,
}

impl Received {
    fn parse(request: &Parts, sent: &Sent) -> Self {
        let mut parts = request.clone();
        let host = request.uri.authority().unwrap().as_str();
        parts.headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        let path = request.uri.path_and_query().unwrap().clone();
        parts.uri = path.as_str().parse().unwrap();
        let path = path.path().strip_prefix('/').unwrap();
        let path = match sent.addressing {
            Addressing::PathStyle => path.strip_prefix(BUCKET).unwrap().strip_prefix('/').unwrap(),
            _ => path,
        };
        Self { parts, key: String::from_utf8(decode(path)).unwrap(), time: sent.time }
    }

    fn verify(&self) -> Result<Verified, VerifyError> {
        self.verify_with(SECRET)
    }

    fn verify_with(&self, secret: &str) -> Result<Verified, VerifyError> {
        verify(&self.parts, &self.key, self.time, secret)
    }

    /// Flips one bit of a signed part; `false` where that part does not exist or would no longer be valid.
    fn flip(&mut self, part: usize, position: usize, bit: u32) -> bool {
        match part {
            0 => flip_text(&mut self.key, position, bit),
            1 => {
                let mut method = self.parts.method.as_str().to_owned();
                flip_text(&mut method, position, bit)
                    && method.parse().map(|method| self.parts.method = method).is_ok()
            }
            2 => self.flip_header(|name| name.starts_with("x-oss-") || name == "content-type", position, bit),
            3 => self.flip_header(|name| name == "authorization", position, bit),
            4 => self.flip_query(|name| name.starts_with("x-oss-") || name == "callback", position, bit),
            _ => self.flip_query(|name| name == "Signature" || name == "x-oss-signature", position, bit),
        }
    }

    fn flip_header(&mut self, signed: impl Fn(&str) -> bool, position: usize, bit: u32) -> bool {
        let names: Vec<_> = self.parts.headers.keys().filter(|name| signed(name.as_str())).cloned().collect();
        let Some(name) = names.get(position % names.len().max(1)) else { return false };
        let mut value = self.parts.headers[name].as_bytes().to_vec();
        let Some(byte) = value.len().checked_sub(1).map(|last| &mut value[position % (last + 1)]) else {
            return false;
        };
        *byte ^= 1 << bit;
        let unchanged = value.trim_ascii() == self.parts.headers[name].as_bytes().trim_ascii();
        !unchanged
            && HeaderValue::from_bytes(&value).map(|value| self.parts.headers.insert(name, value)).is_ok()
    }

    fn flip_query(&mut self, signed: impl Fn(&str) -> bool, position: usize, bit: u32) -> bool {
        let query = self.parts.uri.query().unwrap_or_default().to_owned();
        let mut pairs: Vec<(String, String)> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        let signed: Vec<_> = (0..pairs.len()).filter(|&at| signed(&pairs[at].0)).collect();
        let Some(&at) = signed.get(position % signed.len().max(1)) else { return false };
        if !flip_text(&mut pairs[at].1, position, bit) {
            return false;
        }
        let endpoint: Endpoint = "http://h.example".parse().unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let rebuilt = endpoint.url(None, None, &pairs).unwrap();
        let path = self.parts.uri.path().to_owned();
        self.parts.uri = format!("{path}?{}", rebuilt.query().unwrap_or_default()).parse().unwrap();
        true
    }
}

fn verify(request: &Parts, key: &str, now: SystemTime, secret: &str) -> Result<Verified, VerifyError> {
    let resource = Resource::object(BUCKET, key);
    // The id itself is not signed: it is right because its secret is.
    let secret_for = |id: &str| (id == ACCESS_KEY_ID).then(|| secret.to_owned());
    Verifier::new(region()).verify(request, resource, now, &secret_for)
}

/// Everything of a request, with the query in an order of its own.
fn sorted(request: &Parts) -> (String, Vec<String>, BTreeMap<String, Vec<u8>>) {
    let mut query: Vec<_> = request.uri.query().unwrap_or_default().split('&').map(str::to_owned).collect();
    query.sort();
    let headers = request.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    (request.uri.path().to_owned(), query, headers)
}

fn flip_text(text: &mut String, position: usize, bit: u32) -> bool {
    let mut bytes = std::mem::take(text).into_bytes();
    let length = bytes.len();
    if length == 0 {
        return false;
    }
    bytes[position % length] ^= 1 << bit;
    String::from_utf8(bytes).map(|changed| *text = changed).is_ok()
}

fn sent() -> impl Strategy<Value = Sent> {
    let addressing =
        prop_oneof![Just(Addressing::VirtualHost), Just(Addressing::PathStyle), Just(Addressing::Cname)];
    let query = proptest::collection::btree_map(
        prop_oneof![tricky(1..12), "acl|uploads|partNumber|uploadId|callback|callback-var|x-oss-process"],
        prop_oneof![tricky(0..12), "[A-Za-z0-9+/]{0,16}={0,2}"],
        0..6,
    );
    let name = "x-oss-(meta-[a-z0-9]{1,6}|callback|object-acl)|content-type|content-md5|range|cache-control";
    let value = proptest::collection::vec(prop_oneof![0x20_u8..0x7f, Just(b'\t'), 0x80_u8..=0xff], 0..20);
    let headers = proptest::collection::btree_map(name, value, 0..8);
    let token = proptest::option::of("[A-Za-z0-9+/=;&%][ -~]{0,30}[A-Za-z0-9=]");
    (addressing, tricky(1..40), query, headers, token, 0_u64..4_000_000_000).prop_map(
        |(addressing, key, query, headers, token, seconds)| Sent {
            addressing,
            key: key.trim_start_matches(['/', '\\']).to_owned() + "k",
            query: query.into_iter().filter(|(name, _)| !is_reserved(name)).collect(),
            headers,
            token,
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        },
    )
}

fn is_reserved(name: &str) -> bool {
    ["Signature", "Expires", "OSSAccessKeyId", "security-token"].contains(&name)
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

fn signers() -> impl Strategy<Value = Scheme> {
    prop_oneof![Just(Scheme::V1Header), Just(Scheme::V1Query), Just(Scheme::V4Header), Just(Scheme::V4Query)]
}

fn authorizations() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,60}",
        "OSS \\PC{0,40}",
        "OSS4-HMAC-SHA256 \\PC{0,60}",
        "OSS4-HMAC-SHA256 (Credential|Signature|AdditionalHeaders|x)?=?[a-z0-9/;,= ]{0,60}",
        "OSS4-HMAC-SHA256 Credential=[a-z/]{0,12}/19700101/cn-hangzhou/oss/aliyun_v4_request,Signature=[0-9a-f]{0,65}",
    ]
}

fn policies() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        r#"\{"expiration":("\PC{0,24}"|[0-9]{1,4}|null),"conditions":(\[\]|\{\}|1)\}"#,
        r#"\{"expiration":"2099-01-01T00:00:00.000Z","conditions":\[(\["(eq|in|starts-with)","\$key",("a"|1|\[\])\]|\{"key":("a"|1)\}|\[\])\]\}"#,
    ]
}

fn region() -> Region {
    "cn-hangzhou".parse().unwrap()
}

fn bucket() -> BucketName {
    BUCKET.parse().unwrap()
}

fn text(raw: &str) -> String {
    String::from_utf8(decode(raw)).unwrap()
}

fn decode(raw: &str) -> Vec<u8> {
    let mut bytes = raw.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
        } else {
            byte
        });
    }
    decoded
}
