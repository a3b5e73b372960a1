//! The vectors: genuine OSS signatures, renderings, encodings and key URLs.
//!
//! `OSS_CALLBACK_VECTORS=FILE cargo test -p oss-callback --test vectors` runs another file of the same shape.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a vector that cannot be read is a failed test")]

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use oss_callback::{
    BodyTemplate, Callback, CallbackError, DecodedCallback, Freshness, OFFICIAL_KEY_PEM, OFFICIAL_KEY_URLS,
    TargetError, UrlError, Variable, Verifier, VerifyError, string_to_sign,
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Vectors {
    signature_vectors: Vec<Signature>,
    negative_signature_vectors: Vec<Negative>,
    ambiguity_vectors: Vec<Negative>,
    rendering_vectors: Vec<Rendering>,
    encoding_vectors: Vec<Encoding>,
    encoding_rejections: Vec<Rejection>,
    pub_key_url_vectors: KeyUrls,
    public_key: Value,
    request_id_timestamps: RequestIds,
    /// Whether they are this crate's, of which every test has its share; another file may leave sections out.
    #[serde(skip)]
    own: bool,
}

/// How many vectors of each section this crate's file has: a section under another name would be read as an empty one.
const OWN: [(&str, usize); 9] = [
    ("signature_vectors", 8),
    ("negative_signature_vectors", 8),
    ("ambiguity_vectors", 2),
    ("rendering_vectors", 6),
    ("encoding_vectors", 17),
    ("encoding_rejections", 4),
    ("pub_key_url_vectors.accept", 2),
    ("pub_key_url_vectors.reject", 16),
    ("request_id_timestamps.samples", 3),
];

impl Vectors {
    fn counts(&self) -> [usize; OWN.len()] {
        [
            self.signature_vectors.len(),
            self.negative_signature_vectors.len(),
            self.ambiguity_vectors.len(),
            self.rendering_vectors.len(),
            self.encoding_vectors.len(),
            self.encoding_rejections.len(),
            self.pub_key_url_vectors.accept.len(),
            self.pub_key_url_vectors.reject.len(),
            self.request_id_timestamps.samples.len(),
        ]
    }
}

#[derive(Deserialize)]
struct Signature {
    name: String,
    request_target: String,
    content_type: String,
    body: String,
    authorization: String,
    x_oss_pub_key_url: String,
    string_to_sign: String,
    content_md5_of_body: String,
}

#[derive(Deserialize)]
struct Negative {
    name: String,
    base: String,
    request_target: String,
    body: String,
    authorization: String,
}

#[derive(Deserialize)]
struct Rendering {
    name: String,
    callback_body_type: String,
    template: String,
    variables: serde_json::Map<String, Value>,
    rendered: String,
}

#[derive(Deserialize)]
struct Encoding {
    name: String,
    source: String,
    kind: String,
    input: Option<Value>,
    json: String,
    base64: String,
}

#[derive(Deserialize)]
struct Rejection {
    input: Value,
    error: String,
}

#[derive(Default, Deserialize)]
struct RequestIds {
    samples: Vec<(String, String, String)>,
}

#[derive(Default, Deserialize)]
struct KeyUrls {
    accept: Vec<String>,
    reject: Vec<String>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the path of another file of vectors can only come from outside"
)]
fn vectors() -> Vectors {
    if let Some(path) = std::env::var_os("OSS_CALLBACK_VECTORS") {
        return serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    }
    let mut vectors: Vectors = serde_json::from_str(include_str!("vectors/callback.json")).unwrap();
    for ((section, expected), found) in OWN.into_iter().zip(vectors.counts()) {
        assert_eq!(found, expected, "{section}");
    }
    assert!(vectors.public_key["pem"].is_string(), "public_key.pem");
    vectors.own = true;
    vectors
}

fn request(target: &str, authorization: &str, key_url: &str, length: usize) -> Parts {
    let request = http::Request::post(target)
        .header("authorization", authorization)
        .header("x-oss-pub-key-url", key_url)
        .header("content-length", length);
    request.body(()).unwrap().into_parts().0
}

#[test]
fn genuine_signatures_verify() {
    let vectors = vectors().signature_vectors;
    assert!(!vectors.is_empty());
    for vector in &vectors {
        let Signature { name, request_target: target, body, .. } = vector;
        assert_eq!(string_to_sign(target, body.as_bytes()), vector.string_to_sign.as_bytes(), "{name}");
        let mut head = request(target, &vector.authorization, &vector.x_oss_pub_key_url, body.len());
        head.headers.insert("content-type", vector.content_type.parse().unwrap());
        head.headers.insert("content-md5", vector.content_md5_of_body.parse().unwrap());
        for verifier in [Verifier::official(), Verifier::official().expect_target(target).unwrap()] {
            let verified = verifier.verify(&head, body.as_bytes()).expect(name);
            assert_eq!(verified.body(), body.as_bytes(), "{name}");
            assert_eq!(verified.target(), target, "{name}");
        }
    }
    println!("{} genuine signatures verified", vectors.len());
}

