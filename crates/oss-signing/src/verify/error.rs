use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::Scheme;

/// Why a request is not verified: one variant per reason.
///
/// [`status`](Self::status), [`code`](Self::code) and [`ec`](Self::ec) are what OSS answers (error code pages of the
/// 0002 family); `Display` is written for whoever has to repair the request. Nothing here holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Neither the headers nor the query hold a signature.
    #[error("the request is not signed: sign it, or make the bucket public")]
    NotSigned,
    /// Both the headers and the query hold a signature.
    #[error("the request is signed in its headers and in its query: keep one of them")]
    SignedTwice,
    /// Another scheme than V1 and V4.
    #[error("the signature scheme {scheme:?} is not supported: use V4 (OSS4-HMAC-SHA256) or V1 (OSS)")]
    UnsupportedScheme {
        /// What was found in its place.
        scheme: String,
    },
    /// The `Authorization` header cannot be read.
    #[error("the Authorization header is malformed: {problem}")]
    MalformedAuthorization {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A V4 credential cannot be read.
    #[error(
        "the credential is malformed: {problem}; it has the form ID/YYYYMMDD/REGION/oss/aliyun_v4_request"
    )]
    MalformedCredential {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The day of a V4 credential is not the day of its date.
    #[error(
        "the credential is of {credential_date:?}, but the request of {request_date:?}: use one UTC day for both"
    )]
    CredentialDateMismatch {
        /// Date in the credential.
        credential_date: String,
        /// `YYYYMMDD` of the request's date.
        request_date: String,
    },
    /// A V4 credential of another region or product.
    #[error(
        "the credential is for {given:?}, but this server is {expected:?}: sign for the region of the bucket"
    )]
    WrongScope {
        /// `region/product` of the credential.
        given: String,
        /// `region/product` of the verifier.
        expected: String,
    },
    /// The list of additional headers of V4 breaks a rule.
    #[error("the list of additional headers is malformed: {problem}")]
    MalformedAdditionalHeaders {
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
    /// A query parameter that the scheme needs is not there or empty.
    #[error("the query parameter {name} is missing or empty")]
    MissingParameter {
        /// The parameter.
        name: &'static str,
    },
    /// A header that decides about the signature is there twice.
    #[error("the header {name:?} is sent more than once")]
    RepeatedHeader {
        /// The header.
        name: String,
    },
    /// A signed query parameter is there twice, so that two readers may see two values.
    #[error("the query parameter {name:?} is sent more than once")]
    RepeatedParameter {
        /// The parameter.
        name: String,
    },
    /// No readable date.
    #[error("the date {value:?} cannot be read: V4 takes 20241213T032307Z, V1 Fri, 13 Dec 2024 03:23:07 GMT")]
    MalformedDate {
        /// What was sent.
        value: String,
    },
    /// The clocks of the two sides differ too much.
    #[error("the request is dated too far from now: correct the clock of the signer by the server's time")]
    RequestTimeTooSkewed {
        /// Date of the request.
        request_time: SystemTime,
        /// Time of the verifier.
        server_time: SystemTime,
        /// Largest difference accepted.
        max_skew: Duration,
    },
    /// Nobody is known by this access key id.
    #[error("the access key id {access_key_id:?} is unknown")]
    UnknownAccessKeyId {
        /// The access key id.
        access_key_id: String,
    },
    /// Another secret was used, or the request was changed after it was signed.
    #[error("the signature does not match: {0}")]
    SignatureDoesNotMatch(Box<Mismatch>),
}

/// Both sides of a signature that does not match, for the answer OSS gives and for finding the difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub(super) scheme: Scheme,
    pub(super) access_key_id: String,
    pub(super) signature_provided: String,
    pub(super) string_to_sign: String,
    pub(super) string_to_sign_bytes: Vec<u8>,
    pub(super) canonical_request: Option<String>,
}

impl VerifyError {
    /// The HTTP status OSS answers with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotSigned
            | Self::MalformedDate { .. }
            | Self::RequestTimeTooSkewed { .. }
            | Self::UnknownAccessKeyId { .. }
            | Self::SignatureDoesNotMatch(_) => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// OSS's error code, as in `<Code>`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotSigned | Self::MalformedDate { .. } => "AccessDenied",
            Self::RequestTimeTooSkewed { .. } => "RequestTimeTooSkewed",
            Self::UnknownAccessKeyId { .. } => "InvalidAccessKeyId",
            Self::SignatureDoesNotMatch(_) => "SignatureDoesNotMatch",
            _ => "InvalidArgument",
        }
    }

    /// OSS's detailed error code, as in `<EC>`, where the documentation names one.
    pub fn ec(&self) -> Option<&'static str> {
        match self {
            Self::MalformedAuthorization { .. } => Some("0002-00000063"),
            Self::MalformedDate { .. } => Some("0002-00000503"),
            Self::RequestTimeTooSkewed { .. } => Some("0002-00000504"),
            Self::SignatureDoesNotMatch(mismatch) => Some(match mismatch.scheme {
                Scheme::V1Header | Scheme::V1Query => "0002-00000040",
                Scheme::V4Header | Scheme::V4Query => "0002-00000201",
            }),
            _ => None,
        }
    }

    /// What the verifier signed, as in `<StringToSign>`; bytes that are not UTF-8 are replaced.
    pub fn string_to_sign(&self) -> Option<&str> {
        self.mismatch().map(Mismatch::string_to_sign)
    }

    /// The details of a signature that does not match.
    pub fn mismatch(&self) -> Option<&Mismatch> {
        match self {
            Self::SignatureDoesNotMatch(mismatch) => Some(mismatch),
            _ => None,
        }
    }
}

impl Mismatch {
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

    /// What the verifier signed, as in `<StringToSign>`; bytes that are not UTF-8 are replaced.
    pub fn string_to_sign(&self) -> &str {
        &self.string_to_sign
    }

    /// The bytes of the string to sign, in the notation of `<StringToSignBytes>`: upper-case pairs, each followed by
    /// a space.
    pub fn string_to_sign_bytes(&self) -> String {
        self.string_to_sign_bytes.iter().fold(String::new(), |mut pairs, byte| {
            for digit in [byte >> 4, byte & 15] {
                pairs.extend(char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase()));
            }
            pairs.push(' ');
            pairs
        })
    }

    /// The canonical request of V4, as in `<CanonicalRequest>`; bytes that are not UTF-8 are replaced.
    pub fn canonical_request(&self) -> Option<&str> {
        self.canonical_request.as_deref()
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("compare the string to sign of both sides, then the secret")
    }
}
