//! Each reason for refusing a request, with the status, code and EC that OSS documents for it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

#[path = "../support/mod.rs"]
mod support;

mod forms;
mod headers;
mod secrets;
mod urls;

use std::time::{Duration, SystemTime};

use http::request::Parts;
use oss_signing::{BucketName, PostPolicy, Signer, Verified, VerifiedPost, VerifyError};

use crate::support::{RESOURCE, credentials, now, request, secret_for, verifier};

const V4: &str = "OSS4-HMAC-SHA256 Credential=id/20241213/cn-hangzhou/oss/aliyun_v4_request,Signature=00";

fn check(error: &VerifyError, status: u16, code: &str, ec: Option<&str>) {
    assert_eq!((error.status().as_u16(), error.code(), error.ec()), (status, code, ec), "{error:?}");
    assert!(!error.to_string().is_empty());
}

fn verify(request: &Parts, now: SystemTime) -> Result<Verified, VerifyError> {
    verifier().verify(request, RESOURCE, now, &secret_for)
}

fn verify_post(form: &[(&str, &str)], now: SystemTime) -> Result<VerifiedPost, VerifyError> {
    verifier().verify_post(form, "examplebucket", now, &secret_for)
}

fn signed(signer: &dyn Signer) -> Parts {
    let mut request = request("/k");
    signer.sign(&mut request, RESOURCE, &credentials(), now()).unwrap();
    request
}

fn presigned(signer: &dyn Signer) -> Parts {
    let mut request = request("/k");
    signer.presign(&mut request, RESOURCE, &credentials(), now(), Duration::from_secs(60)).unwrap();
    request
}

fn policy() -> PostPolicy {
    let bucket: BucketName = "examplebucket".parse().unwrap();
    PostPolicy::new(&bucket, now() + Duration::from_secs(600))
        .starts_with("key", "u/")
        .not_in("content-type", ["text/html"])
        .content_length_range(0..=1024)
        .content_length_range(1..=4096)
        .field("callback", "Y2FsbGJhY2s=")
}