#[test]
fn altered_requests_do_not_verify() {
    let Vectors { signature_vectors, negative_signature_vectors: negatives, .. } = vectors();
    for vector in &negatives {
        let head = request(&vector.request_target, &vector.authorization, &key_url(0), vector.body.len());
        let error = Verifier::official().verify(&head, vector.body.as_bytes()).unwrap_err();
        let same_signature = signature_vectors
            .iter()
            .any(|base| base.name == vector.base && base.authorization == vector.authorization);
        match error {
            VerifyError::OtherContent { .. } => assert!(same_signature, "{}", vector.name),
            VerifyError::ForeignSignature { .. } => assert!(!same_signature, "{}", vector.name),
            other => panic!("{}: {other}", vector.name),
        }
    }
    println!("{} altered requests refused", negatives.len());
}

#[test]
fn ambiguous_targets_are_refused_although_the_signature_fits() {
    let Vectors { signature_vectors, ambiguity_vectors, .. } = vectors();
    for vector in &ambiguity_vectors {
        let name = &vector.name;
        if let Some(base) = signature_vectors.iter().find(|base| base.name == vector.base) {
            let text = string_to_sign(&vector.request_target, vector.body.as_bytes());
            assert_eq!(text, base.string_to_sign.as_bytes(), "{name}");
        }
        let head = request(&vector.request_target, &vector.authorization, &key_url(0), vector.body.len());
        let error = Verifier::official().verify(&head, vector.body.as_bytes()).unwrap_err();
        let VerifyError::Target { reason } = error else { panic!("{name}: {error}") };
        match Verifier::official().expect_target(&vector.request_target) {
            // Whoever registers the odd spelling itself means it, and the signature fits.
            Ok(verifier) => {
                assert_eq!(reason, TargetError::EncodedSeparator, "{name}");
                verifier.verify(&head, vector.body.as_bytes()).expect(name);
            }
            Err(error) => assert_eq!(reason, error, "{name}"),
        }
    }
    println!("{} ambiguous targets refused", ambiguity_vectors.len());
}

#[test]
fn templates_render_as_oss_rendered_them() {
    let vectors = vectors().rendering_vectors;
    for vector in &vectors {
        let name = &vector.name;
        let template = match vector.callback_body_type.as_str() {
            "application/json" => BodyTemplate::raw_json(&vector.template),
            _ => BodyTemplate::raw_form(&vector.template),
        };
        let mut builder = Callback::builder("http://app.example.com/").body(template.allow_invalid_json());
        let text = |value: &Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        for (variable, value) in vector.variables.iter().filter(|(variable, _)| variable.starts_with("x:")) {
            builder = builder.var(variable, text(value).unwrap());
        }
        let callback = builder.build().expect(name);
        let rendered =
            callback.preview(|variable: Variable| vector.variables.get(variable.name()).and_then(text));
        assert_eq!(rendered, vector.rendered, "{name}");
    }
    println!("{} templates rendered", vectors.len());
}

#[test]
fn callbacks_encode_as_other_clients_encode_them() {
    let Vectors { encoding_vectors: vectors, own, .. } = vectors();
    let mut built = 0;
    for vector in vectors.iter().filter(|vector| vector.kind == "callback") {
        assert_eq!(STANDARD.decode(&vector.base64).unwrap(), vector.json.as_bytes(), "{}", vector.name);
        // Only the reference SDK keeps the query apart from the URL, as this crate does.
        let Some(input) = vector.input.as_ref().filter(|_| vector.source.contains("ruby")) else {
            continue;
        };
        let callback = from_ruby(input).expect(&vector.name);
        // The reference SDK writes a bare `?` where there is no query.
        let expected = vector.json.replace("?\",\"callbackBody\"", "\",\"callbackBody\"");
        let json = STANDARD.decode(callback.encode().callback()).unwrap();
        assert_eq!(String::from_utf8(json).unwrap(), expected, "{}", vector.name);
        built += 1;
    }
    assert!(built > 0 || !own, "no encoding was built");
    println!("{built} of {} encodings built", vectors.len());
}

