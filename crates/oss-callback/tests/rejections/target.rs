//! The target: path and query.

use oss_callback::{BodyCheck, ExternalTarget, TargetError, VerifyError, string_to_sign};

use crate::support::{head, verifier};
use crate::{BODY, good, target_refusal};

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
