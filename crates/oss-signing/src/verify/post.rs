//! Checking the signature and the conditions of a form upload.

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::post::condition::Condition;
use crate::stamp::Stamp;
use crate::v4::{ALGORITHM, MAX_LIFETIME};

use super::scheme::token;
use super::v4::Credential;
use super::{Explanation, Scheme, Verified, Verifier, VerifyError, secret, v1};

impl Verifier {
    /// Checks the fields of a form upload (`PostObject`): its signature, then every condition of its policy.
    ///
    /// `fields` are all fields but `file`, in any order. A condition on `content-type` looks at the field of that
    /// name; where the type comes with the file part, the caller adds it. The size of the object is known later: ask
    /// [`VerifiedPost::check_content_length`] then.
    ///
    /// Field names are compared without regard to case, and no field may be there twice, so that no two readers of
    /// the form see two values.
    ///
    /// # Errors
    /// [`VerifyError`] has one variant per reason and knows OSS's status, code and EC for it.
    pub fn verify_post(
        &self,
        fields: &[(&str, &str)],
        bucket: &str,
        now: SystemTime,
        secret_for: &dyn Fn(&str) -> Option<String>,
    ) -> Result<VerifiedPost, VerifyError> {
        let form = Form::new(fields)?;
        let scheme = form.version()?;
        let access_key_id = match scheme {
            Scheme::V4Post => self.verify_v4_post(&form, now, secret_for)?,
            _ => verify_v1_post(&form, secret_for)?,
        };
        let policy = Policy::read(form.required("policy")?)?;
        if now > policy.expiration {
            return Err(VerifyError::Expired { scheme, expired_at: policy.expiration, server_time: now });
        }
        let content_length = policy.check(&form, bucket, scheme)?;
        let security_token = form.get("x-oss-security-token").map(str::to_owned);
        Ok(VerifiedPost { verified: Verified { scheme, access_key_id, security_token }, content_length })
    }

    fn verify_v4_post(
        &self,
        form: &Form<'_>,
        now: SystemTime,
        secret_for: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, VerifyError> {
        let scheme = Scheme::V4Post;
        let policy = form.required("policy")?;
        let signature = form.required("x-oss-signature")?;
        let credential = form.required("x-oss-credential")?;
        let date = form.required("x-oss-date")?;
        let stamp = Stamp::parse_compact(date.as_bytes())
            .ok_or_else(|| VerifyError::MalformedDate { scheme, value: date.to_owned() })?;
        let credential = Credential::read(credential, stamp, scheme)?;
        credential.check_scope(self.keys.region().as_str(), self.keys.product().as_str(), scheme)?;
        super::check_window(scheme, stamp.time(), Duration::from_secs(MAX_LIFETIME), now, self.max_skew)?;
        let secret = secret(secret_for, credential.access_key_id)?;
        if self.keys.get(&secret, &stamp.day()).verify(policy.as_bytes(), signature.as_bytes()) {
            return Ok(credential.access_key_id.to_owned());
        }
        Err(mismatch(scheme, credential.access_key_id, signature, policy))
    }
}

fn verify_v1_post(
    form: &Form<'_>,
    secret_for: &dyn Fn(&str) -> Option<String>,
) -> Result<String, VerifyError> {
    let policy = form.required("policy")?;
    let signature = form.required("Signature")?;
    let access_key_id = form.required("OSSAccessKeyId")?;
    let secret = secret(secret_for, access_key_id)?;
    if v1::matches(&secret, policy.as_bytes(), signature.as_bytes()) {
        return Ok(access_key_id.to_owned());
    }
    Err(mismatch(Scheme::V1Post, access_key_id, signature, policy))
}

fn mismatch(scheme: Scheme, access_key_id: &str, signature: &str, policy: &str) -> VerifyError {
    let explanation =
        Explanation::new(scheme, access_key_id, signature.as_bytes(), policy.as_bytes().to_vec());
    VerifyError::SignatureDoesNotMatch(Box::new(explanation))
}

/// A form upload whose signature is right and whose fields meet the policy. `Debug` does not show the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPost {
    verified: Verified,
    content_length: RangeInclusive<u64>,
}

impl VerifiedPost {
    /// How the policy was signed.
    pub fn scheme(&self) -> Scheme {
        self.verified.scheme()
    }

    /// Who signed it.
    pub fn access_key_id(&self) -> &str {
        self.verified.access_key_id()
    }

    /// The STS token of the form. Whether it belongs to the access key is for the caller to check.
    pub fn security_token(&self) -> Option<&str> {
        self.verified.security_token()
    }

    /// How many bytes the object may have; everything where the policy says nothing.
    pub fn content_length(&self) -> RangeInclusive<u64> {
        self.content_length.clone()
    }

    /// Checks the size of the object, once it is known.
    ///
    /// # Errors
    /// [`VerifyError::EntityTooSmall`] and [`VerifyError::EntityTooLarge`].
    pub fn check_content_length(&self, length: u64) -> Result<(), VerifyError> {
        if length < *self.content_length.start() {
            return Err(VerifyError::EntityTooSmall { length, min: *self.content_length.start() });
        }
        if length > *self.content_length.end() {
            return Err(VerifyError::EntityTooLarge { length, max: *self.content_length.end() });
        }
        Ok(())
    }
}

