//! What a V4 request claims, read from its headers or its query.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, HeaderName};
use http::request::Parts;

use crate::header::{
    CanonicalHeaders, Role, X_OSS_CONTENT_SHA256, X_OSS_DATE, X_OSS_SECURITY_TOKEN, sent_value, single,
};
use crate::query;
use crate::resource::Resource;
use crate::stamp::Stamp;
use crate::v4::canonical::{CanonicalRequest, Scope, replace_by_string_to_sign};
use crate::v4::{ALGORITHM, MAX_LIFETIME, TERMINATOR, UNSIGNED_PAYLOAD};

use super::{Explanation, Scheme, Verified, VerifyError, decimal, lossy, required, text};

pub(super) struct Claim<'a> {
    request: &'a Parts,
    scheme: Scheme,
    pub(super) access_key_id: String,
    region: String,
    product: String,
    pub(super) stamp: Stamp,
    additional: Vec<HeaderName>,
    additional_joined: Cow<'a, str>,
    pub(super) signature: Cow<'a, [u8]>,
    payload_hash: &'a [u8],
    security_token: Option<Cow<'a, str>>,
    /// Seconds a URL lives; a header signature lives as long as the clocks may differ.
    lifetime: Option<u64>,
}

/// What was signed, as the verifier sees it.
pub(super) struct Stages {
    canonical_request: Vec<u8>,
    pub(super) string_to_sign: Vec<u8>,
}

impl<'a> Claim<'a> {
    pub(super) fn from_headers(request: &'a Parts) -> Result<Self, VerifyError> {
        let headers = &request.headers;
        let authorization = Authorization::read(single(headers, &AUTHORIZATION)?.unwrap_or_default())?;
        let date = single(headers, &X_OSS_DATE)?.ok_or(VerifyError::MissingHeader { name: "x-oss-date" })?;
        let payload_hash = single(headers, &X_OSS_CONTENT_SHA256)?
            .ok_or(VerifyError::MissingHeader { name: "x-oss-content-sha256" })?;
        let stamp = Stamp::parse_compact(date)
            .ok_or_else(|| VerifyError::MalformedDate { scheme: Scheme::V4Header, value: lossy(date) })?;
        let credential = Credential::read(authorization.credential, stamp, Scheme::V4Header)?;
        let additional = read_additional(authorization.additional_headers, Scheme::V4Header)?;
        check_sent(&additional, request)?;
        Ok(Self {
            request,
            scheme: Scheme::V4Header,
            access_key_id: credential.access_key_id.to_owned(),
            region: credential.region.to_owned(),
            product: credential.product.to_owned(),
            stamp,
            additional,
            additional_joined: Cow::Borrowed(authorization.additional_headers.unwrap_or_default()),
            signature: Cow::Borrowed(authorization.signature.as_bytes()),
            payload_hash,
            security_token: single(headers, &X_OSS_SECURITY_TOKEN)?
                .map(|token| text("x-oss-security-token", Cow::Borrowed(token)))
                .transpose()?,
            lifetime: None,
        })
    }

    pub(super) fn from_query(request: &'a Parts) -> Result<Self, VerifyError> {
        let claim = QueryClaim::read(query::of(&request.uri))?;
        let credential = claim.credential()?;
        let additional = claim.additional()?;
        check_sent(&additional, request)?;
        Ok(Self {
            request,
            scheme: Scheme::V4Query,
            access_key_id: credential.access_key_id.to_owned(),
            region: credential.region.to_owned(),
            product: credential.product.to_owned(),
            stamp: claim.stamp,
            additional,
            additional_joined: claim.additional_joined.unwrap_or_default(),
            signature: claim.signature,
            payload_hash: single(&request.headers, &X_OSS_CONTENT_SHA256)?
                .unwrap_or(UNSIGNED_PAYLOAD.as_bytes()),
            security_token: claim.security_token,
            lifetime: Some(claim.lifetime),
        })
    }

    pub(super) fn check_scope(&self, region: &str, product: &str) -> Result<(), VerifyError> {
        let Self { access_key_id, region: own_region, product: own_product, .. } = self;
        Credential { access_key_id, region: own_region, product: own_product }.check_scope(
            region,
            product,
            self.scheme,
        )
    }

    pub(super) fn check_time(&self, now: SystemTime, max_skew: Duration) -> Result<(), VerifyError> {
        match self.lifetime {
            None => super::check_skew(self.stamp, now, max_skew),
            Some(seconds) => super::check_window(
                self.scheme,
                self.stamp.time(),
                Duration::from_secs(seconds),
                now,
                max_skew,
            ),
        }
    }

    /// The canonical request and the string to sign, from what was received.
    pub(super) fn rebuild(&self, resource: Resource<'_>) -> Result<Stages, VerifyError> {
        let additional: Vec<&HeaderName> = self.additional.iter().collect();
        let mut headers = CanonicalHeaders::of_request(self.request, &additional, |_| true);
        headers.sort();
        let canonical_request = CanonicalRequest {
            method: self.request.method.as_str(),
            resource,
            query: query::of(&self.request.uri),
            headers,
            additional_headers: self.additional_joined.as_bytes(),
            payload_hash: self.payload_hash,
        }
        .to_bytes()?;
        let mut string_to_sign = canonical_request.clone();
        let rest = Scope::after_date(&self.region, &self.product);
        let scope = Scope { date: &self.stamp.day(), rest: &rest };
        replace_by_string_to_sign(&mut string_to_sign, &self.stamp.compact(), scope);
        Ok(Stages { canonical_request, string_to_sign })
    }

