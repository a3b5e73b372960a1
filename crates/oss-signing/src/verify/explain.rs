use std::fmt;

use http::request::Parts;

use crate::resource::Resource;

use super::{Scheme, VerifyError, lossy, v1, v4};

/// Shows what the signature of a request covers, without a secret and without looking at the time.
///
/// This is the way to find out why OSS answers `SignatureDoesNotMatch`: explain the signed request and compare with
/// the `<StringToSign>` and `<CanonicalRequest>` of the answer, line by line.
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// # use oss_signing::{Credentials, Resource, Signer, V1Signer, explain};
/// # let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_734_060_187);
/// # let (mut request, ()) = http::Request::get("https://b.example/hello?acl").body(())?.into_parts();
/// let resource = Resource::object("examplebucket", "hello");
/// V1Signer::new().sign(&mut request, resource, &Credentials::new("id", "secret"), now)?;
/// let explanation = explain(&request, resource)?;
/// assert_eq!(
///     explanation.string_to_sign(),
///     "GET\n\n\nFri, 13 Dec 2024 03:23:07 GMT\n/examplebucket/hello?acl"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`VerifyError`] when the request is not signed or its signature cannot be read.
pub fn explain(request: &Parts, resource: Resource<'_>) -> Result<Explanation, VerifyError> {
    let v4 = |claim: v4::Claim<'_>| Ok(claim.explain(claim.rebuild(resource)?));
    let v1 = |claim: v1::Claim<'_>| Ok(claim.explain(claim.rebuild(resource)?));
    match Scheme::identify(request)? {
        Some(Scheme::V4Header) => v4(v4::Claim::from_headers(request)?),
        Some(Scheme::V4Query) => v4(v4::Claim::from_query(request)?),
        Some(Scheme::V1Header) => v1(v1::Claim::from_headers(request)?),
        Some(Scheme::V1Query) => v1(v1::Claim::from_query(request)?),
        Some(Scheme::V1Post | Scheme::V4Post) | None => Err(VerifyError::NotSigned),
    }
}

/// What a signature covers, as the verifier sees it, and the signature that was sent.
///
/// It holds no secret, but what is signed may hold an STS token, and the signature may still be valid: `Debug` shows
/// neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Explanation {
    pub(super) scheme: Scheme,
    access_key_id: String,
    signature_provided: String,
    string_to_sign: Vec<u8>,
    string_to_sign_text: String,
    canonical_request: Option<String>,
}

impl Explanation {
    pub(super) fn new(
        scheme: Scheme,
        access_key_id: &str,
        signature: &[u8],
        string_to_sign: Vec<u8>,
    ) -> Self {
        Self {
            scheme,
            access_key_id: access_key_id.to_owned(),
            signature_provided: lossy(signature),
            string_to_sign_text: lossy(&string_to_sign),
            string_to_sign,
            canonical_request: None,
        }
    }

    pub(super) fn with_canonical_request(mut self, canonical_request: &[u8]) -> Self {
        self.canonical_request = Some(lossy(canonical_request));
        self
    }

    /// How the request is signed.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Who claims to have signed, as in `<OSSAccessKeyId>`.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The signature that was sent, as in `<SignatureProvided>`.
    pub fn signature_provided(&self) -> &str {
        &self.signature_provided
    }

    /// What is signed, as in `<StringToSign>`; bytes that are not UTF-8 are replaced.
    pub fn string_to_sign(&self) -> &str {
        &self.string_to_sign_text
    }

    /// The exact bytes that are signed.
    pub fn raw_string_to_sign(&self) -> &[u8] {
        &self.string_to_sign
    }

    /// The same in the notation of `<StringToSignBytes>`: upper-case hexadecimal pairs, each followed by a space.
    pub fn string_to_sign_bytes(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        self.string_to_sign.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15), ' ']).collect()
    }

    /// The canonical request of V4, as in `<CanonicalRequest>`; bytes that are not UTF-8 are replaced.
    pub fn canonical_request(&self) -> Option<&str> {
        self.canonical_request.as_deref()
    }
}

impl fmt::Debug for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explanation")
            .field("scheme", &self.scheme)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}
