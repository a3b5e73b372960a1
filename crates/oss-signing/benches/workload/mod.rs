//! What every bench measures: a PutObject with six headers, and the least that signing it can cost.

use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use http::header::{HeaderMap, HeaderValue};
use http::request::Parts;
use oss_signing::{
    Credentials, Product, Region, Resource, Signer, SigningKey, V1Signer, V4Signer, Verified, Verifier,
    VerifyError, explain,
};
use reqsign_aliyun_oss::{Credential, RequestSigner, SigningVersion};
use reqsign_core::{Context, SignRequest};
use sha1::Sha1;
use sha2::{Digest, Sha256};

const SECRET: &str = "exampleSecretKey/With+Chars=01";
const RESOURCE: Resource<'_> = Resource::object("examplebucket", "photos/2024/image.jpg");
const LIFETIME: Duration = Duration::from_secs(900);

pub(crate) struct Workload {
    request: Parts,
    pub(crate) v1: V1Signer,
    pub(crate) v4: V4Signer,
    verifier: Verifier,
    credentials: Credentials,
    reqsign_context: Context,
    reqsign_credential: Credential,
}

impl Workload {
    pub(crate) fn new() -> Self {
        let region: Region = "cn-hangzhou".parse().unwrap();
        let credentials = Credentials::new("LTAI5tExampleKeyId0001", SECRET);
        let reqsign_credential = Credential {
            access_key_id: credentials.access_key_id().to_owned(),
            access_key_secret: SECRET.to_owned(),
            ..Credential::default()
        };
        Self {
            request: request(),
            v1: V1Signer::new(),
            v4: V4Signer::new(region.clone()),
            verifier: Verifier::new(region),
            credentials,
            reqsign_context: Context::new(),
            reqsign_credential,
        }
    }

    /// The request in a header map that is full.
    pub(crate) fn full(&self) -> Parts {
        self.request.clone()
    }

    /// The same in a header map with room for the headers of a signature. A map without room has to grow while the
    /// request is signed, which is the cost of how the request was built.
    pub(crate) fn request_with_room(&self) -> Parts {
        let mut request = self.request.clone();
        let mut headers = HeaderMap::with_capacity(12);
        headers.extend(std::mem::take(&mut request.headers));
        request.headers = headers;
        request
    }

    pub(crate) fn sign(&self, signer: &dyn Signer, request: &mut Parts) {
        signer.sign(request, RESOURCE, &self.credentials, now()).unwrap();
    }

    pub(crate) fn presign(&self, signer: &dyn Signer, request: &mut Parts) {
        signer.presign(request, RESOURCE, &self.credentials, now(), LIFETIME).unwrap();
    }

    pub(crate) fn signed(&self, signer: &dyn Signer) -> Parts {
        let mut request = self.request.clone();
        self.sign(signer, &mut request);
        request
    }

    pub(crate) fn verify(&self, request: &Parts) -> Result<Verified, VerifyError> {
        self.verifier.verify(request, RESOURCE, now(), &|_| Some(SECRET.to_owned()))
    }

    /// The least V1 can cost: one HMAC-SHA1 of the string to sign.
    pub(crate) fn v1_limit(&self) -> impl Fn() -> [u8; 20] + use<> {
        let explanation = explain(&self.signed(&self.v1), RESOURCE).unwrap();
        let message = explanation.raw_string_to_sign().to_vec();
        move || {
            let mut mac = Hmac::<Sha1>::new_from_slice(std::hint::black_box(SECRET).as_bytes()).unwrap();
            mac.update(std::hint::black_box(&message));
            mac.finalize().into_bytes().into()
        }
    }

    /// The least V4 can cost: one SHA-256 of the canonical request and one HMAC-SHA256 with a ready key.
    pub(crate) fn v4_limit(&self) -> impl Fn() -> [u8; 32] + use<> {
        let explanation = explain(&self.signed(&self.v4), RESOURCE).unwrap();
        let canonical = explanation.canonical_request().unwrap().as_bytes().to_vec();
        let message = explanation.raw_string_to_sign().to_vec();
        let region: Region = "cn-hangzhou".parse().unwrap();
        let key = SigningKey::derive(SECRET, now(), &region, Product::Oss).unwrap();
        let ready = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        move || {
            std::hint::black_box(Sha256::digest(std::hint::black_box(&canonical)));
            let mut mac = ready.clone();
            mac.update(std::hint::black_box(&message));
            mac.finalize().into_bytes().into()
        }
    }

    pub(crate) fn sign_with_reqsign(&self, signer: &RequestSigner, request: &mut Parts, presign: bool) {
        let lifetime = presign.then_some(LIFETIME);
        let signing =
            signer.sign_request(&self.reqsign_context, request, Some(&self.reqsign_credential), lifetime);
        let mut signing = std::pin::pin!(signing);
        match signing.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
            Poll::Ready(result) => result.unwrap(),
            Poll::Pending => unreachable!("reqsign waits for nothing"),
        }
    }
}

pub(crate) fn reqsign(version: SigningVersion) -> RequestSigner {
    RequestSigner::new("examplebucket").with_region("cn-hangzhou").with_signing_version(version)
}

fn request() -> Parts {
    let url = "https://examplebucket.oss-cn-hangzhou.aliyuncs.com/photos/2024/image.jpg";
    let mut request = http::Request::put(url).body(()).unwrap().into_parts().0;
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("content-length", "1048576"),
        ("content-md5", "ICy5YqxZB1uWSwcVLSNLcA=="),
        ("cache-control", "max-age=3600"),
        ("x-oss-storage-class", "Standard"),
        ("x-oss-meta-author", "alice"),
    ] {
        request.headers.insert(name, HeaderValue::from_static(value));
    }
    request
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_734_060_187)
}
