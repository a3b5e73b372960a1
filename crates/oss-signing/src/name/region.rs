use std::fmt;
use std::str::FromStr;

use super::{NameError, excerpt};

/// A general region id such as `cn-hangzhou`, or the id of a CloudBox (`cb-…`).
///
/// `oss-cn-hangzhou` and `cn-hangzhou-internal` are parts of host names, not region ids. A V4 signature made with one
/// of them never matches, so they are refused here, with the id to use instead.
///
/// ```
/// # use oss_signing::Region;
/// let region: Region = "cn-hangzhou".parse()?;
/// assert!("oss-cn-hangzhou".parse::<Region>().is_err());
/// # Ok::<(), oss_signing::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

impl Region {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Region {
    type Error = NameError;

    fn try_from(region: String) -> Result<Self, NameError> {
        check(&region)?;
        Ok(Self(region))
    }
}

impl TryFrom<&str> for Region {
    type Error = NameError;

    fn try_from(region: &str) -> Result<Self, NameError> {
        check(region)?;
        Ok(Self(region.to_owned()))
    }
}

impl FromStr for Region {
    type Err = NameError;

    fn from_str(region: &str) -> Result<Self, NameError> {
        Self::try_from(region)
    }
}

impl AsRef<str> for Region {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(region: &str) -> Result<(), NameError> {
    let problem = if region.is_empty() {
        "is empty"
    } else if region.len() > 63 {
        "is longer than 63 bytes"
    } else if !region.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
        "holds another character"
    } else if region.starts_with("oss-") {
        "begins with \"oss-\", which belongs to host names: leave it out"
    } else if region.ends_with("-internal") {
        "ends with \"-internal\", which belongs to host names: leave it out"
    } else {
        return Ok(());
    };
    Err(NameError::Region { region: excerpt(region), problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_name_parts_are_refused_with_advice() {
        for good in ["cn-hangzhou", "ap-southeast-1", "cb-123", "cn-shenzhen-finance-1"] {
            assert!(Region::try_from(good).is_ok(), "{good}");
        }
        for bad in ["", "CN-hangzhou", "cn_hangzhou", "cn hangzhou", "cn/hangzhou", &"a".repeat(64)] {
            assert!(Region::try_from(bad).is_err(), "{bad}");
        }
        for bad in ["oss-cn-hangzhou", "cn-hangzhou-internal"] {
            assert!(Region::try_from(bad).unwrap_err().to_string().contains("leave it out"), "{bad}");
        }
    }
}
