//! Properties that hold for every input.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what cannot be built is a failed test")]

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use oss_callback::{
    BodyTemplate, Callback, Custom, DecodedCallback, FormTemplate, Freshness, JsonTemplate, JsonValue,
    KeyPattern, PublicKey, TokenKey, Variable, Verifier, VerifyError, string_to_sign,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use support::{KEY_URL, authorization, head, verifier};

/// Targets that a verifier accepts.
fn targets() -> impl Strategy<Value = String> {
    let segment = "(/([a-zA-Z0-9._~+!-]|%[48EC][0-9A-F]){0,6}){1,4}";
    (segment, proptest::option::of("[a-zA-Z0-9=&%+?/._-]{0,20}"))
        .prop_map(|(path, query)| query.map_or(path.clone(), |query| format!("{path}?{query}")))
}

#[derive(Clone, Debug)]
enum Edit {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        any::<prop::sample::Index>().prop_map(Edit::Remove),
    ]
}

fn edit(bytes: &[u8], edit: &Edit) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    match edit {
        Edit::Insert(at, byte) => {
            let at = at.index(bytes.len() + 1);
            bytes.insert(at, *byte);
        }
        Edit::Replace(at, byte) if !bytes.is_empty() => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Edit::Remove(at) if !bytes.is_empty() => {
            let at = at.index(bytes.len());
            bytes.remove(at);
        }
        Edit::Replace(..) | Edit::Remove(_) => {}
    }
    bytes
}

fn verify_as(
    verifier: &Verifier,
    signed: &http::request::Parts,
    target: &str,
    body: &[u8],
) -> Result<(), VerifyError> {
    let mut headers = signed.headers.clone();
    headers.insert("content-length", body.len().into());
    let pending = verifier.begin_with(&Method::POST, target, &headers)?;
    pending.finish(body.to_vec().into()).map(|_| ())
}

