use std::time::{Duration, SystemTime};

use http::StatusCode;

use crate::header::Unclear;
use crate::query::Repeated;

use super::{Explanation, Scheme};

/// Why a request is not verified: one variant per reason.
///
/// [`status`](Self::status), [`code`](Self::code) and [`ec`](Self::ec) are what OSS answers, according to its error
/// code pages of the 0002 family; `Display` is written for whoever has to repair the request. Nothing here holds a
/// secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Nothing in the request is a signature.
    #[error("the request is not signed: sign it, or make the bucket public")]
    NotSigned,
    /// Both the headers and the query hold a signature.
    #[error("the request is signed in its headers and in its query: keep one of them")]
    SignedTwice,
    /// The `Authorization` header names another scheme than V1 and V4.
    #[error("the Authorization scheme {scheme:?} is not supported: use OSS4-HMAC-SHA256 (V4) or OSS (V1)")]
    UnsupportedScheme {
        /// What was found in its place: up to 32 characters, and none of a value without a space, which may be a whole
        /// credential.
        scheme: String,
    },
    /// The query names another version than V4.
    #[error("x-oss-signature-version {version:?} is not supported: use OSS4-HMAC-SHA256")]
    UnsupportedVersion {
        /// What was found in its place, up to 32 characters.
        version: String,
    },
    /// The `Authorization` header cannot be read.
    #[error("the Authorization header is malformed: {problem}")]
    MalformedAuthorization {
        /// How the request is signed.
        scheme: Scheme,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A V4 credential cannot be read.
    #[error(
        "the credential is malformed: {problem}; it has the form ID/YYYYMMDD/REGION/oss/aliyun_v4_request"
    )]
    MalformedCredential {
        /// How the request is signed.
        scheme: Scheme,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The day of a V4 credential is not the day of its date.
    #[error(
        "the credential is of {credential_date:?} and the request of {request_date:?}: use one UTC day for both"
    )]
    CredentialDateMismatch {
        /// How the request is signed.
        scheme: Scheme,
        /// Date in the credential.
        credential_date: String,
        /// `YYYYMMDD` of the request's date.
        request_date: String,
    },
    /// A V4 credential of another region or product.
    #[error(
        "the credential is for {given:?} and this server is {expected:?}: sign for the region of the bucket"
    )]
    WrongScope {
        /// How the request is signed.
        scheme: Scheme,
        /// `region/product` of the credential.
        given: String,
        /// `region/product` of the verifier.
        expected: String,
    },
    /// The list of additional headers of V4 breaks a rule.
    #[error("the list of additional headers is malformed: {problem}")]
    MalformedAdditionalHeaders {
        /// How the request is signed.
        scheme: Scheme,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A header is listed as signed and is not there.
    #[error("the header {name:?} is listed as signed, but is not in the request: was it removed on the way?")]
    MissingSignedHeader {
        /// The listed name.
        name: String,
    },
    /// A header that the scheme needs is not there.
    #[error("the header {name} is missing")]
    MissingHeader {
        /// The header.
        name: &'static str,
    },
    /// A header that decides about the signature is there twice.
    #[error("the header {name:?} is sent more than once")]
    RepeatedHeader {
        /// The header.
        name: String,
    },
    /// A query parameter that the scheme needs is not there.
    #[error("the parameter {name} is missing")]
    MissingParameter {
        /// The parameter.
        name: &'static str,
    },
    /// A query parameter that the scheme needs is empty.
    #[error("the parameter {name} is empty")]
    EmptyParameter {
        /// The parameter.
        name: &'static str,
    },
    /// A query parameter cannot be read.
    #[error("the parameter {name} is malformed: {problem}")]
    MalformedParameter {
        /// The parameter.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A signed query parameter or form field is there twice, so that two readers may see two values.
    #[error("the parameter {name:?} is sent more than once")]
    RepeatedParameter {
        /// The parameter.
        name: String,
    },
    /// A form names another version than V4.
    #[error("the form's x-oss-signature-version {version:?} is not supported: use OSS4-HMAC-SHA256")]
    UnsupportedPostVersion {
        /// What was found in its place, up to 32 characters.
        version: String,
    },
    /// A form field that the scheme needs is not there.
    #[error("the form field {name} is missing")]
    MissingField {
        /// The field.
        name: &'static str,
    },
    /// A form field that the scheme needs is empty.
    #[error("the form field {name} is empty")]
    EmptyField {
        /// The field.
        name: &'static str,
    },
    /// The policy of a form cannot be read.
    #[error("the policy is malformed: {problem}")]
    MalformedPolicy {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A V4 policy says nothing about a field it has to pin.
    #[error("the policy has no condition for {name}, which V4 demands")]
    MissingPolicyCondition {
        /// The field, or `bucket`.
        name: &'static str,
    },
    /// A field of the form is not what the policy demands.
    #[error("the form does not meet the policy's condition {condition}")]
    PolicyConditionFailed {
        /// JSON text of the condition.
        condition: String,
    },
    /// The object has fewer bytes than the policy demands.
    #[error("the object has {length} bytes; the policy demands at least {min}")]
    EntityTooSmall {
        /// Bytes of the object.
        length: u64,
        /// Fewest bytes.
        min: u64,
    },
    /// The object has more bytes than the policy allows.
    #[error("the object has {length} bytes; the policy allows at most {max}")]
    EntityTooLarge {
        /// Bytes of the object.
        length: u64,
        /// Most bytes.
        max: u64,
    },
    /// A header signature without a date.
    #[error("the request has neither an x-oss-date nor a Date header")]
    MissingDate,
    /// A date that cannot be read.
    #[error("the date {value:?} cannot be read: V4 takes 20241213T032307Z, V1 Fri, 13 Dec 2024 03:23:07 GMT")]
    MalformedDate {
        /// How the request is signed.
        scheme: Scheme,
        /// What was sent.
        value: String,
    },
    /// The clocks of the two sides differ too much.
    #[error("the request is dated too far from now: correct the signer's clock by the server's time")]
    RequestTimeTooSkewed {
        /// Date of the request.
        request_time: SystemTime,
        /// Time of the verifier.
        server_time: SystemTime,
        /// Largest difference accepted.
        max_skew: Duration,
    },
    /// A URL or form is used before the time it was made for.
    #[error("the signature is not valid yet: correct the signer's clock")]
    NotYetValid {
        /// When it becomes valid, apart from the difference clocks may have.
        valid_from: SystemTime,
        /// Time of the verifier.
        server_time: SystemTime,
    },
    /// A URL or form is used too late.
    #[error("the signature has expired: make a new one")]
    Expired {
        /// How the request is signed.
        scheme: Scheme,
        /// Last instant at which it was valid.
        expired_at: SystemTime,
        /// Time of the verifier.
        server_time: SystemTime,
    },
    /// Nobody is known by this access key id.
    #[error("the access key id {access_key_id:?} is unknown")]
    UnknownAccessKeyId {
        /// The access key id.
        access_key_id: String,
    },
    /// Another secret was used, or the request was changed after it was signed.
    #[error("the signature does not match: compare the strings to sign of both sides, then the secrets")]
    SignatureDoesNotMatch(Box<Explanation>),
}

impl VerifyError {
    /// The HTTP status OSS answers with.
    pub fn status(&self) -> StatusCode {
        match self.code() {
            "InvalidArgument" | "InvalidPolicyDocument" | "EntityTooSmall" | "EntityTooLarge" => {
                StatusCode::BAD_REQUEST
            }
            _ => StatusCode::FORBIDDEN,
        }
    }

    /// OSS's error code, as in `<Code>`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotSigned
            | Self::MissingDate
            | Self::MalformedDate { .. }
            | Self::NotYetValid { .. }
            | Self::Expired { .. }
            // An incomplete V1 URL is the one incomplete signature that is documented as 403.
            | Self::MissingParameter { name: "Expires" | "OSSAccessKeyId" | "Signature" } => "AccessDenied",
            Self::PolicyConditionFailed { .. } => "AccessDenied",
            Self::MalformedPolicy { .. } | Self::MissingPolicyCondition { .. } => "InvalidPolicyDocument",
            Self::EntityTooSmall { .. } => "EntityTooSmall",
            Self::EntityTooLarge { .. } => "EntityTooLarge",
            Self::RequestTimeTooSkewed { .. } => "RequestTimeTooSkewed",
            Self::UnknownAccessKeyId { .. } => "InvalidAccessKeyId",
            Self::SignatureDoesNotMatch(_) => "SignatureDoesNotMatch",
            _ => "InvalidArgument",
        }
    }

    /// OSS's detailed error code, as in `<EC>`, where an error code page names one.
    pub fn ec(&self) -> Option<&'static str> {
        Some(match self {
            Self::UnsupportedScheme { .. } => "0002-00000061",
            Self::UnsupportedVersion { .. } => "0002-00000066",
            Self::MalformedAuthorization { scheme: Scheme::V1Header, .. } => "0002-00000062",
            Self::MalformedAuthorization { .. } => "0002-00000063",
            Self::MalformedCredential { scheme: Scheme::V4Header, .. } => "0002-00000213",
            Self::MalformedCredential { scheme: Scheme::V4Post, .. } => "0002-00000710",
            Self::MalformedCredential { .. } => "0002-00000224",
            Self::CredentialDateMismatch { .. } => "0002-00000223",
            Self::WrongScope { scheme: Scheme::V4Header, .. } => "0002-00000228",
            Self::WrongScope { scheme: Scheme::V4Post, .. } => "0002-00000715",
            Self::WrongScope { .. } => "0002-00000226",
            Self::MalformedAdditionalHeaders { scheme: Scheme::V4Header, .. } => "0002-00000209",
            Self::MalformedAdditionalHeaders { .. } => "0002-00000076",
            Self::MissingParameter { name } => return missing(name),
            Self::EmptyParameter { name } => return empty(name),
            Self::MalformedParameter { name: "Expires", .. } => "0002-00000070",
            Self::MalformedParameter { name: "x-oss-expires", .. } => "0002-00000232",
            Self::UnsupportedPostVersion { .. } => "0002-00000701",
            Self::MissingField { name } => return missing_field(name),
            Self::EmptyField { name } => return empty_field(name),
            Self::MissingDate | Self::MalformedDate { .. } => "0002-00000503",
            Self::RequestTimeTooSkewed { .. } => "0002-00000504",
            Self::NotYetValid { .. } => "0002-00000235",
            Self::Expired { scheme: Scheme::V1Query, .. } => "0002-00000069",
            Self::Expired { scheme: Scheme::V1Post | Scheme::V4Post, .. } => "0006-00000213",
            Self::Expired { .. } => "0002-00000236",
            Self::SignatureDoesNotMatch(explanation) => match explanation.scheme {
                Scheme::V1Header | Scheme::V1Query => "0002-00000040",
                Scheme::V4Header | Scheme::V4Query => "0002-00000201",
                Scheme::V1Post | Scheme::V4Post => "0002-00000705",
            },
            _ => return None,
        })
    }

    /// What the verifier signed, as in `<StringToSign>`; bytes that are not UTF-8 are replaced.
    pub fn string_to_sign(&self) -> Option<&str> {
        self.explanation().map(Explanation::string_to_sign)
    }

    /// The details of a signature that does not match.
    pub fn explanation(&self) -> Option<&Explanation> {
        match self {
            Self::SignatureDoesNotMatch(explanation) => Some(explanation),
            _ => None,
        }
    }
}

