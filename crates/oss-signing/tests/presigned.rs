//! Presigned URLs in the hands of others: what they bind, what they say about themselves, and what they never show.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

mod support;

use std::time::Duration;

use http::header::{HeaderValue, IF_MATCH};
use http::request::Parts;
use http::{Method, Uri};
use oss_signing::{Endpoint, PresignedUrl, Scheme, SignError, Signer, V1Signer, VerifyError};

use crate::support::{RESOURCE, credentials, now, secret_for, v4_signer, verifier};

const LIFETIME: Duration = Duration::from_secs(600);
/// Base64 whose every special character would be lost by a careless encoder.
const CALLBACK: &str = "eyJhIjoi+/9+In0=";
const CALLBACK_VAR: &str = "eyJ4OmEiOiI/Pz8ifQ==";

#[test]
fn a_callback_in_the_query_can_be_neither_dropped_nor_changed() {
    for (signer, scheme) in signers() {
        let mut head = put(&[("callback", CALLBACK), ("callback-var", CALLBACK_VAR)]);
        head.headers.insert("content-type", HeaderValue::from_static("image/jpeg"));
        signer.presign(&mut head, RESOURCE, &credentials(), now(), LIFETIME).unwrap();
        assert_eq!(verify(&head).unwrap(), scheme);

        let url = head.uri.to_string();
        for (from, to) in [
            ("callback=eyJhIjoi%2B%2F9%2BIn0%3D&", ""),
            ("&callback-var=eyJ4OmEiOiI%2FPz8ifQ%3D%3D", ""),
            ("callback=eyJh", "callback=eyJi"),
            ("callback-var=eyJ4", "callback-var=eyJ5"),
            ("callback=", "x=1&callback-va="),
        ] {
            let changed = url.replacen(from, to, 1);
            assert_ne!(changed, url, "{from}");
            let mut head = head.clone();
            head.uri = changed.parse().unwrap();
            assert_eq!(verify(&head).unwrap_err().code(), "SignatureDoesNotMatch", "{from}");
        }
        for header in ["x-oss-callback", "x-oss-callback-var", "x-oss-object-acl"] {
            let mut head = head.clone();
            head.headers.insert(header, HeaderValue::from_static("added"));
            assert_eq!(verify(&head).unwrap_err().code(), "SignatureDoesNotMatch", "{header}");
        }
        head.headers.remove("content-type");
        assert_eq!(verify(&head).unwrap_err().code(), "SignatureDoesNotMatch");
    }
}

#[test]
fn a_url_tells_who_signed_it_and_until_when_but_shows_no_secret() {
    let credentials = credentials().with_security_token("CAIStoken");
    for (signer, scheme) in signers() {
        let mut head = put(&[("callback", CALLBACK)]);
        head.headers.insert(IF_MATCH, HeaderValue::from_static("etag"));
        signer.presign(&mut head, RESOURCE, &credentials, now(), LIFETIME).unwrap();

        let read = PresignedUrl::read(&head.uri).unwrap();
        assert_eq!((read.scheme(), read.access_key_id()), (scheme, "id"));
        assert_eq!(read.expires_at(), now() + LIFETIME);
        assert!(read.has_security_token() && read.has_callback());
        let v4 = scheme == Scheme::V4Query;
        assert_eq!(read.signed_at(), v4.then(now));
        assert_eq!(read.additional_headers(), if v4 { &[IF_MATCH][..] } else { &[] });

        let query = head.uri.query().unwrap();
        let signature = query.split('&').find_map(|pair| {
            pair.strip_prefix("Signature=").or_else(|| pair.strip_prefix("x-oss-signature="))
        });
        let shown = format!("{read:?}");
        assert!(!shown.contains("CAIStoken") && !shown.contains(&signature.unwrap()[..8]), "{shown}");

        let plain = put(&[]);
        assert_eq!(PresignedUrl::read(&plain.uri), Err(VerifyError::NotSigned));
        let mut plain = plain;
        signer.presign(&mut plain, RESOURCE, &self::credentials(), now(), LIFETIME).unwrap();
        let read = PresignedUrl::read(&plain.uri).unwrap();
        assert!(!read.has_security_token() && !read.has_callback() && read.additional_headers().is_empty());
    }
}