proptest! {
    #[test]
    fn what_was_signed_verifies(target in targets(), body in vec(any::<u8>(), 0..200)) {
        let signed = head(&target, &body);
        prop_assert_eq!(verify_as(&verifier(), &signed, &target, &body), Ok(()));
        // `http` and `begin_with` see the same target.
        prop_assert_eq!(verifier().verify(&signed, &body).map(|_| ()), Ok(()));
    }

    #[test]
    fn any_change_of_the_body_is_refused(target in targets(), body in vec(any::<u8>(), 0..200), change in edits()) {
        let altered = edit(&body, &change);
        prop_assume!(altered != body);
        let error = verify_as(&verifier(), &head(&target, &body), &target, &altered).unwrap_err();
        let refused = matches!(error, VerifyError::OtherContent { .. });
        prop_assert!(refused, "{}", error);
    }

    #[test]
    fn any_change_of_the_target_is_refused(target in targets(), body in vec(any::<u8>(), 0..50), change in edits()) {
        let altered = edit(target.as_bytes(), &change);
        prop_assume!(altered != target.as_bytes());
        let Ok(altered) = String::from_utf8(altered) else { return Ok(()) };
        let signed = head(&target, &body);
        // Registered, every other spelling is refused.
        let strict = verifier().expect_target(&target).unwrap();
        prop_assert!(verify_as(&strict, &signed, &altered, &body).is_err(), "{}", altered);
        // Not registered, only another spelling of the same text passes, such as %4a for %4A.
        if string_to_sign(&altered, &body) != string_to_sign(&target, &body) {
            prop_assert!(verify_as(&verifier(), &signed, &altered, &body).is_err(), "{}", altered);
        }
    }

    #[test]
    fn any_change_of_the_signature_is_refused(target in targets(), body in vec(any::<u8>(), 0..50), change in edits()) {
        let signed = head(&target, &body);
        let good = signed.headers["authorization"].as_bytes();
        let altered = edit(good, &change);
        prop_assume!(altered != good);
        let Ok(value) = http::HeaderValue::from_bytes(&altered) else { return Ok(()) };
        let mut forged = head(&target, &body);
        forged.headers.insert("authorization", value);
        prop_assert!(verify_as(&verifier(), &forged, &target, &body).is_err());
    }

    #[test]
    fn any_signature_of_the_right_length_is_refused(bytes in any::<[[u8; 32]; 2]>()) {
        let mut forged = head("/", b"");
        forged.headers.insert("authorization", STANDARD.encode(bytes.concat()).parse().unwrap());
        let error = verify_as(&verifier(), &forged, "/", b"").unwrap_err();
        let refused = matches!(error, VerifyError::ForeignSignature { .. });
        prop_assert!(refused, "{}", error);
    }

    #[test]
    fn any_headers_are_judged_without_a_panic(
        authorization in vec(0x20..=0x7e_u8, 0..120),
        key_url in prop_oneof![Just(STANDARD.encode(KEY_URL).into_bytes()), vec(0x80..=0xff_u8, 0..40)],
        length in "[0-9+ -]{0,25}",
        others in vec(("content-type|content-md5|x-oss-bucket|x-oss-request-id", vec(0x20..=0xfe_u8, 0..40)), 0..6),
        target in "\\PC{0,30}",
        body in vec(any::<u8>(), 0..50),
    ) {
        let mut headers = http::HeaderMap::new();
        for (name, value) in &others {
            let name: http::HeaderName = name.parse().unwrap();
            headers.append(name, http::HeaderValue::from_bytes(value).unwrap_or(http::HeaderValue::from_static("")));
        }
        headers.insert("authorization", http::HeaderValue::from_bytes(&authorization).unwrap());
        headers.insert("x-oss-pub-key-url", http::HeaderValue::from_bytes(&key_url).unwrap());
        headers.insert("content-length", length.parse().unwrap());
        if let Ok(pending) = verifier().begin_with(&Method::POST, &target, &headers) {
            prop_assert!(pending.finish(body.into()).is_err());
        }
    }

    #[test]
    fn a_form_carries_every_value_to_the_receiver(
        fields in btree_map("(?s).{0,8}", "(?s).{0,12}", 1..6),
        object in "(?s).{1,20}",
        uid in "(?s).{0,20}",
    ) {
        let mut template = FormTemplate::default();
        for (name, value) in &fields {
            template = template.field(format!("c:{name}"), value.as_str());
        }
        let template = template.field("o:", Variable::Object).field("u:", Custom::new("uid", &uid));
        let body = send(template, &object);
        let received: BTreeMap<String, String> = receive(&body).form().unwrap();
        prop_assert_eq!(&received["o:"], &object);
        prop_assert_eq!(&received["u:"], &uid);
        for (name, value) in &fields {
            prop_assert_eq!(&received[&format!("c:{name}")], value);
        }
    }

    #[test]
    fn json_carries_every_value_to_the_receiver(
        fields in btree_map("(?s).{0,8}", "(?s).{0,12}", 1..6),
        number in any::<u64>(),
        signed in any::<i64>(),
        object in "(?s).{1,20}",
        uid in "(?s).{0,20}",
    ) {
        let mut constants = JsonTemplate::default();
        for (name, value) in &fields {
            constants = constants.field(name.as_str(), value.as_str());
        }
        let template = BodyTemplate::json()
            .field("constants", constants)
            .field("list", vec![JsonValue::from(number), JsonValue::from(signed), JsonValue::Null])
            .field("object", Variable::Object)
            .field("size", Variable::Size)
            .field("width", Variable::ImageWidth)
            .field("uid", Custom::new("uid", &uid));
        let body = send(template, &object);
        let received: serde_json::Value = receive(&body).json().unwrap();
        let expected = serde_json::json!({
            "constants": fields, "list": [number, signed, null],
            "object": object, "size": 7, "width": null, "uid": uid,
        });
        prop_assert_eq!(received, expected);
    }

    #[test]
    fn an_encoded_callback_is_decoded_to_what_it_was(
        path in "(/[a-zA-Z0-9._+é-]{1,8}){0,3}",
        https in any::<bool>(),
        json in any::<bool>(),
        query in vec(("(?s).{0,8}", "(?s).{0,12}"), 0..4),
        host in proptest::option::of("[a-z]{1,8}\\.example"),
        constant in "(?s)(\\$\\{object\\})?.{0,20}",
        uid in "(?s).{0,20}",
    ) {
        prop_assume!(!path.split('/').any(|segment| segment == "." || segment == ".."));
        let scheme = if https { "https" } else { "http" };
        let mut builder = Callback::builder(format!("{scheme}://app.example:8080{path}"))
            .also_url("http://b.example")
            .body(if json {
                BodyTemplate::json().field("c", &constant).field("u", Custom::new("uid", &uid)).into()
            } else {
                BodyTemplate::from(FormTemplate::default().field("c", &constant).field("u", Custom::new("uid", &uid)))
            });
        for (name, value) in &query {
            builder = builder.query(name, value);
        }
        if let Some(host) = host {
            builder = builder.host(host);
        }
        let callback = builder.build().unwrap();
        let encoded = callback.encode();
        let decoded = DecodedCallback::decode(encoded.callback(), encoded.callback_var()).unwrap();
        prop_assert_eq!(decoded.customs[0].value(), uid);
        prop_assert_eq!(decoded.to_callback(false).unwrap(), callback);
    }

    #[test]
    fn the_query_reaches_the_receiver(query in btree_map("(?s).{1,8}", "(?s).{0,12}", 1..4)) {
        let mut builder = Callback::builder("http://app.example/cb").body("a=b");
        for (name, value) in &query {
            builder = builder.query(name, value);
        }
        let callback = builder.build().unwrap();
        let [target] = callback.request_targets().try_into().unwrap();
        let strict = verifier().expect_target(&target).unwrap();
        let verified = strict.verify(&head(&target, b"a=b"), b"a=b").unwrap();
        for (name, value) in &query {
            prop_assert_eq!(verified.query(name).unwrap(), Some(value.clone()));
        }
    }

    #[test]
    fn any_text_is_judged_as_a_template_and_as_a_url_without_a_panic(url in "\\PC{0,40}", body in "\\PC{0,40}") {
        let built = Callback::builder(&url).body(body.as_str()).build();
        if let Ok(callback) = built {
            // What is accepted can be received.
            for target in callback.request_targets() {
                prop_assert!(verifier().expect_target(target).is_ok());
            }
        }
        let _ = Callback::builder("http://a.example").body(BodyTemplate::raw_json(&body)).build();
        let _ = DecodedCallback::decode(&STANDARD.encode(&body), Some(&STANDARD.encode(&url)));
    }

    #[test]
    fn an_accepted_json_template_always_renders_to_json(
        pieces in vec(prop_oneof![
            prop::sample::select(vec![
                "{", "}", "[", "]", "\"", ":", ",", "\\", "0", "1", "-", ".", "e", "a", " ", "null", "\"k\":", "\\u00",
            ]).prop_map(str::to_owned),
            prop::sample::select(Variable::ALL.to_vec()).prop_map(|variable| variable.to_string()),
        ], 1..8),
        object in "(?s).{0,10}",
        number in any::<u64>(),
        absent in any::<bool>(),
    ) {
        let template = BodyTemplate::raw_json(pieces.concat());
        let Ok(callback) = Callback::builder("http://a.example").body(template).build() else { return Ok(()) };
        let body = callback.preview(|variable| match variable {
            Variable::Size => Some(number.to_string()),
            Variable::ImageWidth | Variable::ImageHeight | Variable::Crc64 => (!absent).then(|| number.to_string()),
            Variable::ImageFormat | Variable::ImageInfo | Variable::VpcId | Variable::ContentMd5 => {
                (!absent).then(|| object.clone())
            }
            _ => Some(object.clone()),
        });
        let parsed = serde_json::from_str::<serde::de::IgnoredAny>(&body);
        prop_assert!(parsed.is_ok(), "{} -> {}", pieces.concat(), body);
    }

    #[test]
    fn any_bytes_are_judged_as_a_body_without_a_panic(body in vec(any::<u8>(), 0..80), text in "[\\[\\]{}\",:a0-9tn&=%.-]{0,60}") {
        for body in [body.as_slice(), text.as_bytes()] {
            let verified = receive(body);
            let _ = verified.form::<BTreeMap<String, String>>();
            let _ = verified.json::<serde_json::Value>();
            let _ = verified.payload::<serde::de::IgnoredAny>();
        }
    }

    #[test]
    fn any_text_is_judged_as_a_key_a_token_or_a_request_id_without_a_panic(text in "\\PC{0,80}", der in vec(any::<u8>(), 0..80)) {
        prop_assert!(PublicKey::from_pem(&text).is_err());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
        prop_assert!(PublicKey::from_pem(&pem).is_err());
        let key = TokenKey::new([1; 32]).unwrap();
        prop_assert!(key.check(&text, "b", "o", SystemTime::UNIX_EPOCH).is_err());
        let _ = Freshness::within(Duration::MAX).check(&text, SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn any_query_of_a_verified_target_is_judged_without_a_panic(
        query in "[!\"$-~]{0,40}", fuller in "[ab=&%+0-9A-F]{0,40}", name in "[ab]?",
    ) {
        for query in [query, fuller] {
            let target = format!("/cb?{query}");
            let strict = verifier().expect_path("/cb").unwrap();
            let mut headers = head("/cb", b"").headers;
            headers.insert("authorization", authorization(&target, b"").parse().unwrap());
            let pending = strict.begin_with(&Method::POST, &target, &headers).unwrap();
            let verified = pending.finish(Bytes::new()).unwrap();
            if let Ok(Some(_)) = verified.query(&name) {
                prop_assert_eq!(verified.target(), &target);
            }
        }
    }

    #[test]
    fn a_damaged_key_is_refused_or_another_key(changes in vec(edits(), 1..4)) {
        let (_, der) = pem_rfc7468::decode_vec(support::KEY_PEM.as_bytes()).unwrap();
        let damaged = changes.iter().fold(der.clone(), |der, change| edit(&der, change));
        prop_assume!(damaged != der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(damaged));
        if let Ok(verifier) = Verifier::trusting_none().trust(KEY_URL, &pem) {
            prop_assert!(verifier.verify(&head("/cb", b"a"), b"a").is_err(), "{}", pem);
        }
    }

    #[test]
    fn a_damaged_encoded_callback_is_decoded_or_refused(changes in vec(edits(), 1..4), in_json in any::<bool>()) {
        let json = br#"{"callbackUrl":"https://a.example/cb?t=1;b.example","callbackBody":"{\"o\":${object},\"u\":${x:u}}","callbackBodyType":"application/json","callbackHost":"c.example:80","callbackSNI":true}"#;
        let text = if in_json {
            STANDARD.encode(changes.iter().fold(json.to_vec(), |json, change| edit(&json, change)))
        } else {
            let damaged = changes.iter().fold(STANDARD.encode(json).into_bytes(), |text, change| edit(&text, change));
            String::from_utf8_lossy(&damaged).into_owned()
        };
        if let Ok(decoded) = DecodedCallback::decode(&text, Some(&STANDARD.encode(br#"{"x:u":"1"}"#)))
            && let Ok(callback) = decoded.to_callback(false)
        {
            // What is good is built, sent and decoded to the same again.
            let encoded = callback.encode();
            let again = DecodedCallback::decode(encoded.callback(), encoded.callback_var()).unwrap();
            prop_assert_eq!(again.to_callback(false).unwrap(), callback);
        }
    }

    #[test]
    fn a_token_is_good_for_what_it_was_minted_for_and_nothing_else(
        bucket in "(?s).{0,10}", other in "(?s).{0,10}", key in "(?s).{0,10}", object in "(?s).{0,10}", user in "(?s).{0,10}", prefix in any::<bool>(),
    ) {
        let tokens = TokenKey::new([1; 32]).unwrap();
        let pattern = if prefix { KeyPattern::prefix(&key) } else { KeyPattern::exact(&key) };
        let now = SystemTime::UNIX_EPOCH;
        let token = tokens.mint(&bucket, &pattern, &user, now + Duration::from_secs(1)).unwrap();
        let matches = if prefix { object.starts_with(&key) } else { object == key };
        prop_assert_eq!(tokens.check(&token, &bucket, &object, now).is_ok(), matches);
        prop_assert_eq!(tokens.check(&token, &bucket, &key, now).unwrap().user_data, user);
        prop_assert_eq!(tokens.check(&token, &other, &key, now).is_ok(), other == bucket);
    }
}

/// What OSS would send for the template and an object of 7 bytes that is no image.
fn send(template: impl Into<BodyTemplate>, object: &str) -> String {
    let callback = Callback::builder("http://app.example/").body(template).build().unwrap();
    callback.preview(|variable| match variable {
        Variable::Object => Some(object.to_owned()),
        Variable::Size => Some("7".to_owned()),
        _ => None,
    })
}

fn receive(body: impl AsRef<[u8]>) -> oss_callback::Verified {
    verifier().verify(&head("/", body.as_ref()), body.as_ref()).unwrap()
}
