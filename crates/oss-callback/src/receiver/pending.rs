use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use md5::{Digest as _, Md5};

use super::error::{BodyCheck, VerifyError};
use super::headers::{self, Found, Slot};
use super::key::{MAX_BYTES as MAX_SIGNATURE_BYTES, PublicKey};
use super::keyring::MAX_URL_BYTES;
use super::modpow::SignatureFault;
use super::target::digest;
use super::verified::{Unsigned, Verified};
use super::verifier::Verifier;
use crate::BodyType;

/// A request whose head passed every check and whose body has yet to be read.
pub struct Pending<'v> {
    verifier: &'v Verifier,
    key: PublicKey,
    signature: Vec<u8>,
    target: String,
    declared: Option<u64>,
    content_type: Option<HeaderValue>,
    content_md5: Option<HeaderValue>,
    unsigned: Unsigned,
}

/// The checks of the head, cheapest first.
pub(crate) fn begin<'v>(
    verifier: &'v Verifier,
    method: &Method,
    target: String,
    all_headers: &HeaderMap,
) -> Result<Pending<'v>, VerifyError> {
    if method != Method::POST {
        return Err(VerifyError::Method);
    }
    let found = Found::in_headers(all_headers);
    let declared = content_length(verifier, found.content_length)?;
    let signature = signature(found.authorization.required(headers::AUTHORIZATION)?)?;
    check_target(verifier, &target)?;
    let content_type = found.content_type.at_most_once(headers::CONTENT_TYPE)?.cloned();
    if let Some(expected) = verifier.body_type
        && body_type(content_type.as_ref()) != Some(expected)
    {
        return Err(VerifyError::BodyType);
    }
    let content_md5 = found.content_md5.at_most_once(headers::CONTENT_MD5)?.cloned();
    // Last, because an unknown key may be worth fetching, and only for a request that is good otherwise.
    let key = key(verifier, found.key_url)?;
    let unsigned = Unsigned::new(&found);
    Ok(Pending { verifier, key, signature, target, declared, content_type, content_md5, unsigned })
}

impl Pending<'_> {
    /// The most bytes of body worth reading.
    #[must_use]
    pub fn body_limit(&self) -> usize {
        self.verifier.body_limit
    }

    /// Checks the signature over the target and `body`.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] if the body is too long, not as long as declared, or not what was signed.
    pub fn finish(self, body: Bytes) -> Result<Verified, VerifyError> {
        self.check_length(body.len())?;
        let mut outcome = self.check_signature(&self.target, &body);
        if outcome.is_err()
            && self.verifier.forgive_bare_question_mark
            && let Some(without) = without_bare_question_mark(&self.target)
        {
            outcome = self.check_signature(without, &body);
        }
        outcome.map_err(|fault| self.explain(fault, &body))?;
        Ok(Verified::new(self.target, body, self.content_type, self.unsigned))
    }

    pub(crate) fn check_length(&self, actual: usize) -> Result<(), VerifyError> {
        if actual > self.verifier.body_limit {
            return Err(VerifyError::BodyTooLarge { limit: self.verifier.body_limit });
        }
        match self.declared {
            Some(declared) if u64::try_from(actual) != Ok(declared) => {
                Err(VerifyError::LengthMismatch { declared, actual })
            }
            _ => Ok(()),
        }
    }

    fn check_signature(&self, target: &str, body: &[u8]) -> Result<(), SignatureFault> {
        self.key.verify(digest(target, body), &self.signature)
    }

    fn explain(&self, fault: SignatureFault, body: &[u8]) -> VerifyError {
        let check = match &self.content_md5 {
            None => BodyCheck::Unknown,
            Some(header) if header.as_bytes() == STANDARD.encode(Md5::digest(body)).as_bytes() => {
                BodyCheck::Intact
            }
            Some(_) => BodyCheck::Altered,
        };
        match fault {
            SignatureFault::Length { expected } => {
                VerifyError::SignatureLength { expected, actual: self.signature.len() }
            }
            SignatureFault::OtherContent => VerifyError::OtherContent { body: check },
            SignatureFault::Range | SignatureFault::Foreign => VerifyError::ForeignSignature { body: check },
        }
    }
}

