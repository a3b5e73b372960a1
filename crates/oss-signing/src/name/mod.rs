//! The names a request is built from. Each type has one fallible door, so that later code never sees a bad name.

mod bucket_name;
mod object_key;
mod region;

pub use bucket_name::BucketName;
pub use object_key::ObjectKey;
pub use region::Region;

/// A name that OSS would not accept.
///
/// `Display` names the argument, what was given and the rule it breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Not a bucket name.
    #[error(
        "bucket name {name:?} {problem}; a bucket name has 3 to 63 bytes of a-z, 0-9, '-' and '_' and begins and ends with a letter or digit"
    )]
    Bucket {
        /// What was given, cut to a readable length.
        name: String,
        /// The rule it breaks.
        problem: &'static str,
    },
    /// Not an object key.
    #[error(
        "object key {key:?} {problem}; an object key has 1 to 1,023 bytes of UTF-8 and begins with neither '/' nor '\\'"
    )]
    Key {
        /// What was given, cut to a readable length.
        key: String,
        /// The rule it breaks.
        problem: &'static str,
    },
    /// Not a general region id.
    #[error(
        "region {region:?} {problem}; take the general region id of a-z, 0-9 and '-', such as \"cn-hangzhou\""
    )]
    Region {
        /// What was given, cut to a readable length.
        region: String,
        /// The rule it breaks.
        problem: &'static str,
    },
}

/// Keeps an error readable, whatever was passed in as a name.
pub(crate) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
