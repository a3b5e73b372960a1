//! What a V4 request claims, read from its headers or its query.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, HeaderName};
use http::request::Parts;

use crate::header::{
    CanonicalHeaders, X_OSS_CONTENT_SHA256, X_OSS_DATE, X_OSS_SECURITY_TOKEN, is_default_signed, sent_value,
    single,
};
use crate::resource::Resource;
use crate::stamp::Stamp;
use crate::v4::canonical::{CanonicalRequest, Scope, replace_by_string_to_sign};
use crate::v4::{ALGORITHM, TERMINATOR};

use super::{Mismatch, Scheme, Verified, VerifyError, lossy};

pub(super) struct Claim<'a> {
    request: &'a Parts,
    scheme: Scheme,
    pub(super) access_key_id: Cow<'a, str>,
    region: Cow<'a, str>,
    product: Cow<'a, str>,
    pub(super) stamp: Stamp,
    additional: Vec<HeaderName>,
    additional_joined: Cow<'a, [u8]>,
    pub(super) signature: Cow<'a, [u8]>,
    payload_hash: &'a [u8],
    security_token: Option<Cow<'a, [u8]>>,
}

impl<'a> Claim<'a> {
    pub(super) fn from_headers(request: &'a Parts) -> Result<Self, VerifyError> {
        let header = |name: &HeaderName| {
            single(&request.headers, name)
                .map_err(|()| VerifyError::RepeatedHeader { name: name.as_str().to_owned() })
        };
        let authorization = Authorization::read(header(&AUTHORIZATION)?.unwrap_or_default())?;
        let date = header(&X_OSS_DATE)?.ok_or(VerifyError::MissingHeader { name: "x-oss-date" })?;
        let payload_hash = header(&X_OSS_CONTENT_SHA256)?
            .ok_or(VerifyError::MissingHeader { name: "x-oss-content-sha256" })?;
        let stamp =
            Stamp::parse_compact(date).ok_or_else(|| VerifyError::MalformedDate { value: lossy(date) })?;
        let (access_key_id, region, product) = split_credential(authorization.credential, stamp)?;
        Ok(Self {
            request,
            scheme: Scheme::V4Header,
            access_key_id: Cow::Borrowed(access_key_id),
            region: Cow::Borrowed(region),
            product: Cow::Borrowed(product),
            stamp,
            additional: read_additional(authorization.additional_headers, request)?,
            additional_joined: Cow::Borrowed(authorization.additional_headers.unwrap_or_default().as_bytes()),
            signature: Cow::Borrowed(authorization.signature.as_bytes()),
            payload_hash,
            security_token: header(&X_OSS_SECURITY_TOKEN)?.map(Cow::Borrowed),
        })
    }

    pub(super) fn check_scope(&self, region: &str, product: &str) -> Result<(), VerifyError> {
        if self.region != region || self.product != product {
            return Err(VerifyError::WrongScope {
                given: format!("{}/{}", self.region, self.product),
                expected: format!("{region}/{product}"),
            });
        }
        Ok(())
    }

    pub(super) fn check_time(&self, now: SystemTime, max_skew: Duration) -> Result<(), VerifyError> {
        super::check_skew(self.stamp, now, max_skew)
    }

    /// The canonical request and the string to sign, from what was received.
    pub(super) fn rebuild(&self, resource: Resource<'_>) -> Result<(Vec<u8>, Vec<u8>), VerifyError> {
        let mut headers = CanonicalHeaders::with_capacity(self.request.headers.len() + 1);
        for (name, value) in &self.request.headers {
            if is_default_signed(name) || self.additional.contains(name) {
                headers.push(name.as_str(), value.as_bytes());
            }
        }
        for name in &self.additional {
            if let (false, Some(value)) =
                (self.request.headers.contains_key(name), sent_value(self.request, name))
            {
                headers.push(name.as_str(), value);
            }
        }
        headers.sort();
        let canonical = CanonicalRequest {
            method: self.request.method.as_str(),
            resource,
            query: self.request.uri.query().unwrap_or_default(),
            headers,
            additional_headers: &self.additional_joined,
            payload_hash: self.payload_hash,
        }
        .to_bytes()
        .map_err(|repeated| VerifyError::RepeatedParameter { name: repeated.0 })?;
        let mut string_to_sign = canonical.clone();
        let scope = Scope { date: &self.stamp.day(), region: &self.region, product: &self.product };
        replace_by_string_to_sign(&mut string_to_sign, &self.stamp.compact(), scope);
        Ok((canonical, string_to_sign))
    }

