//! One test for each way in which public receivers have been deceived or have failed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a request that cannot be built is a failed test"
)]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use oss_callback::{
    BodyCheck, BodyType, ExternalTarget, KeyError, PublicKey, TargetError, Verifier, VerifyError,
    string_to_sign,
};
use support::{KEY_PEM, KEY_URL, authorization, head, plus_modulus, raw_sign, sign, verifier};

const TARGET: &str = "/oss/callback?id=1";
const BODY: &[u8] = b"bucket=b&object=o";

fn good() -> Parts {
    head(TARGET, BODY)
}

fn with(name: &'static str, value: &str) -> Parts {
    let mut head = good();
    head.headers.insert(name, value.parse().unwrap());
    head
}

fn without(name: &'static str) -> Parts {
    let mut head = good();
    head.headers.remove(name);
    head
}

fn twice(name: &'static str, value: &str) -> Parts {
    let mut head = good();
    head.headers.append(name, value.parse().unwrap());
    head
}

fn refusal(head: &Parts) -> VerifyError {
    verifier().verify(head, BODY).unwrap_err()
}

fn target_refusal(reason: TargetError) -> VerifyError {
    VerifyError::Target { reason }
}

#[test]
fn the_request_all_others_are_made_from_is_accepted() {
    verifier().verify(&good(), BODY).unwrap();
}

// The key URL.

#[test]
fn a_key_of_the_senders_choice() {
    let url = "https://evil.example/callback_pub_key_v1.pem";
    let head = with("x-oss-pub-key-url", &STANDARD.encode(url));
    assert_eq!(refusal(&head), VerifyError::UntrustedKey { url: url.into() });
    assert_eq!(refusal(&head).status(), 403);
}

#[test]
fn a_key_url_that_begins_like_a_trusted_one() {
    for url in [
        "http://127.0.0.1:9000/-/callback_pub_key_v1.pem?",
        "http://127.0.0.1:9000/-/callback_pub_key_v1.pem#",
        "http://127.0.0.1:9000/-/callback_pub_key_v1.pem/",
        "HTTP://127.0.0.1:9000/-/callback_pub_key_v1.pem",
        "https://127.0.0.1:9000/-/callback_pub_key_v1.pem",
        "http://127.0.0.1:9000/-/callback_pub_key_v1.pe",
        " http://127.0.0.1:9000/-/callback_pub_key_v1.pem",
        "http://127.0.0.1:9000/-/callback_pub_key_v1.pem\n",
        "",
    ] {
        let head = with("x-oss-pub-key-url", &STANDARD.encode(url));
        assert_eq!(refusal(&head), VerifyError::UntrustedKey { url: url.into() });
    }
}

#[test]
fn a_key_url_that_is_not_canonical_base64() {
    let good = STANDARD.encode(KEY_URL);
    for text in [
        KEY_URL.to_owned(),
        good.trim_end_matches('=').to_owned(),
        format!("{good}="),
        format!(" {good}"),
        STANDARD.encode("http://ü"),
        STANDARD.encode([0xff, 0xfe]),
        STANDARD.encode("h".repeat(513)),
        "A".repeat(100_000),
    ] {
        let head = with("x-oss-pub-key-url", &text);
        assert_eq!(refusal(&head), VerifyError::KeyUrlEncoding, "{text:.60}");
    }
}

#[test]
fn the_official_key_does_not_vouch_for_an_added_one_nor_the_other_way_round() {
    let both = Verifier::official().trust(KEY_URL, KEY_PEM).unwrap();
    both.verify(&good(), BODY).unwrap();
    let official = STANDARD.encode(oss_callback::OFFICIAL_KEY_URLS[0]);
    let head = with("x-oss-pub-key-url", &official);
    let refused = VerifyError::ForeignSignature { body: BodyCheck::Unknown };
    assert_eq!(both.verify(&head, BODY).unwrap_err(), refused);
}

#[test]
fn a_verifier_that_trusts_none() {
    let error = Verifier::trusting_none().verify(&good(), BODY).unwrap_err();
    assert_eq!(error, VerifyError::UntrustedKey { url: KEY_URL.into() });
}