    pub(super) fn verified(&self) -> Verified {
        Verified {
            scheme: self.scheme,
            access_key_id: self.access_key_id.clone(),
            security_token: self.security_token.as_deref().map(str::to_owned),
        }
    }

    pub(super) fn explain(&self, stages: Stages) -> Explanation {
        Explanation::new(self.scheme, &self.access_key_id, &self.signature, stages.string_to_sign)
            .with_canonical_request(&stages.canonical_request)
    }
}

/// The parameters of a presigned URL.
pub(super) struct QueryClaim<'a> {
    credential: Cow<'a, str>,
    pub(super) stamp: Stamp,
    /// Seconds.
    pub(super) lifetime: u64,
    additional_joined: Option<Cow<'a, str>>,
    signature: Cow<'a, [u8]>,
    security_token: Option<Cow<'a, str>>,
}

impl<'a> QueryClaim<'a> {
    pub(super) fn read(query: &'a [u8]) -> Result<Self, VerifyError> {
        let optional = |name| query::first(query, name).map(|value| text(name, value)).transpose();
        let expires = required(query, "x-oss-expires")?;
        let credential = text("x-oss-credential", required(query, "x-oss-credential")?)?;
        let signature = required(query, "x-oss-signature")?;
        let date = required(query, "x-oss-date")?;
        let lifetime = decimal(&expires).filter(|seconds| (1..=MAX_LIFETIME).contains(seconds)).ok_or(
            VerifyError::MalformedParameter { name: "x-oss-expires", problem: "it is not 1 to 604,800" },
        )?;
        let stamp = Stamp::parse_compact(&date)
            .ok_or_else(|| VerifyError::MalformedDate { scheme: Scheme::V4Query, value: lossy(&date) })?;
        let additional_joined = optional("x-oss-additional-headers")?;
        let security_token = optional("x-oss-security-token")?;
        Ok(Self { credential, stamp, lifetime, additional_joined, signature, security_token })
    }

    pub(super) fn credential(&self) -> Result<Credential<'_>, VerifyError> {
        Credential::read(&self.credential, self.stamp, Scheme::V4Query)
    }

    pub(super) fn additional(&self) -> Result<Vec<HeaderName>, VerifyError> {
        read_additional(self.additional_joined.as_deref(), Scheme::V4Query)
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
        let malformed = |problem| VerifyError::MalformedAuthorization { scheme: Scheme::V4Header, problem };
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

/// `id/date/region/product/aliyun_v4_request`
pub(super) struct Credential<'a> {
    pub(super) access_key_id: &'a str,
    pub(super) region: &'a str,
    pub(super) product: &'a str,
}

impl<'a> Credential<'a> {
    /// Splits from the right, as an id may hold a slash. The date must be the day of `stamp`.
    pub(super) fn read(credential: &'a str, stamp: Stamp, scheme: Scheme) -> Result<Self, VerifyError> {
        let malformed = |problem| VerifyError::MalformedCredential { scheme, problem };
        let mut parts = credential.rsplitn(5, '/');
        let mut next = || parts.next().ok_or(malformed("it does not have five parts"));
        let (terminator, product, region, date, access_key_id) =
            (next()?, next()?, next()?, next()?, next()?);
        if terminator != TERMINATOR {
            return Err(malformed("it does not end with \"aliyun_v4_request\""));
        }
        if date.as_bytes() != stamp.day() {
            return Err(VerifyError::CredentialDateMismatch {
                scheme,
                credential_date: date.to_owned(),
                request_date: lossy(&stamp.day()),
            });
        }
        if access_key_id.is_empty() {
            return Err(malformed("its access key id is empty"));
        }
        Ok(Self { access_key_id, region, product })
    }

    pub(super) fn check_scope(&self, region: &str, product: &str, scheme: Scheme) -> Result<(), VerifyError> {
        if self.region != region || self.product != product {
            return Err(VerifyError::WrongScope {
                scheme,
                given: format!("{}/{}", self.region, self.product),
                expected: format!("{region}/{product}"),
            });
        }
        Ok(())
    }
}

fn read_additional(joined: Option<&str>, scheme: Scheme) -> Result<Vec<HeaderName>, VerifyError> {
    let Some(joined) = joined else { return Ok(Vec::new()) };
    let malformed = |problem| VerifyError::MalformedAdditionalHeaders { scheme, problem };
    if joined.is_empty() {
        return Err(malformed("it is empty: leave it out"));
    }
    let mut names: Vec<HeaderName> = Vec::new();
    for name in joined.split(';') {
        let name = HeaderName::from_lowercase(name.as_bytes())
            .map_err(|_| malformed("it holds what is no lower-case header name"))?;
        if Role::of(&name).is_default_signed() {
            return Err(malformed("it holds a name that is signed anyway"));
        }
        if names.last().is_some_and(|last| last.as_str() >= name.as_str()) {
            return Err(malformed("its names are not in ascending order"));
        }
        names.push(name);
    }
    Ok(names)
}

fn check_sent(names: &[HeaderName], request: &Parts) -> Result<(), VerifyError> {
    match names.iter().find(|name| sent_value(request, name).is_none()) {
        Some(name) => Err(VerifyError::MissingSignedHeader { name: name.to_string() }),
        None => Ok(()),
    }
}
