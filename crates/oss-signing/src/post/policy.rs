use std::ops::RangeInclusive;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::name::BucketName;
use crate::stamp::Stamp;

use super::condition::Condition;

/// Names the signer writes itself, and the one that comes after all others.
const RESERVED: [&str; 9] = [
    "OSSAccessKeyId",
    "Signature",
    "file",
    "policy",
    "x-oss-credential",
    "x-oss-date",
    "x-oss-security-token",
    "x-oss-signature",
    "x-oss-signature-version",
];
/// Bytes of a field name and value (OSS documentation, "PostObject").
const MAX_NAME: usize = 8 * 1024;
const MAX_VALUE: usize = 2 * 1024 * 1024;

/// What a form upload may do: built on the server, signed, and handed to a browser.
///
/// Whatever no condition speaks of is the browser's choice, the key and the callback included. Every field given with
/// [`PostPolicy::field`] is therefore pinned to its value.
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// # use oss_signing::{Credentials, PostPolicy, Region, Signer, V4Signer};
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_734_060_187);
/// let policy = PostPolicy::new(&"examplebucket".parse()?, now + Duration::from_secs(600))
///     .starts_with("key", "user/42/")
///     .is_in("content-type", ["image/png", "image/jpeg"])
///     .content_length_range(1..=10_485_760)
///     .field("callback", "eyJjYWxsYmFja1VybCI6Imh0dHBzOi8vYXBwLmV4YW1wbGUuY29tIn0=")
///     .field("x:user", "42");
/// let signer = V4Signer::new("cn-hangzhou".parse::<Region>()?);
/// let fields = signer.sign_post(&policy, &Credentials::new("id", "secret"), now)?;
/// assert_eq!(fields.get("x:user"), Some("42"));
/// assert!(fields.get("x-oss-signature").is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct PostPolicy {
    bucket: BucketName,
    expiration: SystemTime,
    conditions: Vec<Condition>,
    fields: Vec<(String, String)>,
}

impl PostPolicy {
    /// A policy for uploads to one bucket until `expiration`, which is written in whole seconds.
    pub fn new(bucket: &BucketName, expiration: SystemTime) -> Self {
        Self { bucket: bucket.clone(), expiration, conditions: Vec::new(), fields: Vec::new() }
    }

    /// Hands out a field and pins it: the form has to send exactly this value.
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (field, value) = (name.into(), value.into());
        self.fields.push((field.clone(), value.clone()));
        self.conditions.push(Condition::Equal { field, value });
        self
    }

    /// The field must have this value; the form sets it.
    pub fn equals(mut self, field: impl Into<String>, value: impl Into<String>) -> Self {
        self.conditions.push(Condition::Equal { field: field.into(), value: value.into() });
        self
    }

    /// The field must begin with this text; the form chooses the rest.
    pub fn starts_with(mut self, field: impl Into<String>, prefix: impl Into<String>) -> Self {
        self.conditions.push(Condition::StartsWith { field: field.into(), prefix: prefix.into() });
        self
    }

    /// The field must have one of these values.
    pub fn is_in<V: Into<String>>(
        mut self,
        field: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.conditions.push(Condition::In { field: field.into(), values });
        self
    }

    /// The field must have none of these values.
    pub fn not_in<V: Into<String>>(
        mut self,
        field: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.conditions.push(Condition::NotIn { field: field.into(), values });
        self
    }

    /// The object must have this many bytes. Without it the limit is OSS's own, 5 GiB.
    pub fn content_length_range(mut self, bytes: RangeInclusive<u64>) -> Self {
        self.conditions.push(Condition::ContentLength { min: *bytes.start(), max: *bytes.end() });
        self
    }

    pub(super) fn expiration(&self) -> SystemTime {
        self.expiration
    }

    pub(super) fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The JSON text, with one exact condition for each of `signed`.
    pub(super) fn to_json(&self, signed: &[(&str, &str)]) -> Result<String, PolicyError> {
        self.check()?;
        let expiration = Stamp::new(self.expiration).ok_or(PolicyError::ExpirationOutOfRange)?;
        let exact = [("bucket", self.bucket.as_str())];
        let exact = exact.iter().chain(signed).map(|(name, value)| json!({ *name: value }));
        let conditions: Vec<Value> = exact.chain(self.conditions.iter().map(Condition::to_json)).collect();
        Ok(json!({ "expiration": expiration.extended(), "conditions": conditions }).to_string())
    }

    fn check(&self) -> Result<(), PolicyError> {
        for (position, (name, value)) in self.fields.iter().enumerate() {
            if name.is_empty() || RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
                return Err(PolicyError::ReservedField { name: name.clone() });
            }
            if self.fields[..position].iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return Err(PolicyError::RepeatedField { name: name.clone() });
            }
            for (length, limit) in [(name.len(), MAX_NAME), (value.len(), MAX_VALUE)] {
                if length > limit {
                    let name = name.chars().take(80).collect();
                    return Err(PolicyError::FieldTooLong { name, length, limit });
                }
            }
        }
        for condition in &self.conditions {
            if let Condition::ContentLength { min, max } = *condition
                && min > max
            {
                return Err(PolicyError::EmptyLengthRange { min, max });
            }
        }
        Ok(())
    }
}

/// A policy that OSS would not accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The signer writes this field itself, or it has no name.
    #[error(
        "the form field {name:?} cannot be set: the signature fields are added by the signer, the file by the form"
    )]
    ReservedField {
        /// The field.
        name: String,
    },
    /// A field is handed out twice.
    #[error("the form field {name:?} is given twice: keep one value")]
    RepeatedField {
        /// The field.
        name: String,
    },
    /// A field is longer than OSS takes.
    #[error("the form field {name:?} has a part of {length} bytes; the limit is {limit}")]
    FieldTooLong {
        /// The field, cut to a readable length.
        name: String,
        /// Bytes of its name or value.
        length: usize,
        /// Most bytes.
        limit: usize,
    },
    /// No length lies in the range.
    #[error("content_length_range from {min} to {max} allows no object: give the smaller bound first")]
    EmptyLengthRange {
        /// Fewest bytes.
        min: u64,
        /// Most bytes.
        max: u64,
    },
    /// The expiration is not after the signing time, or not writable.
    #[error("the policy's expiration is not after the signing time, or lies outside the years 1970 to 9999")]
    ExpirationOutOfRange,
    /// A V4 policy may live for seven days.
    #[error("the policy expires {given} s after its signing time; a V4 policy lives at most 604,800 s")]
    ExpirationTooFar {
        /// Seconds asked for.
        given: u64,
    },
}