#[test]
fn a_key_that_is_none() {
    let trust = |url: &str, pem: &str| Verifier::official().trust(url, pem).unwrap_err();
    assert_eq!(trust("ftp://keys.example/k.pem", KEY_PEM), KeyError::Url);
    assert_eq!(trust("keys.example/k.pem", KEY_PEM), KeyError::Url);
    assert_eq!(trust("https://keys.example/k.pem\n", KEY_PEM), KeyError::Url);
    assert_eq!(trust(&format!("https://{}", "k".repeat(505)), KEY_PEM), KeyError::Url);
    assert_eq!(trust(KEY_URL, ""), KeyError::Pem);
    assert_eq!(trust(KEY_URL, "<html>not found</html>"), KeyError::Pem);
    assert_eq!(trust(KEY_URL, &KEY_PEM.replace("PUBLIC KEY", "RSA PUBLIC KEY")), KeyError::Pem);
    // An Ed25519 key, made with openssl.
    let ed25519 = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAWHEGs5XKIKEYbQ90rLwp78pKv1nSvoLzvITEEOdqKZg=\n\
                   -----END PUBLIC KEY-----\n";
    assert_eq!(trust(KEY_URL, ed25519), KeyError::NotRsa);
    // An RSA key that is good for PSS only, made with openssl.
    let pss = "-----BEGIN PUBLIC KEY-----\n\
               MIGdMAsGCSqGSIb3DQEBCgOBjQAwgYkCgYEA2cKkWJi+pI6nlM/Sp/zWSWTSPKt/\n\
               Axhb5wj+KjUsF2gDiaHg3fuBZHu5h28mcZsyQ7o1otn9MmecmDKwQ32IAVd66Pc4\n\
               ECU56Dx4wF1DrJ4fPiIRN77vGbD8Okz9UGuJjNCQj7YcipBI1QuoiChj4r7uDw/T\n\
               PBRsqsdCts/sZF8CAwEAAQ==\n\
               -----END PUBLIC KEY-----\n";
    assert_eq!(trust(KEY_URL, pss), KeyError::NotRsa);
}

#[test]
fn a_key_with_line_ends_of_another_system_is_read() {
    assert!(PublicKey::from_pem(&KEY_PEM.replace('\n', "\r\n")).is_ok());
    assert!(PublicKey::from_pem(&format!("\n  {KEY_PEM}\n\n")).is_ok());
}

// The path.

#[test]
fn a_path_in_which_a_plus_was_read_as_a_space() {
    verifier().verify(&head("/a+b", BODY), BODY).unwrap();
    assert_eq!(string_to_sign("/a+b", b""), b"/a+b\n");
}

#[test]
fn a_path_that_was_decoded_twice() {
    let target = "/a%2541";
    let exact = verifier().expect_target(target).unwrap();
    exact.verify(&head(target, BODY), BODY).unwrap();
    let mut once = head(target, BODY);
    once.uri = "/a%41".parse().unwrap();
    assert_eq!(
        verifier().verify(&once, BODY).unwrap_err(),
        VerifyError::OtherContent { body: BodyCheck::Unknown }
    );
    once.uri = "/aA".parse().unwrap();
    assert_eq!(
        verifier().verify(&once, BODY).unwrap_err(),
        VerifyError::OtherContent { body: BodyCheck::Unknown }
    );
}

#[test]
fn an_encoded_path_without_a_query() {
    verifier().verify(&head("/%E4%B8%AD%E6%96%87", BODY), BODY).unwrap();
}

#[test]
fn a_query_that_was_dropped_reordered_or_cut_at_its_second_question_mark() {
    let target = "/cb?a=1&b=2?c";
    verifier().verify(&head(target, BODY), BODY).unwrap();
    for other in ["/cb", "/cb?", "/cb?b=2?c&a=1", "/cb?a=1&b=2"] {
        let mut head = head(target, BODY);
        head.uri = other.parse().unwrap();
        let error = verifier().verify(&head, BODY).unwrap_err();
        assert_eq!(error, VerifyError::OtherContent { body: BodyCheck::Unknown }, "{other}");
    }
}

