//! What the tests sign: one request for one object, by one key, at one time.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::time::{Duration, SystemTime};

use http::request::Parts;
use oss_signing::{Credentials, Region, Resource, Signer, V1Signer, V4Signer, Verifier};

pub(crate) const RESOURCE: Resource<'_> = Resource::object("examplebucket", "k");

/// V1 and V4, in this order.
pub(crate) fn signers() -> [Box<dyn Signer>; 2] {
    [Box::new(V1Signer::new()), Box::new(v4_signer())]
}

pub(crate) fn v4_signer() -> V4Signer {
    V4Signer::new(region())
}

pub(crate) fn verifier() -> Verifier {
    Verifier::new(region())
}

pub(crate) fn secret_for(id: &str) -> Option<String> {
    (id == "id").then(|| "secret".to_owned())
}

pub(crate) fn region() -> Region {
    "cn-hangzhou".parse().unwrap()
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new("id", "secret")
}

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_734_060_187)
}

pub(crate) fn request(url: &str) -> Parts {
    http::Request::put(url).body(()).unwrap().into_parts().0
}
