//! A second opinion: reqsign's OSS signer makes the same signatures, on what both do right.
//!
//! Left out, as reqsign signs it differently from the official SDKs: custom domains, untrimmed and non-ASCII header
//! values, sub-resources and `x-oss-*` parameters it does not know, and V4 headers without any additional header,
//! where it sends an empty list.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeMap;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use http::request::Parts;
use oss_signing::{
    Credentials, Endpoint, ObjectKey, Region, Resource, Signer, V1Signer, V4Signer, Verifier, explain,
};
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert_eq, prop_oneof, proptest};
use reqsign_aliyun_oss::{Credential, RequestSigner, SigningVersion};
use reqsign_core::{Context, SignRequest};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn headers_are_signed_alike(case in case()) {
        for (version, signer) in signers(&case) {
            let theirs = case.signed_by_reqsign(version, None);
            let mut ours = case.request();
            let time = date_of(&theirs);
            signer.sign(&mut ours, case.resource(), &case.credentials(), time).unwrap();
            let resource = case.resource();
            prop_assert_eq!(
                explain(&ours, resource).unwrap().signature_provided().to_owned(),
                explain(&theirs, resource).unwrap().signature_provided().to_owned()
            );
            if version == SigningVersion::V1 {
                prop_assert_eq!(&ours.headers[AUTHORIZATION], &theirs.headers[AUTHORIZATION]);
            }
            verify(&theirs, &case, time);
        }
    }

    #[test]
    fn urls_are_signed_alike(case in case(), seconds in 1_u64..604_800) {
        let lifetime = Duration::from_secs(seconds);
        for (version, signer) in signers(&case) {
            let theirs = case.signed_by_reqsign(version, Some(lifetime));
            let query: BTreeMap<String, String> = parameters(&theirs).into_iter().collect();
            let time = match query.get("Expires") {
                Some(expires) => SystemTime::UNIX_EPOCH + Duration::from_secs(expires.parse::<u64>().unwrap()) - lifetime,
                None => compact(&query["x-oss-date"]),
            };
            let mut ours = case.request();
            signer.presign(&mut ours, case.resource(), &case.credentials(), time, lifetime).unwrap();
            prop_assert_eq!(parameters(&ours), parameters(&theirs));
            verify(&theirs, &case, time);
        }
    }
}

#[derive(Debug)]
struct Case {
    key: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    token: Option<String>,
}

impl Case {
    fn request(&self) -> Parts {
        let endpoint: Endpoint = "https://oss-cn-hangzhou.aliyuncs.com".parse().unwrap();
        let (bucket, key) =
            ("examplebucket".parse().unwrap(), ObjectKey::try_from(self.key.as_str()).unwrap());
        let query: Vec<_> = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let url = endpoint.url(Some(&bucket), Some(&key), &query).unwrap();
        let mut request = http::Request::put(url).body(()).unwrap().into_parts().0;
        request.headers.insert(HOST, HeaderValue::from_static("examplebucket.oss-cn-hangzhou.aliyuncs.com"));
        for (name, value) in &self.headers {
            request.headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        request
    }

    fn signed_by_reqsign(&self, version: SigningVersion, lifetime: Option<Duration>) -> Parts {
        let mut request = self.request();
        let signer =
            RequestSigner::new("examplebucket").with_region("cn-hangzhou").with_signing_version(version);
        let credential = Credential {
            access_key_id: "LTAI5tExampleKeyId0001".to_owned(),
            access_key_secret: "secret".to_owned(),
            security_token: self.token.clone(),
            expires_in: None,
        };
        let context = Context::new();
        let mut signing = Box::pin(signer.sign_request(&context, &mut request, Some(&credential), lifetime));
        let Poll::Ready(result) = signing.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) else {
            panic!("signing waits for nothing");
        };
        result.unwrap();
        drop(signing);
        request
    }

    fn credentials(&self) -> Credentials {
        Credentials::new("LTAI5tExampleKeyId0001", "secret")
            .with_security_token(self.token.clone().unwrap_or_default())
    }

    fn resource(&self) -> Resource<'_> {
        Resource::object("examplebucket", &self.key)
    }
}

/// reqsign signs every header of a V4 request, so ours is told to.
fn signers(case: &Case) -> [(SigningVersion, Box<dyn Signer>); 2] {
    let headers: Vec<HeaderName> = case.request().headers.keys().cloned().collect();
    let v4 = V4Signer::new(region()).with_additional_headers(headers);
    [(SigningVersion::V1, Box::new(V1Signer::new())), (SigningVersion::V4, Box::new(v4))]
}

fn verify(request: &Parts, case: &Case, now: SystemTime) {
    let verifier = Verifier::new(region());
    verifier.verify(request, case.resource(), now, &|_| Some("secret".to_owned())).unwrap();
}

fn date_of(request: &Parts) -> SystemTime {
    match request.headers.get("x-oss-date") {
        Some(date) => compact(date.to_str().unwrap()),
        None => {
            let date = request.headers["date"].to_str().unwrap();
            let date = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", date).unwrap();
            date.to_datetime().unwrap().to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().into()
        }
    }
}

fn compact(date: &str) -> SystemTime {
    let date = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", date).unwrap();
    date.to_datetime().unwrap().to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().into()
}

fn parameters(request: &Parts) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.to_owned())
    };
    let mut pairs: Vec<_> = request.uri.query().unwrap().split('&').map(pair).collect();
    pairs.sort();
    pairs
}

fn case() -> impl Strategy<Value = Case> {
    let text = "[a-zA-Z0-9 %&=?#/:;@!*'(),~_.äöü文件😀-]{1,24}";
    let query = proptest::collection::btree_map(
        "acl|uploads|uploadId|partNumber|callback|callback-var|response-content-type|versionId|prefix|max-keys",
        prop_oneof![Just(String::new()), text, "[A-Za-z0-9/=]{1,24}"],
        0..5,
    );
    let headers = proptest::collection::btree_map(
        "x-oss-(meta-[a-z]{1,5}|callback|object-acl)|content-type|content-md5|range|cache-control",
        "[!-~]([ -~]{0,20}[!-~])?",
        0..6,
    );
    let token = proptest::option::of("[A-Za-z0-9+/=]{1,40}");
    (text, query, headers, token).prop_map(|(key, query, headers, token)| Case {
        key: format!("k{key}"),
        query,
        headers,
        token,
    })
}

fn region() -> Region {
    "cn-hangzhou".parse().unwrap()
}
