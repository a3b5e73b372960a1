use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::check::{check_key, check_outlives};
use crate::credentials::Credentials;
use crate::signer::SignError;
use crate::stamp::Stamp;
use crate::v1::V1Signer;
use crate::v1::sign::write_signature;
use crate::v4::{ALGORITHM, MAX_LIFETIME, V4Signer};

use super::fields::PostFields;
use super::policy::{PolicyError, PostPolicy};

impl V4Signer {
    /// The policy gets the conditions that V4 demands for the signature fields.
    pub(crate) fn post_fields(
        &self,
        policy: &PostPolicy,
        credentials: &Credentials,
        time: SystemTime,
    ) -> Result<PostFields, SignError> {
        let lifetime = check_expiration(policy, credentials, time)?;
        if lifetime > MAX_LIFETIME {
            return Err(PolicyError::ExpirationTooFar { given: lifetime }.into());
        }
        let signed = self.signature_fields(credentials, time)?;
        let conditions: Vec<_> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let json = policy.to_json(&conditions)?;
        let mut fields = policy.fields().to_vec();
        self.push_signature(&mut fields, signed, &json, credentials, time)?;
        Ok(PostFields(fields))
    }

    /// Signs the JSON text of a policy as it stands, for policies that come from elsewhere.
    ///
    /// Only the signature fields are returned; the text must already hold the conditions V4 demands for them.
    ///
    /// # Errors
    /// [`SignError`] names the credential or time that cannot be signed with.
    pub fn sign_post_json(
        &self,
        policy: &str,
        credentials: &Credentials,
        time: SystemTime,
    ) -> Result<PostFields, SignError> {
        check_post(credentials)?;
        let mut fields = Vec::new();
        let signed = self.signature_fields(credentials, time)?;
        self.push_signature(&mut fields, signed, policy, credentials, time)?;
        Ok(PostFields(fields))
    }

    /// The fields that a V4 policy has to pin.
    fn signature_fields(
        &self,
        credentials: &Credentials,
        time: SystemTime,
    ) -> Result<Vec<(&'static str, String)>, SignError> {
        let stamp = Stamp::new(time).ok_or(SignError::TimeOutOfRange)?;
        let day = stamp.day();
        let credential = format!("{}/{}", credentials.access_key_id(), self.scope(&day));
        let datetime = stamp.compact().iter().map(|&byte| char::from(byte)).collect();
        let mut fields = vec![
            ("x-oss-signature-version", ALGORITHM.to_owned()),
            ("x-oss-credential", credential),
            ("x-oss-date", datetime),
        ];
        fields.extend(credentials.security_token().map(|token| ("x-oss-security-token", token.to_owned())));
        Ok(fields)
    }

    fn push_signature(
        &self,
        fields: &mut Vec<(String, String)>,
        signed: Vec<(&'static str, String)>,
        policy: &str,
        credentials: &Credentials,
        time: SystemTime,
    ) -> Result<(), SignError> {
        let stamp = Stamp::new(time).ok_or(SignError::TimeOutOfRange)?;
        let policy = STANDARD.encode(policy);
        let key = self.keys.get(credentials.access_key_secret(), &stamp.day());
        let signature = key.sign(policy.as_bytes());
        fields.extend(signed.into_iter().map(|(name, value)| (name.to_owned(), value)));
        fields.push(("policy".to_owned(), policy));
        fields.push(("x-oss-signature".to_owned(), signature));
        Ok(())
    }
}

impl V1Signer {
    pub(crate) fn post_fields(
        policy: &PostPolicy,
        credentials: &Credentials,
        time: SystemTime,
    ) -> Result<PostFields, SignError> {
        check_expiration(policy, credentials, time)?;
        let token = credentials.security_token().map(|token| ("x-oss-security-token", token));
        let json = policy.to_json(token.as_slice())?;
        let mut fields = policy.fields().to_vec();
        push_v1_signature(&mut fields, &json, credentials);
        Ok(PostFields(fields))
    }

    /// Signs the JSON text of a policy as it stands, for policies that come from elsewhere.
    ///
    /// Only the signature fields are returned.
    ///
    /// # Errors
    /// [`SignError`] names the credential that cannot be signed with.
    pub fn sign_post_json(&self, policy: &str, credentials: &Credentials) -> Result<PostFields, SignError> {
        check_post(credentials)?;
        let mut fields = Vec::new();
        push_v1_signature(&mut fields, policy, credentials);
        Ok(PostFields(fields))
    }
}

fn push_v1_signature(fields: &mut Vec<(String, String)>, policy: &str, credentials: &Credentials) {
    let policy = STANDARD.encode(policy);
    let mut signature = String::new();
    write_signature(&mut signature, credentials.access_key_secret(), policy.as_bytes());
    fields.push(("OSSAccessKeyId".to_owned(), credentials.access_key_id().to_owned()));
    fields.push(("policy".to_owned(), policy));
    fields.push(("Signature".to_owned(), signature));
    if let Some(token) = credentials.security_token() {
        fields.push(("x-oss-security-token".to_owned(), token.to_owned()));
    }
}

fn check_post(credentials: &Credentials) -> Result<(), SignError> {
    if credentials.is_anonymous() { Err(SignError::Anonymous) } else { check_key(credentials) }
}

/// Seconds from the signing time to the policy's expiration.
fn check_expiration(
    policy: &PostPolicy,
    credentials: &Credentials,
    time: SystemTime,
) -> Result<u64, SignError> {
    check_post(credentials)?;
    let start = Stamp::new(time).ok_or(SignError::TimeOutOfRange)?;
    let end = Stamp::new(policy.expiration()).ok_or(PolicyError::ExpirationOutOfRange)?;
    check_outlives(credentials, end.time())?;
    match end.unix().checked_sub(start.unix()) {
        Some(seconds) if seconds > 0 => Ok(seconds),
        _ => Err(PolicyError::ExpirationOutOfRange.into()),
    }
}