    pub(super) fn into_verified(self) -> Verified {
        Verified {
            scheme: self.scheme,
            access_key_id: self.access_key_id.into_owned(),
            security_token: self.security_token.map(|token| lossy(&token)),
        }
    }

    pub(super) fn mismatch(self, canonical_request: Vec<u8>, string_to_sign: Vec<u8>) -> VerifyError {
        VerifyError::SignatureDoesNotMatch(Box::new(Mismatch {
            scheme: self.scheme,
            access_key_id: self.access_key_id.into_owned(),
            signature_provided: lossy(&self.signature),
            string_to_sign: lossy(&string_to_sign),
            string_to_sign_bytes: string_to_sign,
            canonical_request: Some(lossy(&canonical_request)),
        }))
    }
}

/// The parts of `OSS4-HMAC-SHA256 Credential=…,AdditionalHeaders=…,Signature=…`, in any order and with or without a
/// space after each comma, as official SDKs write both.
struct Authorization<'a> {
    credential: &'a str,
    additional_headers: Option<&'a str>,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn read(value: &'a [u8]) -> Result<Self, VerifyError> {
        let malformed = |problem| VerifyError::MalformedAuthorization { problem };
        let value = std::str::from_utf8(value).map_err(|_| malformed("it is not UTF-8"))?;
        let value = value.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' '));
        let value = value.ok_or(malformed("it does not begin with \"OSS4-HMAC-SHA256 \""))?;
        let (mut credential, mut additional_headers, mut signature) = (None, None, None);
        for pair in value.split(',') {
            let (name, value) =
                pair.trim().split_once('=').ok_or(malformed("it holds a part without \"=\""))?;
            let slot = match name {
                "Credential" => &mut credential,
                "AdditionalHeaders" => &mut additional_headers,
                "Signature" => &mut signature,
                _ => return Err(malformed("it holds an unknown part")),
            };
            if slot.replace(value).is_some() {
                return Err(malformed("it holds a part twice"));
            }
        }
        Ok(Self {
            credential: credential.ok_or(malformed("Credential is missing"))?,
            additional_headers,
            signature: signature.ok_or(malformed("Signature is missing"))?,
        })
    }
}

/// Splits `id/date/region/product/aliyun_v4_request` from the right, as an id may hold a slash.
fn split_credential(credential: &str, stamp: Stamp) -> Result<(&str, &str, &str), VerifyError> {
    let malformed = |problem| VerifyError::MalformedCredential { problem };
    let mut parts = credential.rsplitn(5, '/');
    let mut next = || parts.next().ok_or(malformed("it does not have five parts"));
    let (terminator, product, region, date, access_key_id) = (next()?, next()?, next()?, next()?, next()?);
    if terminator != TERMINATOR {
        return Err(malformed("it does not end with \"aliyun_v4_request\""));
    }
    if date.as_bytes() != stamp.day() {
        return Err(VerifyError::CredentialDateMismatch {
            credential_date: date.to_owned(),
            request_date: lossy(&stamp.day()),
        });
    }
    if access_key_id.is_empty() {
        return Err(malformed("the access key id is empty"));
    }
    Ok((access_key_id, region, product))
}

fn read_additional(joined: Option<&str>, request: &Parts) -> Result<Vec<HeaderName>, VerifyError> {
    let Some(joined) = joined else { return Ok(Vec::new()) };
    let malformed = |problem| VerifyError::MalformedAdditionalHeaders { problem };
    let mut names: Vec<HeaderName> = Vec::new();
    for name in joined.split(';') {
        if name.is_empty() {
            return Err(malformed("it is empty or holds an empty name"));
        }
        let name = HeaderName::from_lowercase(name.as_bytes())
            .map_err(|_| malformed("it holds what is no lower-case header name"))?;
        if is_default_signed(&name) {
            return Err(malformed("it holds a name that is signed anyway"));
        }
        if names.last().is_some_and(|last| last.as_str() >= name.as_str()) {
            return Err(malformed("its names are not in ascending order"));
        }
        if sent_value(request, &name).is_none() {
            return Err(VerifyError::MissingSignedHeader { name: name.as_str().to_owned() });
        }
        names.push(name);
    }
    Ok(names)
}
