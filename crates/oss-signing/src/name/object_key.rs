use std::fmt;
use std::str::FromStr;

use super::{NameError, excerpt};

/// The key (full name) of an object.
///
/// 1 to 1,023 **bytes** of UTF-8, not beginning with `/` or `\` (OSS documentation, "Object naming", error codes
/// 0016-00000005 and 0016-00000002). Everything else is legal and is kept as it is: `dir/`, `a//b`, `a#b?c`, `100%`,
/// `..`, emoji and control characters.
///
/// ```
/// # use oss_signing::ObjectKey;
/// let key: ObjectKey = "目录/a b+c.txt".parse()?;
/// assert!("/absolute".parse::<ObjectKey>().is_err());
/// # Ok::<(), oss_signing::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ObjectKey {
    type Error = NameError;

    fn try_from(key: String) -> Result<Self, NameError> {
        check(&key)?;
        Ok(Self(key))
    }
}

impl TryFrom<&str> for ObjectKey {
    type Error = NameError;

    fn try_from(key: &str) -> Result<Self, NameError> {
        check(key)?;
        Ok(Self(key.to_owned()))
    }
}

impl FromStr for ObjectKey {
    type Err = NameError;

    fn from_str(key: &str) -> Result<Self, NameError> {
        Self::try_from(key)
    }
}

impl AsRef<str> for ObjectKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(key: &str) -> Result<(), NameError> {
    let problem = match key.as_bytes() {
        [] => "is empty",
        [_, rest @ ..] if rest.len() >= 1_023 => "is longer than 1,023 bytes",
        [b'/', ..] => "begins with '/'",
        [b'\\', ..] => "begins with '\\'",
        _ => return Ok(()),
    };
    Err(NameError::Key { key: excerpt(key), problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_counts_bytes() {
        for good in [
            "a",
            "dir/",
            "a//b",
            "..",
            ".",
            "%2F",
            "a?b#c",
            "\u{1}",
            "好",
            &"a".repeat(1_023),
            &"好".repeat(341),
        ] {
            assert!(ObjectKey::try_from(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "/a", "\\a", &"a".repeat(1_024), &"好".repeat(342)] {
            let error = ObjectKey::try_from(bad).unwrap_err().to_string();
            assert!(error.starts_with("object key ") && error.contains("1,023"), "{error}");
            assert!(error.len() < 400, "{error}");
        }
    }
}
