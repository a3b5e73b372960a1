use std::time::{Duration, SystemTime};

use http::Uri;
use http::request::Parts;

use crate::check::{SIGNATURE_PARAMETERS, check_presign};
use crate::credentials::Credentials;
use crate::header::{CanonicalHeaders, X_OSS_CONTENT_SHA256, single};
use crate::resource::Resource;
use crate::rewrite::Rewrite;
use crate::signer::SignError;

use super::canonical::CanonicalRequest;
use super::{ALGORITHM, MAX_LIFETIME, UNSIGNED_PAYLOAD, V4Signer};

impl V4Signer {
    pub(super) fn presigned(
        &self,
        request: &Parts,
        resource: Resource<'_>,
        credentials: &Credentials,
        time: SystemTime,
        expires_in: Duration,
    ) -> Result<Uri, SignError> {
        let (stamp, seconds) = check_presign(request, credentials, time, expires_in, MAX_LIFETIME)?;
        let (datetime, day) = (stamp.compact(), stamp.day());
        let (additional, additional_joined) = self.carried(request);

        let (id, scope) = (credentials.access_key_id(), self.scope(&day));
        let mut credential = Vec::with_capacity(id.len() + 1 + scope.len());
        credential.extend_from_slice(id.as_bytes());
        credential.push(b'/');
        scope.write(&mut credential);

        let mut rewrite = Rewrite::new(&request.uri, &SIGNATURE_PARAMETERS)?;
        rewrite.push("x-oss-signature-version", ALGORITHM.as_bytes());
        rewrite.push("x-oss-credential", &credential);
        rewrite.push("x-oss-date", &datetime);
        rewrite.push("x-oss-expires", seconds.to_string().as_bytes());
        if !additional_joined.is_empty() {
            rewrite.push("x-oss-additional-headers", &additional_joined);
        }
        if let Some(token) = credentials.security_token() {
            rewrite.push("x-oss-security-token", token.as_bytes());
        }

        let mut headers = CanonicalHeaders::of_request(request, &additional, |_| true);
        headers.sort();
        let given_hash = single(&request.headers, &X_OSS_CONTENT_SHA256)?;
        let canonical = CanonicalRequest {
            method: request.method.as_str(),
            resource,
            query: rewrite.query(),
            headers,
            additional_headers: &additional_joined,
            payload_hash: given_hash.unwrap_or(UNSIGNED_PAYLOAD.as_bytes()),
        };
        let signature = self.signature(&canonical, credentials.access_key_secret(), &datetime, &day)?;
        rewrite.push("x-oss-signature", &signature);
        rewrite.finish()
    }
}
