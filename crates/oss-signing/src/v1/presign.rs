use std::time::{Duration, SystemTime};

use http::Uri;
use http::request::Parts;

use crate::check::{SIGNATURE_PARAMETERS, check_presign};
use crate::credentials::Credentials;
use crate::resource::Resource;
use crate::rewrite::Rewrite;
use crate::signer::SignError;

use super::sign::write_signature;
use super::string_to_sign::StringToSign;

pub(super) fn presigned(
    request: &Parts,
    resource: Resource<'_>,
    credentials: &Credentials,
    time: SystemTime,
    expires_in: Duration,
) -> Result<Uri, SignError> {
    let (stamp, seconds) = check_presign(request, credentials, time, expires_in, u64::MAX)?;
    let expires = (stamp.unix() + seconds).to_string();

    let mut rewrite = Rewrite::new(&request.uri, &SIGNATURE_PARAMETERS)?;
    if let Some(token) = credentials.security_token() {
        rewrite.push("security-token", token.as_bytes());
    }
    let message =
        StringToSign::new(request, resource, rewrite.query(), expires.as_bytes(), |_| true)?.into_bytes()?;
    let mut signature = String::new();
    write_signature(&mut signature, credentials.access_key_secret(), &message);
    rewrite.push("OSSAccessKeyId", credentials.access_key_id().as_bytes());
    rewrite.push("Expires", expires.as_bytes());
    rewrite.push("Signature", signature.as_bytes());
    rewrite.finish()
}