#[test]
fn a_url_that_no_server_could_read_is_refused_for_its_reason() {
    let (signer, _) = &signers()[1];
    let mut head = put(&[]);
    signer.presign(&mut head, RESOURCE, &credentials(), now(), LIFETIME).unwrap();
    for (from, to, ec) in [
        ("x-oss-expires=600", "x-oss-expires=0", Some("0002-00000232")),
        ("aliyun_v4_request", "aws4_request", Some("0002-00000224")),
        ("&x-oss-date", "&x-oss-additional-headers=Host&x-oss-date", Some("0002-00000076")),
        ("x-oss-signature=", "x=", Some("0002-00000219")),
        ("x-oss-credential=id", "x-oss-credential=%FF", None),
    ] {
        let url: Uri = head.uri.to_string().replacen(from, to, 1).parse().unwrap();
        assert_eq!(PresignedUrl::read(&url).unwrap_err().ec(), ec, "{to}");
    }
    let url = "/k?OSSAccessKeyId=id&Expires=soon&Signature=a".parse().unwrap();
    assert_eq!(PresignedUrl::read(&url).unwrap_err().ec(), Some("0002-00000070"));
}

#[test]
fn presigning_replaces_the_signature_of_either_version() {
    let old = credentials().with_security_token("old");
    for (first, _) in signers() {
        for (second, scheme) in signers() {
            let mut head = put(&[("callback", CALLBACK)]);
            let mut at_once = head.clone();
            first.presign(&mut head, RESOURCE, &old, now() - LIFETIME, LIFETIME).unwrap();
            second.presign(&mut head, RESOURCE, &credentials(), now(), LIFETIME).unwrap();
            second.presign(&mut at_once, RESOURCE, &credentials(), now(), LIFETIME).unwrap();
            assert_eq!(head.uri, at_once.uri);
            assert_eq!(verify(&head).unwrap(), scheme);
        }
    }
}

#[test]
fn an_old_signature_is_found_however_its_name_is_written() {
    for (signer, _) in signers() {
        let mut head = put(&[("callback", CALLBACK)]);
        let mut at_once = head.clone();
        head.uri = format!("{}&x%2Doss%2dsignature=00&%53ignature=00", head.uri).parse().unwrap();
        signer.presign(&mut head, RESOURCE, &credentials(), now(), LIFETIME).unwrap();
        signer.presign(&mut at_once, RESOURCE, &credentials(), now(), LIFETIME).unwrap();
        assert_eq!(head.uri, at_once.uri);
    }
}

#[test]
fn a_signed_header_that_was_left_out_is_named() {
    let (signer, _) = &signers()[1];
    let mut head = put(&[]);
    head.headers.insert(IF_MATCH, HeaderValue::from_static("etag"));
    signer.presign(&mut head, RESOURCE, &credentials(), now(), LIFETIME).unwrap();
    head.headers.clear();
    assert_eq!(verify(&head), Err(VerifyError::MissingSignedHeader { name: "if-match".to_owned() }));
}

#[test]
fn a_url_without_a_path_is_refused() {
    for (signer, _) in signers() {
        for (method, url) in [(Method::OPTIONS, "*"), (Method::CONNECT, "h.example:443")] {
            let request = http::Request::builder().method(method).uri(url).body(()).unwrap();
            let mut head = request.into_parts().0;
            let result = signer.presign(&mut head, RESOURCE, &credentials(), now(), LIFETIME);
            assert_eq!(result, Err(SignError::UrlWithoutPath));
            assert_eq!(head.uri, url);
        }
    }
}

fn put(query: &[(&str, &str)]) -> Parts {
    let endpoint: Endpoint = "https://oss-cn-hangzhou.aliyuncs.com".parse().unwrap();
    let (bucket, key) = ("examplebucket".parse().unwrap(), "k".parse().unwrap());
    let url = endpoint.url(Some(&bucket), Some(&key), query).unwrap();
    http::Request::put(url).body(()).unwrap().into_parts().0
}

fn verify(head: &Parts) -> Result<Scheme, VerifyError> {
    verifier().verify(head, RESOURCE, now(), &secret_for).map(|verified| verified.scheme())
}

fn signers() -> [(Box<dyn Signer>, Scheme); 2] {
    let v4 = v4_signer().with_additional_headers([IF_MATCH]);
    [(Box::new(V1Signer::new()), Scheme::V1Query), (Box::new(v4), Scheme::V4Query)]
}
