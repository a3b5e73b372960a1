//! Whatever is read, nothing panics.

use std::time::SystemTime;

use http::header::HeaderValue;
use oss_signing::{
    BucketName, Credentials, Endpoint, ObjectKey, PresignedUrl, Region, Resource, Scheme, Signer, V1Signer,
    explain,
};
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use crate::support::v4_signer;
use crate::{ACCESS_KEY_ID, BUCKET, LIFETIME, SECRET, config, verify};

proptest! {
    #![proptest_config(config())]

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
        for signer in [&V1Signer::new() as &dyn Signer, &v4_signer()] {
            let before = request.uri.clone();
            match signer.presign(&mut request, Resource::object(BUCKET, "k"), &credentials, SystemTime::UNIX_EPOCH, LIFETIME) {
                Ok(()) => drop(verify(&request, "k", SystemTime::UNIX_EPOCH, SECRET).unwrap()),
                Err(_) => prop_assert_eq!(&request.uri, &before),
            }
        }
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

fn authorizations() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,60}",
        "OSS \\PC{0,40}",
        "OSS4-HMAC-SHA256 \\PC{0,60}",
        "OSS4-HMAC-SHA256 (Credential|Signature|AdditionalHeaders|x)?=?[a-z0-9/;,= ]{0,60}",
        "OSS4-HMAC-SHA256 Credential=[a-z/]{0,12}/19700101/cn-hangzhou/oss/aliyun_v4_request,Signature=[0-9a-f]{0,65}",
    ]
}