#[test]
fn callbacks_of_every_client_are_decoded() {
    let vectors = vectors().encoding_vectors;
    for vector in &vectors {
        let name = &vector.name;
        let json: Value = serde_json::from_str(&vector.json).unwrap();
        if vector.kind == "callback-var" {
            let decoded = DecodedCallback::decode("e30=", Some(&vector.base64)).expect(name);
            let customs: Value =
                decoded.customs.iter().map(|custom| (custom.name(), custom.value())).collect();
            assert_eq!(customs, json, "{name}");
            continue;
        }
        let decoded = DecodedCallback::decode(&vector.base64, None).expect(name);
        assert_eq!(decoded.url.as_deref(), json["callbackUrl"].as_str(), "{name}");
        assert_eq!(decoded.body.as_deref(), json["callbackBody"].as_str(), "{name}");
        assert_eq!(decoded.body_type.as_deref(), json["callbackBodyType"].as_str(), "{name}");
        assert_eq!(decoded.host.as_deref(), json["callbackHost"].as_str(), "{name}");
        assert_eq!(decoded.sni, json["callbackSNI"].as_bool(), "{name}");
        assert!(decoded.other_fields.is_empty() && decoded.policy.is_none(), "{name}");
        if vector.json.contains("$(") {
            assert!(matches!(decoded.to_callback(true), Err(CallbackError::Dollar { .. })), "{name}");
        }
    }
    println!("{} encodings decoded", vectors.len());
}

#[test]
fn request_ids_begin_with_their_time() {
    let samples = vectors().request_id_timestamps.samples;
    for (id, time, _) in &samples {
        let id = id.trim_end_matches('.');
        let sent = unix_seconds(time);
        let exact = Freshness::within(Duration::ZERO).tolerate_ahead(Duration::ZERO);
        assert_eq!(exact.check(id, sent), Ok(sent), "{id} {time}");
    }
    println!("{} request ids dated", samples.len());
}

/// `2019-06-02T15:13:06Z`, by the calendar's own definition.
fn unix_seconds(text: &str) -> SystemTime {
    let number = |range: std::ops::Range<usize>| text[range].parse::<u64>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let leap = |year: u64| {
        u64::from(year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)))
    };
    let years: u64 = (1970..year).map(|year| 365 + leap(year)).sum();
    let lengths = [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let months: u64 = lengths.iter().take(usize::try_from(month).unwrap() - 1).sum();
    let seconds =
        (years + months + day - 1) * 86_400 + number(11..13) * 3_600 + number(14..16) * 60 + number(17..19);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn from_ruby(input: &Value) -> Result<Callback, CallbackError> {
    let text = |name: &str| input[name].as_str();
    let body = text("body").unwrap_or("a=b");
    let body = match text("content_type") {
        Some("application/json") => BodyTemplate::raw_json(body).allow_invalid_json(),
        _ => BodyTemplate::raw_form(body),
    };
    let mut builder = Callback::builder(text("url").unwrap()).body(body);
    for pair in input["query"].as_array().into_iter().flatten() {
        builder = builder.query(pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
    }
    if let Some(host) = text("host") {
        builder = builder.host(host);
    }
    builder.build()
}

#[test]
fn what_the_reference_sdk_refuses_is_refused_or_made_good() {
    let rejections = vectors().encoding_rejections;
    for rejection in &rejections {
        let url = rejection.input["url"].as_str().unwrap();
        match from_ruby(&rejection.input) {
            Err(CallbackError::Url { reason, .. }) => match reason {
                UrlError::Query => assert!(rejection.error.contains("Query parameters"), "{url}"),
                UrlError::Scheme { .. } => assert!(rejection.error.contains("Only HTTP"), "{url}"),
                UrlError::Private { .. } => assert!(url.starts_with("10."), "{url}"),
                other => panic!("{url}: {other}"),
            },
            // Non-ASCII, which the reference SDK cannot take, is percent-encoded.
            Ok(_) => assert!(!url.is_ascii(), "{url}"),
            Err(other) => panic!("{url}: {other}"),
        }
    }
    println!("{} refusals compared", rejections.len());
}

#[test]
fn only_the_two_official_key_urls_are_trusted() {
    let vectors = vectors();
    let KeyUrls { accept, reject } = vectors.pub_key_url_vectors;
    let signature = STANDARD.encode([1; 64]);
    let verify = |url: &str| {
        let head = request("/", &signature, &STANDARD.encode(url), 0);
        Verifier::official().verify(&head, b"").unwrap_err()
    };
    for url in &accept {
        assert!(matches!(verify(url), VerifyError::ForeignSignature { .. }), "{url:?}");
    }
    for url in &reject {
        assert!(matches!(verify(url), VerifyError::UntrustedKey { .. }), "{url:?}");
    }
    println!("{} key URLs accepted, {} refused", accept.len(), reject.len());
    if let Some(pem) = vectors.public_key["pem"].as_str() {
        assert_eq!(pem.trim(), OFFICIAL_KEY_PEM.trim());
    }
}

fn key_url(index: usize) -> String {
    STANDARD.encode(OFFICIAL_KEY_URLS[index])
}
