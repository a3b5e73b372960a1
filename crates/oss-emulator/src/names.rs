//! The rules for bucket names and object keys, from the OSS pages "Bucket naming" and "Object naming"; and the owner's.

use crate::error::{INVALID_BUCKET_NAME, INVALID_OBJECT_NAME, OssError};

/// The account that owns everything in the emulator.
pub(crate) const OWNER: &str = "1234567890123456";

/// Whether a text can be the name of a bucket: 3 to 63 of `a-z 0-9 -`, no hyphen at either end.
pub(crate) fn is_bucket_name(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Refuses what OSS refuses as a bucket name.
pub(crate) fn check_bucket_name(name: &str) -> Result<(), OssError> {
    if is_bucket_name(name) {
        return Ok(());
    }
    Err(OssError::from(INVALID_BUCKET_NAME).with("BucketName", name))
}

/// Refuses what OSS refuses as an object key: empty, over 1,023 bytes, or starting with `/` or `\`.
pub(crate) fn check_object_key(key: &str) -> Result<(), OssError> {
    let refused = |ec: &'static str, why: String| {
        Err(OssError::from(INVALID_OBJECT_NAME).saying(why).ec(ec).with("ObjectName", key))
    };
    if key.is_empty() || key.len() > 1023 {
        return refused(
            "0016-00000005",
            format!(
                "The length of the object name must be between 1 and 1023 bytes, but it is {}.",
                key.len()
            ),
        );
    }
    if key.starts_with(['/', '\\']) {
        return refused("0016-00000002", "The object name must not start with / or \\.".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names() {
        for good in ["abc", "a-b", "0123456789", &"a".repeat(63)] {
            assert!(is_bucket_name(good), "{good}");
        }
        for bad in ["ab", "-abc", "abc-", "Abc", "a_b", "a.b", "-", &"a".repeat(64), "目录目"] {
            assert!(!is_bucket_name(bad), "{bad}");
        }
    }

    #[test]
    fn object_keys() {
        assert!(check_object_key(&"k".repeat(1023)).is_ok());
        for bad in [String::new(), "k".repeat(1024), "/a".to_owned(), "\\a".to_owned()] {
            assert!(check_object_key(&bad).is_err(), "{bad}");
        }
    }
}
