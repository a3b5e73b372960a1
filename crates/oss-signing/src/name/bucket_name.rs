use std::fmt;
use std::str::FromStr;

use super::{NameError, excerpt};

/// The name of a bucket.
///
/// 3 to 63 bytes of `a-z`, `0-9`, `-` and `_`; the first and the last are a letter or a digit (OSS documentation,
/// "Bucket naming"). New buckets cannot have a `_`; old ones do, and uploads to them must stay possible.
///
/// ```
/// # use oss_signing::BucketName;
/// let bucket: BucketName = "examplebucket".parse()?;
/// assert!("Examplebucket".parse::<BucketName>().is_err());
/// # Ok::<(), oss_signing::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketName(String);

impl BucketName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BucketName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        check(&name)?;
        Ok(Self(name))
    }
}

impl TryFrom<&str> for BucketName {
    type Error = NameError;

    fn try_from(name: &str) -> Result<Self, NameError> {
        check(name)?;
        Ok(Self(name.to_owned()))
    }
}

impl FromStr for BucketName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::try_from(name)
    }
}

impl AsRef<str> for BucketName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(name: &str) -> Result<(), NameError> {
    let bytes = name.as_bytes();
    let problem = match bytes {
        _ if !(3..=63).contains(&bytes.len()) => "has the wrong length",
        _ if !bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')) => {
            "holds another character"
        }
        [b'-' | b'_', ..] | [.., b'-' | b'_'] => "begins or ends with '-' or '_'",
        _ => return Ok(()),
    };
    Err(NameError::Bucket { name: excerpt(name), problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_of_the_documentation() {
        for good in ["abc", "a-b", "old_bucket", "0a9", &"a".repeat(63)] {
            assert!(BucketName::try_from(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", &"a".repeat(64), "-ab", "ab-", "_ab", "aBc", "a.b", "a b", "a/b", "büc", "a\nb"]
        {
            let error = BucketName::try_from(bad).unwrap_err().to_string();
            assert!(error.starts_with("bucket name ") && error.contains("3 to 63"), "{error}");
        }
    }
}
