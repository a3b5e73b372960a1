//! What is wrong with a signature in a URL.

use std::time::Duration;

use oss_signing::VerifyError;

use crate::support::{now, request, signers, v4_signer};
use crate::{check, presigned, verify};

#[test]
fn a_url_has_a_last_second() {
    for (signer, ec) in signers().into_iter().zip(["0002-00000069", "0002-00000236"]) {
        let request = presigned(&*signer);
        verify(&request, now() + Duration::from_secs(60)).unwrap();
        let error = verify(&request, now() + Duration::from_millis(60_001)).unwrap_err();
        check(&error, 403, "AccessDenied", Some(ec));
        assert!(
            matches!(error, VerifyError::Expired { expired_at, .. } if expired_at == now() + Duration::from_secs(60))
        );
    }
    // Only V4 says when a URL was signed.
    let request = presigned(&v4_signer());
    verify(&request, now() - Duration::from_secs(900)).unwrap();
    let error = verify(&request, now() - Duration::from_secs(901)).unwrap_err();
    check(&error, 403, "AccessDenied", Some("0002-00000235"));
}

#[test]
fn incomplete_urls_are_refused() {
    for (url, status, code, ec) in [
        ("/k?OSSAccessKeyId=id&Signature=a", 403, "AccessDenied", "0002-00000067"),
        ("/k?OSSAccessKeyId=id&Expires=&Signature=a", 400, "InvalidArgument", "0002-00000068"),
        ("/k?OSSAccessKeyId=id&Expires=x&Signature=a", 400, "InvalidArgument", "0002-00000070"),
        (
            "/k?OSSAccessKeyId=id&Expires=99999999999999999999&Signature=a",
            400,
            "InvalidArgument",
            "0002-00000070",
        ),
        ("/k?Expires=1734060188&Signature=a", 403, "AccessDenied", "0002-00000071"),
        ("/k?OSSAccessKeyId=&Expires=1734060188&Signature=a", 400, "InvalidArgument", "0002-00000072"),
        ("/k?OSSAccessKeyId=id&Expires=1734060188", 403, "AccessDenied", "0002-00000074"),
    ] {
        check(&verify(&request(url), now()).unwrap_err(), status, code, Some(ec));
    }
    let complete = presigned(&v4_signer()).uri.to_string();
    for (from, to, ec) in [
        ("&x-oss-expires=60", "", Some("0002-00000215")),
        ("x-oss-expires=60", "x-oss-expires=", Some("0002-00000216")),
        ("x-oss-expires=60", "x-oss-expires=0", Some("0002-00000232")),
        ("x-oss-expires=60", "x-oss-expires=604801", Some("0002-00000232")),
        ("x-oss-expires=60", "x-oss-expires=%2B60", Some("0002-00000232")),
        ("x-oss-signature=", "x-oss-other=", Some("0002-00000219")),
        ("x-oss-credential=id", "x-oss-credential=&x=id", Some("0002-00000218")),
        ("aliyun_v4_request", "abc", Some("0002-00000224")),
        ("20241213%2F", "20241214%2F", Some("0002-00000223")),
        ("cn-hangzhou", "oss-cn-hangzhou", Some("0002-00000226")),
        ("&x-oss-date", "&x-oss-additional-headers&x-oss-date", Some("0002-00000076")),
        ("&x-oss-date", "&a=1&a=2&x-oss-date", None),
    ] {
        let url = complete.replacen(from, to, 1);
        assert_ne!(url, complete);
        check(&verify(&request(&url), now()).unwrap_err(), 400, "InvalidArgument", ec);
    }
}
