//! Who may do what: signatures, tokens, and public buckets.

use std::time::SystemTime;

use http::request::Parts;
use oss_signing::{Resource, Scheme, VerifyError};

use crate::clock::iso8601;
use crate::core::Core;
use crate::error::{ACCESS_DENIED, OssError};
use crate::operation::Operation;
use crate::store::Acl;

/// Refuses a request that its sender may not make.
pub(crate) fn check(
    core: &Core,
    parts: &Parts,
    operation: Operation,
    bucket: Option<&str>,
    key: Option<&str>,
    now: SystemTime,
) -> Result<(), OssError> {
    // A form is signed by its policy, which is inside the body; a preflight cannot be signed at all.
    if matches!(operation, Operation::PostObject | Operation::OptionObject) {
        return Ok(());
    }
    let scheme = Scheme::identify(parts).map_err(|error| refusal(&error))?;
    if scheme.is_none() {
        return check_anonymous(core, operation, bucket, key);
    }
    let resource = match (bucket, key) {
        (None, _) => Resource::service(),
        (Some(bucket), None) => Resource::bucket(bucket),
        (Some(bucket), Some(key)) => Resource::object(bucket, key),
    };
    let secret_for = |id: &str| core.config.credentials.get(id).map(|secret| secret.secret.clone());
    let verified =
        core.verifier.verify(parts, resource, now, &secret_for).map_err(|error| refusal(&error))?;
    check_token(core, verified.access_key_id(), verified.security_token())
}

/// Refuses temporary credentials without their token, and a token that is not theirs.
pub(crate) fn check_token(core: &Core, access_key_id: &str, token: Option<&str>) -> Result<(), OssError> {
    let expected = core.config.credentials.get(access_key_id).and_then(|secret| secret.token.as_deref());
    match (expected, token) {
        (None, None) => Ok(()),
        (Some(expected), Some(token)) if expected == token => Ok(()),
        (Some(_), None) => Err(OssError::new(
            http::StatusCode::FORBIDDEN,
            "InvalidAccessKeyId",
            "The OSS Access Key Id you provided does not exist in our records.",
        )
        .ec("0002-00000003")
        .with("OSSAccessKeyId", access_key_id)),
        _ => Err(OssError::new(
            http::StatusCode::FORBIDDEN,
            "InvalidSecurityToken",
            "The security token you provided is invalid.",
        )),
    }
}

fn check_anonymous(
    core: &Core,
    operation: Operation,
    bucket: Option<&str>,
    key: Option<&str>,
) -> Result<(), OssError> {
    let store = core.store.lock();
    let Some(bucket) = bucket else {
        return Err(anonymous_denied("You have no right to access this service."));
    };
    let found = store.bucket(bucket)?;
    let object_acl = key.and_then(|key| found.objects.get(key)).map_or(Acl::Default, |object| object.acl);
    let acl = if object_acl == Acl::Default { found.acl } else { object_acl };
    let allowed = match operation {
        Operation::GetObject | Operation::HeadObject | Operation::GetObjectMeta => acl.lets_anyone_read(),
        Operation::ListObjects | Operation::ListObjectsV2 | Operation::HeadBucket => {
            found.acl.lets_anyone_read()
        }
        Operation::PutObject
        | Operation::AppendObject
        | Operation::InitiateMultipartUpload
        | Operation::UploadPart
        | Operation::ListParts
        | Operation::CompleteMultipartUpload
        | Operation::AbortMultipartUpload
        | Operation::DeleteObject => found.acl.lets_anyone_write(),
        _ => false,
    };
    if allowed {
        return Ok(());
    }
    Err(anonymous_denied("You have no right to access this object because of bucket acl."))
}

pub(crate) fn anonymous_denied(message: &'static str) -> OssError {
    OssError::from(ACCESS_DENIED).saying(message)
}

/// OSS's answer to a signature that is not accepted.
pub(crate) fn refusal(error: &VerifyError) -> OssError {
    let mut refusal = OssError::new(error.status(), error.code(), message(error));
    if let Some(ec) = error.ec() {
        refusal = refusal.ec(ec);
    }
    match error {
        VerifyError::SignatureDoesNotMatch(mismatch) => {
            refusal = refusal
                .with("OSSAccessKeyId", mismatch.access_key_id())
                .with("SignatureProvided", mismatch.signature_provided())
                .with("StringToSign", mismatch.string_to_sign())
                .with("StringToSignBytes", mismatch.string_to_sign_bytes());
            if let Some(canonical) = mismatch.canonical_request() {
                refusal = refusal.with("CanonicalRequest", canonical);
            }
        }
        VerifyError::UnknownAccessKeyId { access_key_id } => {
            refusal = refusal.ec("0002-00000902").with("OSSAccessKeyId", access_key_id);
        }
        VerifyError::RequestTimeTooSkewed { request_time, server_time, max_skew } => {
            refusal = refusal
                .with("MaxAllowedSkewMilliseconds", max_skew.as_millis().to_string())
                .with("RequestTime", iso8601(*request_time))
                .with("ServerTime", iso8601(*server_time));
        }
        _ => {}
    }
    refusal
}

/// The text OSS has for the common cases; for the others the verifier's own, which says more.
fn message(error: &VerifyError) -> String {
    match error {
        VerifyError::SignatureDoesNotMatch(_) => {
            "The request signature we calculated does not match the signature you provided. Check your key and \
             signing method."
                .to_owned()
        }
        VerifyError::UnknownAccessKeyId { .. } => {
            "The OSS Access Key Id you provided does not exist in our records.".to_owned()
        }
        VerifyError::RequestTimeTooSkewed { .. } => {
            "The difference between the request time and the current time is too large.".to_owned()
        }
        other => other.to_string(),
    }
}