fn missing(name: &str) -> Option<&'static str> {
    Some(match name {
        "Expires" => "0002-00000067",
        "OSSAccessKeyId" => "0002-00000071",
        "Signature" => "0002-00000074",
        "x-oss-expires" => "0002-00000215",
        "x-oss-signature" => "0002-00000219",
        _ => return None,
    })
}

fn empty(name: &str) -> Option<&'static str> {
    Some(match name {
        "Expires" => "0002-00000068",
        "OSSAccessKeyId" => "0002-00000072",
        "x-oss-expires" => "0002-00000216",
        "x-oss-credential" => "0002-00000218",
        _ => return None,
    })
}

fn missing_field(name: &str) -> Option<&'static str> {
    Some(match name {
        "policy" => "0002-00000702",
        "Signature" | "x-oss-signature" => "0002-00000703",
        "OSSAccessKeyId" => "0002-00000706",
        _ => return None,
    })
}

fn empty_field(name: &str) -> Option<&'static str> {
    Some(match name {
        "Signature" | "x-oss-signature" => "0002-00000704",
        "OSSAccessKeyId" => "0002-00000707",
        _ => return None,
    })
}

impl From<Repeated> for VerifyError {
    fn from(repeated: Repeated) -> Self {
        Self::RepeatedParameter { name: repeated.0 }
    }
}

impl From<Unclear> for VerifyError {
    fn from(unclear: Unclear) -> Self {
        Self::RepeatedHeader { name: unclear.0.to_string() }
    }
}