/// The fields of a form, each there at most once.
struct Form<'a> {
    fields: &'a [(&'a str, &'a str)],
}

impl<'a> Form<'a> {
    fn new(fields: &'a [(&'a str, &'a str)]) -> Result<Self, VerifyError> {
        let mut names: Vec<String> = fields.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(VerifyError::RepeatedParameter { name: twice[0].clone() }),
            None => Ok(Self { fields }),
        }
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    fn required(&self, name: &'static str) -> Result<&'a str, VerifyError> {
        match self.get(name) {
            None => Err(VerifyError::MissingField { name }),
            Some("") => Err(VerifyError::EmptyField { name }),
            Some(value) => Ok(value),
        }
    }

    fn version(&self) -> Result<Scheme, VerifyError> {
        match self.get("x-oss-signature-version") {
            Some(ALGORITHM) => return Ok(Scheme::V4Post),
            Some(version) => {
                return Err(VerifyError::UnsupportedPostVersion { version: token(version.as_bytes()) });
            }
            None => {}
        }
        let holds = |names: &[&str]| names.iter().any(|name| self.get(name).is_some());
        if holds(&["x-oss-signature", "x-oss-credential"]) {
            return Err(VerifyError::MissingField { name: "x-oss-signature-version" });
        }
        if holds(&["OSSAccessKeyId", "Signature", "policy"]) {
            return Ok(Scheme::V1Post);
        }
        Err(VerifyError::NotSigned)
    }
}

struct Policy {
    expiration: SystemTime,
    conditions: Vec<(Value, Vec<Condition>)>,
}

impl Policy {
    /// Reads the field `policy`, once its signature is known to be right.
    fn read(encoded: &str) -> Result<Self, VerifyError> {
        let malformed = |problem| VerifyError::MalformedPolicy { problem };
        let json = STANDARD.decode(encoded).map_err(|_| malformed("it is not standard base64"))?;
        let policy: Value = serde_json::from_slice(&json).map_err(|_| malformed("it is not JSON"))?;
        let expiration = policy.get("expiration").ok_or(malformed("expiration is missing"))?;
        let expiration = expiration.as_str().ok_or(malformed("expiration is not a string"))?;
        let expiration = Stamp::parse_extended(expiration.as_bytes())
            .ok_or(malformed("expiration is not like 2024-12-13T03:23:07.000Z"))?;
        let conditions = policy.get("conditions").ok_or(malformed("conditions are missing"))?;
        let conditions = conditions.as_array().ok_or(malformed("conditions are not an array"))?;
        let read = |element: &Value| {
            let conditions = Condition::read(element).ok_or(malformed("it holds an unreadable condition"))?;
            Ok((element.clone(), conditions))
        };
        let conditions = conditions.iter().map(read).collect::<Result<_, VerifyError>>()?;
        Ok(Self { expiration: expiration.time(), conditions })
    }

    /// Holds every condition against the form; what remains is the range of lengths that all of them allow.
    fn check(
        &self,
        form: &Form<'_>,
        bucket: &str,
        scheme: Scheme,
    ) -> Result<RangeInclusive<u64>, VerifyError> {
        if scheme == Scheme::V4Post {
            self.check_pinned(form)?;
        }
        let mut lengths = 0..=u64::MAX;
        for (element, conditions) in &self.conditions {
            for condition in conditions {
                if let Condition::ContentLength { min, max } = *condition {
                    lengths = min.max(*lengths.start())..=max.min(*lengths.end());
                }
                let given = match condition.field() {
                    Some(field) if field.eq_ignore_ascii_case("bucket") => Some(bucket),
                    Some(field) => form.get(field),
                    None => None,
                };
                if !condition.allows(given) {
                    return Err(VerifyError::PolicyConditionFailed { condition: shown(element, condition) });
                }
            }
        }
        Ok(lengths)
    }

    /// V4 demands that the policy speaks of the bucket and of each signature field.
    fn check_pinned(&self, form: &Form<'_>) -> Result<(), VerifyError> {
        let token = form.get("x-oss-security-token").map(|_| "x-oss-security-token");
        let demanded = ["bucket", "x-oss-signature-version", "x-oss-credential", "x-oss-date"];
        for name in demanded.into_iter().chain(token) {
            let pins = |condition: &Condition| match condition {
                Condition::Equal { field, .. } => field.eq_ignore_ascii_case(name),
                _ => false,
            };
            if !self.conditions.iter().any(|(_, conditions)| conditions.iter().any(pins)) {
                return Err(VerifyError::MissingPolicyCondition { name });
            }
        }
        Ok(())
    }
}

/// The JSON text of a condition for an error message, which must not show a token that is pinned, be it by another
/// pair of the same object.
fn shown(element: &Value, condition: &Condition) -> String {
    let alone = element.as_object().is_none_or(|pairs| pairs.len() == 1);
    match condition.field() {
        Some(field) if field.eq_ignore_ascii_case("x-oss-security-token") => {
            r#"{"x-oss-security-token":"[redacted]"}"#.to_owned()
        }
        _ if alone => element.to_string(),
        _ => condition.to_json().to_string(),
    }
}