#[test]
fn a_prefix_that_a_proxy_stripped() {
    let mut stripped = head("/api/cb?x=1", BODY);
    stripped.uri = "/cb?x=1".parse().unwrap();
    assert!(matches!(verifier().verify(&stripped, BODY), Err(VerifyError::OtherContent { .. })));
    let restored = verifier().external_prefix("/api").unwrap().verify(&stripped, BODY).unwrap();
    assert_eq!(restored.target(), "/api/cb?x=1");
    for bad in ["", "api", "/api/", "/api?x"] {
        assert!(verifier().external_prefix(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_target_that_a_proxy_rewrote() {
    let mut rewritten = head("/public/cb?x=1", BODY);
    rewritten.uri = "/internal".parse().unwrap();
    rewritten.extensions.insert(ExternalTarget("/public/cb?x=1".into()));
    let strict = verifier().expect_target("/public/cb?x=1").unwrap();
    assert_eq!(strict.verify(&rewritten, BODY).unwrap().target(), "/public/cb?x=1");
    // It is the whole target, before which no prefix is put.
    let prefixed = verifier().external_prefix("/api").unwrap();
    assert_eq!(prefixed.verify(&rewritten, BODY).unwrap().target(), "/public/cb?x=1");
    // It is no way around the registered targets.
    rewritten.extensions.insert(ExternalTarget("/internal".into()));
    assert_eq!(strict.verify(&rewritten, BODY).unwrap_err(), target_refusal(TargetError::Unregistered));
}

#[test]
fn a_target_that_is_not_registered() {
    let strict = verifier().expect_target("/oss/callback").unwrap();
    let error = strict.verify(&good(), BODY).unwrap_err();
    assert_eq!(error, target_refusal(TargetError::Unregistered));
    verifier().expect_path("/oss/callback").unwrap().verify(&good(), BODY).unwrap();
}

#[test]
fn a_signature_whose_query_is_presented_as_part_of_the_path() {
    let mut moved = head("/a?b", BODY);
    moved.uri = "/a%3Fb".parse().unwrap();
    assert_eq!(string_to_sign("/a%3Fb", BODY), string_to_sign("/a?b", BODY));
    assert_eq!(verifier().verify(&moved, BODY).unwrap_err(), target_refusal(TargetError::Ambiguous));
}

#[test]
fn a_signature_whose_path_is_presented_as_part_of_the_body_and_back() {
    // OSS was asked to call `/a%0Ax=1` with the body `y`: the same bytes are signed for `/a` and `x=1\ny`.
    assert_eq!(string_to_sign("/a%0Ax=1", b"y"), string_to_sign("/a", b"x=1\ny"));
    let genuine = head("/a%0Ax=1", b"y");
    assert_eq!(verifier().verify(&genuine, b"y").unwrap_err(), target_refusal(TargetError::Ambiguous));
    // The other way round nothing tells the two apart, which is why the application's token is needed: the
    // attacker could as well have asked OSS for the second request.
    let mut moved = head("/a%0Ax=1", b"y");
    moved.uri = "/a".parse().unwrap();
    moved.headers.insert("content-length", 5.into());
    verifier().verify(&moved, b"x=1\ny").unwrap();
}

#[test]
fn a_path_that_is_routed_differently_from_what_was_signed() {
    for path in ["/a%2Fb", "/a%2fb", "/a%252Fb"] {
        let error = verifier().verify(&head(path, BODY), BODY).unwrap_err();
        assert_eq!(error, target_refusal(TargetError::EncodedSeparator), "{path}");
        verifier().expect_target(path).unwrap().verify(&head(path, BODY), BODY).unwrap();
    }
}

#[test]
fn a_path_with_a_control_character() {
    for path in ["/a%00", "/a%0D", "/a%1b", "/a%7F"] {
        let error = verifier().verify(&head(path, BODY), BODY).unwrap_err();
        assert_eq!(error, target_refusal(TargetError::Ambiguous), "{path}");
    }
}

#[test]
fn a_path_with_a_broken_escape() {
    for path in ["/a%", "/a%4", "/a%zz"] {
        let error = verifier().verify(&head(path, BODY), BODY).unwrap_err();
        assert_eq!(error, target_refusal(TargetError::Escape), "{path}");
    }
}

#[test]
fn a_target_that_is_no_path() {
    let mut head = good();
    head.uri = "*".parse().unwrap();
    assert_eq!(verifier().verify(&head, BODY).unwrap_err(), target_refusal(TargetError::Form));
    let mut parts = http::uri::Parts::default();
    parts.authority = Some("a.example:80".parse().unwrap());
    head.uri = http::Uri::from_parts(parts).unwrap();
    assert_eq!(verifier().verify(&head, BODY).unwrap_err(), target_refusal(TargetError::Form));
}

#[test]
fn a_bare_question_mark_is_forgiven_only_on_request() {
    let mut bare = head("/cb", BODY);
    bare.uri = "/cb?".parse().unwrap();
    assert!(matches!(verifier().verify(&bare, BODY), Err(VerifyError::OtherContent { .. })));
    let forgiving = verifier().forgive_bare_question_mark(true);
    forgiving.verify(&bare, BODY).unwrap();
    forgiving.verify(&head("/cb?", BODY), BODY).unwrap();
    // A registered target is met with or without it.
    forgiving.clone().expect_target("/cb").unwrap().verify(&bare, BODY).unwrap();
    forgiving.clone().expect_target("/cb?").unwrap().verify(&bare, BODY).unwrap();
    // Otherwise it is another target, also where it was signed so.
    for head in [&bare, &head("/cb?", BODY)] {
        let error = verifier().expect_target("/cb").unwrap().verify(head, BODY).unwrap_err();
        assert_eq!(error, target_refusal(TargetError::Unregistered));
    }
    // Only the bare mark at the end of the path is meant.
    let mut more = head("/cb?a", BODY);
    more.uri = "/cb?a?".parse().unwrap();
    assert!(forgiving.verify(&more, BODY).is_err());
}

#[test]
fn a_request_with_several_faults_is_refused_for_the_cheapest() {
    let strict = verifier().expect_target("/x").unwrap().expect_body_type(BodyType::Json);
    let mut head = head(TARGET, b"other");
    head.headers.insert("x-oss-pub-key-url", STANDARD.encode("https://evil.example/k").parse().unwrap());
    head.headers.insert("authorization", "%".parse().unwrap());
    head.headers.insert("content-length", "65537".parse().unwrap());
    head.method = http::Method::GET;
    let refusal = |head: &Parts| strict.verify(head, BODY).unwrap_err();

    assert_eq!(refusal(&head), VerifyError::Method);
    head.method = http::Method::POST;
    assert_eq!(refusal(&head), VerifyError::BodyTooLarge { limit: 65_536 });
    head.headers.insert("content-length", "16".parse().unwrap());
    assert_eq!(refusal(&head), VerifyError::SignatureEncoding);
    head.headers.insert("authorization", authorization("/elsewhere", BODY).parse().unwrap());
    assert_eq!(refusal(&head), target_refusal(TargetError::Unregistered));
    head.uri = "/x".parse().unwrap();
    assert_eq!(refusal(&head), VerifyError::BodyType);
    head.headers.insert("content-type", "application/json".parse().unwrap());
    // After everything else in the head, because an unknown key may be worth fetching.
    assert!(matches!(refusal(&head), VerifyError::UntrustedKey { .. }));
    head.headers.insert("x-oss-pub-key-url", STANDARD.encode(KEY_URL).parse().unwrap());
    assert!(matches!(refusal(&head), VerifyError::LengthMismatch { .. }));
    head.headers.insert("content-length", "17".parse().unwrap());
    assert!(matches!(refusal(&head), VerifyError::OtherContent { .. }));
}

#[test]
fn a_query_that_names_a_parameter_twice_has_no_parameters() {
    let query = |target: &str, name: &str| {
        verifier().verify(&head(target, BODY), BODY).unwrap().query(name).map_err(|error| error.to_string())
    };
    assert_eq!(query("/cb?a=1%26a%3D2&b=+", "a"), Ok(Some("1&a=2".into())));
    assert_eq!(query("/cb?a=1", "b"), Ok(None));
    assert_eq!(query("/cb", "a"), Ok(None));
    for target in ["/cb?t=1&t=2", "/cb?t=1&%74=2", "/cb?t&b=1&t"] {
        assert_eq!(query(target, "t"), Err("field \"t\" is there twice".into()), "{target}");
        assert!(query(target, "b").is_err(), "{target}");
    }
    assert!(query("/cb?t=%zz", "t").is_err());
}

// The body.

#[test]
fn a_body_that_was_parsed_and_written_again() {
    let json = br#"{"a": 1}"#;
    let mut head = head(TARGET, json);
    head.headers.insert("content-length", 7.into());
    head.headers.insert("content-md5", content_md5(json));
    let error = verifier().verify(&head, br#"{"a":1}"#).unwrap_err();
    assert_eq!(error, VerifyError::OtherContent { body: BodyCheck::Altered });
    assert!(error.to_string().contains("altered on the way"), "{error}");
}

#[test]
fn a_body_that_is_intact_under_another_target() {
    let mut head = head("/elsewhere", BODY);
    head.uri = TARGET.parse().unwrap();
    head.headers.insert("content-md5", content_md5(BODY));
    let error = verifier().verify(&head, BODY).unwrap_err();
    assert_eq!(error, VerifyError::OtherContent { body: BodyCheck::Intact });
    assert!(error.to_string().contains("look at the target"), "{error}");
}

#[test]
fn a_wrong_content_md5_beside_a_good_signature_does_not_matter() {
    verifier().verify(&with("content-md5", "AAAA"), BODY).unwrap();
}

fn content_md5(body: &[u8]) -> http::HeaderValue {
    use md5::Digest as _;
    STANDARD.encode(md5::Md5::digest(body)).parse().unwrap()
}

#[test]
fn a_body_longer_than_the_limit() {
    let long = vec![b'a'; 65_537];
    let refused = VerifyError::BodyTooLarge { limit: 65_536 };
    // Told by the header alone, before a byte is read.
    assert_eq!(verifier().begin(&with("content-length", "65537")).unwrap_err(), refused);
    assert_eq!(verifier().begin(&with("content-length", "18446744073709551615")).unwrap_err(), refused);
    let unsized_verifier = verifier().allow_missing_content_length(true);
    let head_only = without("content-length");
    assert_eq!(unsized_verifier.verify(&head_only, &long).unwrap_err(), refused);
    assert_eq!(unsized_verifier.begin(&head_only).unwrap().finish(long.clone().into()).unwrap_err(), refused);
    assert_eq!(refused.status(), 413);
    let fits = vec![b'a'; 65_536];
    verifier().verify(&head(TARGET, &fits), &fits).unwrap();
    verifier().body_limit(65_537).verify(&head(TARGET, &long), &long).unwrap();
}

#[test]
fn a_body_that_is_not_utf8_is_verified_all_the_same() {
    let body = b"a=\xff\xfe\0";
    assert_eq!(verifier().verify(&head(TARGET, body), body).unwrap().body().as_ref(), body);
}

#[test]
fn a_body_shorter_or_longer_than_declared() {
    for declared in ["16", "18", "0"] {
        let error = refusal(&with("content-length", declared));
        assert_eq!(error, VerifyError::LengthMismatch { declared: declared.parse().unwrap(), actual: 17 });
        // The same where the body is read after the head was judged.
        let head = with("content-length", declared);
        assert_eq!(verifier().begin(&head).unwrap().finish(BODY.into()).unwrap_err(), error);
    }
}

#[test]
fn a_body_of_an_unexpected_type() {
    let form_only = verifier().expect_body_type(BodyType::Form);
    for content_type in ["application/json", "text/plain", ""] {
        let error = form_only.verify(&with("content-type", content_type), BODY).unwrap_err();
        assert_eq!(error, VerifyError::BodyType, "{content_type}");
    }
    assert_eq!(form_only.verify(&good(), BODY).unwrap_err(), VerifyError::BodyType);
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    form_only.verify(&with("content-type", form), BODY).unwrap();
}

// The headers.

#[test]
fn a_request_that_is_no_post() {
    for method in ["GET", "PUT", "post", "HEAD"] {
        let mut head = good();
        head.method = method.parse().unwrap();
        assert_eq!(refusal(&head), VerifyError::Method, "{method}");
        assert_eq!(refusal(&head).status(), 405);
    }
}

#[test]
fn an_authorization_that_the_server_in_front_dropped() {
    let error = refusal(&without("authorization"));
    assert_eq!(error, VerifyError::MissingHeader { name: "authorization" });
    assert!(error.to_string().contains("drop it"), "{error}");
    assert_eq!(error.status(), 401);
}

#[test]
fn a_missing_key_url() {
    assert_eq!(
        refusal(&without("x-oss-pub-key-url")),
        VerifyError::MissingHeader { name: "x-oss-pub-key-url" }
    );
}

#[test]
fn a_missing_content_length() {
    let head = without("content-length");
    assert_eq!(refusal(&head), VerifyError::MissingHeader { name: "content-length" });
    assert_eq!(refusal(&head).status(), 411);
    verifier().allow_missing_content_length(true).verify(&head, BODY).unwrap();
}

#[test]
fn a_content_length_that_is_no_number() {
    for text in ["", "+17", "-1", "17 ", "0x11", "17,17", "1e1", "99999999999999999999"] {
        assert_eq!(refusal(&with("content-length", text)), VerifyError::ContentLength, "{text:?}");
    }
}

#[test]
fn a_header_given_twice() {
    for (name, value) in [
        ("authorization", authorization(TARGET, BODY)),
        ("authorization", "AAAA".to_owned()),
        ("x-oss-pub-key-url", STANDARD.encode(KEY_URL)),
        ("content-length", "17".to_owned()),
    ] {
        assert_eq!(refusal(&twice(name, &value)), VerifyError::DuplicateHeader { name });
    }
    for name in ["content-type", "content-md5"] {
        let mut head = twice(name, "a/b");
        head.headers.append(name, "a/b".parse().unwrap());
        assert_eq!(refusal(&head), VerifyError::DuplicateHeader { name });
    }
}

#[test]
fn an_authorization_with_a_scheme_word() {
    for scheme in ["OSS", "Bearer", "OSS4-HMAC-SHA256"] {
        let text = format!("{scheme} {}", authorization(TARGET, BODY));
        assert_eq!(refusal(&with("authorization", &text)), VerifyError::AuthorizationScheme);
    }
}

#[test]
fn a_signature_that_is_not_canonical_base64() {
    let good = authorization(TARGET, BODY);
    // The last character before the padding has four bits that must be zero.
    let mut loose: Vec<char> = good.chars().collect();
    let last = loose[85];
    loose[85] = char::from_u32(u32::from(last) + 1).unwrap();
    for text in [
        loose.into_iter().collect::<String>(),
        good.trim_end_matches('=').to_owned(),
        good.replace("==", "="),
        format!("{good}=="),
        good.replacen(|c: char| c.is_ascii_alphanumeric(), "-", 1),
        "A".repeat(100_000),
        "%".to_owned(),
    ] {
        assert_eq!(refusal(&with("authorization", &text)), VerifyError::SignatureEncoding, "{text:.90}");
    }
}

#[test]
fn a_signature_of_another_length() {
    for length in [0, 1, 63, 65, 128, 512] {
        let text = STANDARD.encode(vec![1; length]);
        let error = refusal(&with("authorization", &text));
        assert_eq!(error, VerifyError::SignatureLength { expected: 64, actual: length });
    }
}

#[test]
fn unsigned_headers_are_kept_apart() {
    let mut head = with("x-oss-bucket", "someone-elses");
    head.headers.insert("x-oss-request-id", "5CF3E7821AB22D0FDB86704D".parse().unwrap());
    let verified = verifier().verify(&head, BODY).unwrap();
    assert_eq!(verified.unsigned().bucket(), Some("someone-elses"));
    assert_eq!(verified.unsigned().request_id(), Some("5CF3E7821AB22D0FDB86704D"));
    assert_eq!(verified.unsigned().owner(), None);
    let signed: std::collections::BTreeMap<String, String> = verified.form().unwrap();
    assert_eq!(signed["bucket"], "b");
}

// The signature itself.

#[test]
fn a_signature_that_is_not_below_the_modulus() {
    for bytes in [[0xff; 64], [0xb9; 64].map(|b| b | 0x40)] {
        let error = refusal(&with("authorization", &STANDARD.encode(bytes)));
        assert_eq!(error, VerifyError::ForeignSignature { body: BodyCheck::Unknown });
    }
}

#[test]
fn a_second_spelling_of_a_signature() {
    // The number plus the modulus is the same number to the modulus; it fits 64 bytes for some signatures.
    let (body, signature) = (0..100_u32)
        .find_map(|n| {
            let body = n.to_string();
            let sum = plus_modulus(sign(&string_to_sign(TARGET, body.as_bytes())))?;
            Some((body, sum))
        })
        .unwrap();
    let mut head = head(TARGET, body.as_bytes());
    verifier().verify(&head, body.as_bytes()).unwrap();
    head.headers.insert("authorization", STANDARD.encode(signature).parse().unwrap());
    let error = verifier().verify(&head, body.as_bytes()).unwrap_err();
    assert_eq!(error, VerifyError::ForeignSignature { body: BodyCheck::Unknown });
}

#[test]
fn trivial_signatures() {
    for last in [0, 1, 2] {
        let mut bytes = [0; 64];
        bytes[63] = last;
        let error = refusal(&with("authorization", &STANDARD.encode(bytes)));
        assert_eq!(error, VerifyError::ForeignSignature { body: BodyCheck::Unknown });
    }
}

#[test]
fn a_padding_that_a_lenient_parser_would_take() {
    use md5::Digest as _;
    let digest: [u8; 16] = md5::Md5::digest(string_to_sign(TARGET, BODY)).into();
    let info = b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10";
    // Digest not at the end, with garbage behind it: Bleichenbacher's forgery of 2006.
    let early =
        [b"\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\x00".as_slice(), info, &digest, &[7; 19]].concat();
    // Block type 2, zero padding, no DigestInfo, and DigestInfo without its NULL.
    let typed = [[0, 2].as_slice(), &[0xff; 27], &[0], info, &digest].concat();
    let zeros = [[0, 1].as_slice(), &[0; 27], &[0], info, &digest].concat();
    let unprefixed = [[0, 1].as_slice(), &[0xff; 45], &[0], &digest].concat();
    let short_info = b"\x30\x1e\x30\x0a\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x04\x10";
    let no_null = [[0, 1].as_slice(), &[0xff; 29], &[0], short_info, &digest].concat();
    for message in [early, typed, zeros, unprefixed, no_null] {
        let signature = raw_sign(&<[u8; 64]>::try_from(message).unwrap());
        let error = refusal(&with("authorization", &STANDARD.encode(signature)));
        assert_eq!(error, VerifyError::ForeignSignature { body: BodyCheck::Unknown });
    }
}

#[test]
fn an_encoded_message_that_differs_in_one_bit() {
    use md5::Digest as _;
    let digest: [u8; 16] = md5::Md5::digest(string_to_sign(TARGET, BODY)).into();
    let info = b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10";
    let message = [[0, 1].as_slice(), &[0xff; 27], &[0], info, &digest].concat();
    let message = <[u8; 64]>::try_from(message).unwrap();
    let presented = |message: &[u8; 64]| with("authorization", &STANDARD.encode(raw_sign(message)));
    verifier().verify(&presented(&message), BODY).unwrap();
    // The first bit is left out: with it the message would not be below the modulus.
    for bit in 1..512 {
        let mut altered = message;
        altered[bit / 8] ^= 0x80 >> (bit % 8);
        let body = BodyCheck::Unknown;
        let expected = if bit < 384 {
            VerifyError::ForeignSignature { body }
        } else {
            VerifyError::OtherContent { body }
        };
        assert_eq!(refusal(&presented(&altered)), expected, "{bit}");
    }
}

#[test]
fn a_text_that_was_hashed_twice() {
    use md5::Digest as _;
    let once = md5::Md5::digest(string_to_sign(TARGET, BODY));
    let head = with("authorization", &STANDARD.encode(sign(&once)));
    assert_eq!(refusal(&head), VerifyError::OtherContent { body: BodyCheck::Unknown });
}

#[test]
fn what_is_answered_tells_nothing_of_the_reason() {
    let answers: Vec<_> = [
        refusal(&with("x-oss-pub-key-url", &STANDARD.encode("https://evil.example/k"))),
        refusal(&with("authorization", &STANDARD.encode([1; 64]))),
        verifier().expect_target("/x").unwrap().verify(&good(), BODY).unwrap_err(),
    ]
    .iter()
    .map(|error| oss_callback::Reply::from(error).body().clone())
    .collect();
    assert!(
        answers.iter().all(|answer| answer.as_ref() == br#"{"error":"not_a_trusted_callback"}"#),
        "{answers:?}"
    );
}
