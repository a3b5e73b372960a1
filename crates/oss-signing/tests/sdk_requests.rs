//! Requests of official SDKs in five languages, as they were on the wire: each verifies, and no change goes unseen.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use oss_signing::{Region, Resource, Scheme, Verified, Verifier, VerifyError, explain};
use serde_json::Value;

#[test]
fn every_captured_request_verifies() {
    let capture = capture();
    let mut schemes = BTreeMap::new();
    for request in requests(&capture) {
        let verified =
            request.verify("testsecret").unwrap_or_else(|error| panic!("{}: {error:?}", request.label));
        assert_eq!(verified.access_key_id(), "testid", "{}", request.label);
        *schemes.entry(format!("{:?}", verified.scheme())).or_insert(0) += 1;
    }
    println!("{schemes:?}");
    for scheme in [Scheme::V1Header, Scheme::V1Query, Scheme::V4Header, Scheme::V4Query] {
        assert!(schemes.contains_key(&format!("{scheme:?}")), "the capture has no {scheme:?}");
    }
}

#[test]
fn another_secret_is_refused_with_the_string_to_sign() {
    for request in requests(&capture()) {
        let error = request.verify("testsecreT").unwrap_err();
        assert_eq!(
            (error.code(), error.status().as_u16()),
            ("SignatureDoesNotMatch", 403),
            "{}",
            request.label
        );
        let explanation = explain(&request.parts, request.resource()).unwrap();
        assert_eq!(error.explanation(), Some(&explanation), "{}", request.label);
    }
}

#[test]
fn a_changed_header_query_method_or_key_is_refused() {
    for request in requests(&capture()) {
        let mut other = request.clone();
        other.parts.method = http::Method::PATCH;
        assert_refused(&other);

        let mut other = request.clone();
        other.key = Some(format!("{}x", request.key.as_deref().unwrap_or_default()));
        assert_refused(&other);

        let mut other = request.clone();
        other.parts.headers.insert("x-oss-object-acl", HeaderValue::from_static("public-read"));
        assert_refused(&other);

        let separator = if request.parts.uri.query().is_some() { '&' } else { '?' };
        let mut other = request.clone();
        other.parts.uri = format!("{}{separator}acl", request.parts.uri).parse().unwrap();
        assert_refused(&other);
    }
}

fn assert_refused(request: &Request) {
    let error = request.verify("testsecret").unwrap_err();
    assert_eq!(error.code(), "SignatureDoesNotMatch", "{}: {error:?}", request.label);
}

#[derive(Clone)]
struct Request {
    label: String,
    parts: Parts,
    key: Option<String>,
}

impl Request {
    fn verify(&self, secret: &str) -> Result<Verified, VerifyError> {
        let region: Region = "cn-hangzhou".parse().unwrap();
        Verifier::new(region).verify(&self.parts, self.resource(), self.time(), &|_| Some(secret.to_owned()))
    }

    fn resource(&self) -> Resource<'_> {
        match &self.key {
            Some(key) => Resource::object("examplebucket", key),
            None => Resource::bucket("examplebucket"),
        }
    }

    /// All captures are of one hour.
    fn time(&self) -> SystemTime {
        let compact = "2026-11-22T06:47:00Z".parse::<jiff::Timestamp>().unwrap();
        SystemTime::from(compact) + Duration::from_secs(30)
    }
}

fn capture() -> Value {
    serde_json::from_str(include_str!("vectors/sdk_requests.json")).unwrap()
}

fn requests(capture: &Value) -> Vec<Request> {
    capture["requests"].as_array().unwrap().iter().map(read).collect()
}

fn read(request: &Value) -> Request {
    let text = |field: &str| request[field].as_str().unwrap();
    let builder = http::Request::builder().method(text("method")).uri(text("target"));
    let (mut parts, ()) = builder.body(()).unwrap().into_parts();
    for header in request["headers"].as_array().unwrap() {
        let name = HeaderName::from_bytes(header[0].as_str().unwrap().as_bytes()).unwrap();
        parts.headers.append(name, HeaderValue::from_bytes(header[1].as_str().unwrap().as_bytes()).unwrap());
    }
    let label = format!("{} / {} / {} {}", text("client"), text("scenario"), text("method"), text("target"));
    Request { label, parts, key: request["key"].as_str().map(str::to_owned) }
}
