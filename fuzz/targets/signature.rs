//! A signed request from a stranger, in every form a signature can have.
#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use oss_signing::{BucketName, Endpoint, ObjectKey, PresignedUrl, Resource, Verifier, explain};

fuzz_target!(|data: &[u8]| {
    let verifier = Verifier::new("cn-hangzhou".parse().expect("a region"));
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let secret = |_: &str| Some("secret".to_owned());
    if let Some(request) = oss_fuzz::request(data) {
        let (head, body) = request.into_parts();
        let resource = Resource::object("examplebucket", "key");
        let _ = verifier.verify(&head, resource, now, &secret);
        let _ = explain(&head, resource);
        let _ = PresignedUrl::read(&head.uri);
        let form = String::from_utf8_lossy(&body);
        let fields: Vec<(&str, &str)> = form.lines().filter_map(|line| line.split_once('=')).collect();
        let _ = verifier.verify_post(&fields, "examplebucket", now, &secret);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = text.parse::<Endpoint>();
    let _ = text.parse::<BucketName>();
    let _ = text.parse::<ObjectKey>();
});