impl fmt::Debug for Pending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("key", &self.key)
            .field("declared", &self.declared)
            .finish_non_exhaustive()
    }
}

fn check_target(verifier: &Verifier, target: &str) -> Result<(), VerifyError> {
    let outcome = verifier.targets.check(target);
    let outcome = match without_bare_question_mark(target).filter(|_| verifier.forgive_bare_question_mark) {
        Some(without) => outcome.or_else(|reason| verifier.targets.check(without).map_err(|_| reason)),
        None => outcome,
    };
    outcome.map_err(|reason| VerifyError::Target { reason })
}

/// The target without its empty query, if it has one.
fn without_bare_question_mark(target: &str) -> Option<&str> {
    target.strip_suffix('?').filter(|without| !without.contains('?'))
}

/// The signature in the header `Authorization`.
fn signature(header: &HeaderValue) -> Result<Vec<u8>, VerifyError> {
    let text = header.as_bytes();
    // Longer than any signature; checked before decoding, because anyone can send it.
    if text.len() <= MAX_SIGNATURE_BYTES.div_ceil(3) * 4
        && let Ok(signature) = STANDARD.decode(text)
    {
        return Ok(signature);
    }
    let with_scheme = text.contains(&b' ');
    Err(if with_scheme { VerifyError::AuthorizationScheme } else { VerifyError::SignatureEncoding })
}

fn content_length(verifier: &Verifier, slot: Slot<'_>) -> Result<Option<u64>, VerifyError> {
    let Some(header) = slot.at_most_once(headers::CONTENT_LENGTH)? else {
        return if verifier.length_required {
            Err(VerifyError::MissingHeader { name: headers::CONTENT_LENGTH })
        } else {
            Ok(None)
        };
    };
    let digits = header.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let length: u64 = digits.and_then(|text| text.parse().ok()).ok_or(VerifyError::ContentLength)?;
    if usize::try_from(length).is_ok_and(|length| length <= verifier.body_limit) {
        return Ok(Some(length));
    }
    Err(VerifyError::BodyTooLarge { limit: verifier.body_limit })
}

/// The key a request names, if it is a trusted one.
fn key(verifier: &Verifier, slot: Slot<'_>) -> Result<PublicKey, VerifyError> {
    let header = slot.required(headers::KEY_URL)?;
    if let Some(key) = verifier.keys.find(header.as_bytes()) {
        return Ok(key.clone());
    }
    let url = decode_key_url(header)?;
    verifier.find_fetched(&url).ok_or(VerifyError::UntrustedKey { url })
}

fn decode_key_url(header: &HeaderValue) -> Result<String, VerifyError> {
    // Longer than any real one; checked before decoding, because anyone can send it.
    if header.len() > MAX_URL_BYTES.div_ceil(3) * 4 {
        return Err(VerifyError::KeyUrlEncoding);
    }
    let url = STANDARD.decode(header.as_bytes()).map_err(|_| VerifyError::KeyUrlEncoding)?;
    let url = String::from_utf8(url).ok().filter(|url| url.is_ascii() && url.len() <= MAX_URL_BYTES);
    url.ok_or(VerifyError::KeyUrlEncoding)
}

/// The URL of a key that is not built in and not added.
#[cfg(feature = "key-source")]
pub(crate) fn unknown_key_url(verifier: &Verifier, all_headers: &HeaderMap) -> Option<String> {
    let header = Found::in_headers(all_headers).key_url.once()?;
    if verifier.keys.find(header.as_bytes()).is_some() {
        return None;
    }
    decode_key_url(header).ok()
}

pub(crate) fn body_type(content_type: Option<&HeaderValue>) -> Option<BodyType> {
    BodyType::from_media_type(content_type?.to_str().ok()?)
}
