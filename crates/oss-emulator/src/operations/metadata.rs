//! The headers that are kept with an object, its ACL and its tags.

use crate::core::Exchange;
use crate::encoding::form_decode;
use crate::error::{FILE_ALREADY_EXISTS, OssError};
use crate::store::{Acl, Bucket, Change, Metadata};

/// User metadata may not be longer than this in all, names included.
const LONGEST_USER_METADATA: usize = 8 * 1024;

const KEPT: &[&str] = &[
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    "x-oss-server-side-data-encryption",
    "x-oss-server-side-encryption",
    "x-oss-server-side-encryption-key-id",
    "x-oss-storage-class",
];

pub(crate) const USER_PREFIX: &str = "x-oss-meta-";

/// Whether a header is kept with the object.
pub(crate) fn is_kept(name: &str) -> bool {
    KEPT.contains(&name) || name.starts_with(USER_PREFIX)
}

/// The kept headers of a request.
pub(crate) fn of_request(exchange: &Exchange<'_>) -> Result<Metadata, OssError> {
    let mut metadata = Metadata::new();
    for name in exchange.parts.headers.keys().map(http::HeaderName::as_str).filter(|name| is_kept(name)) {
        if let Some(value) = exchange.header(name)? {
            metadata.insert(name.to_owned(), value.to_owned());
        }
    }
    check_size(&metadata)?;
    Ok(metadata)
}

/// Refuses user metadata that is too long.
pub(crate) fn check_size(metadata: &Metadata) -> Result<(), OssError> {
    let size: usize = metadata
        .iter()
        .filter(|(name, _)| name.starts_with(USER_PREFIX))
        .map(|(name, value)| name.len() - USER_PREFIX.len() + value.len())
        .sum();
    if size > LONGEST_USER_METADATA {
        return Err(OssError::invalid_argument(
            "x-oss-meta-",
            "",
            format!("The user metadata has {size} bytes; the most is {LONGEST_USER_METADATA}."),
        ));
    }
    Ok(())
}

/// The ACL that a request gives its object.
pub(crate) fn acl(exchange: &Exchange<'_>, header: &'static str) -> Result<Acl, OssError> {
    let Some(text) = exchange.header(header)? else { return Ok(Acl::Default) };
    Acl::parse(text)
        .ok_or_else(|| OssError::invalid_argument(header, text, "The ACL you specified is invalid."))
}

/// The tags in `x-oss-tagging`, a query string.
pub(crate) fn tags(exchange: &Exchange<'_>) -> Result<Vec<(String, String)>, OssError> {
    let Some(text) = exchange.header("x-oss-tagging")? else { return Ok(Vec::new()) };
    parse_tags(text)
}

/// Parses `name=value&name=value`.
pub(crate) fn parse_tags(text: &str) -> Result<Vec<(String, String)>, OssError> {
    let invalid = || OssError::invalid_argument("x-oss-tagging", text, "The tagging is invalid.");
    let tags = text
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((form_decode(name)?, form_decode(value)?))
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(invalid)?;
    check_tags(&tags)?;
    Ok(tags)
}

/// At most 10 tags, names of 1 to 128 characters, values of at most 256, no name twice.
pub(crate) fn check_tags(tags: &[(String, String)]) -> Result<(), OssError> {
    let legal = tags.len() <= 10
        && tags.iter().enumerate().all(|(index, (name, value))| {
            (1..=128).contains(&name.chars().count())
                && value.chars().count() <= 256
                && !tags[..index].iter().any(|(earlier, _)| earlier == name)
        });
    if legal {
        return Ok(());
    }
    Err(OssError::new(
        http::StatusCode::BAD_REQUEST,
        "InvalidTag",
        "At most 10 tags, each with a key of 1 to 128 characters, a value of at most 256, and no key twice.",
    ))
}

/// Whether the request forbids to overwrite.
pub(crate) fn forbids_overwrite(exchange: &Exchange<'_>) -> Result<bool, OssError> {
    Ok(exchange.header("x-oss-forbid-overwrite")?.is_some_and(|value| value.eq_ignore_ascii_case("true")))
}

/// Locks the store to write the request's object, unless that would overwrite one and the request forbids it.
pub(crate) fn lock_to_write<'a>(exchange: &Exchange<'a>) -> Result<Change<'a>, OssError> {
    let forbidden = forbids_overwrite(exchange)?;
    let store = exchange.core.store.lock();
    check_overwrite(forbidden, store.bucket(exchange.bucket)?, exchange.key)?;
    Ok(store)
}

/// Refuses to overwrite an object when that is forbidden.
pub(crate) fn check_overwrite(forbidden: bool, bucket: &Bucket, key: &str) -> Result<(), OssError> {
    if forbidden && bucket.objects.contains_key(key) {
        return Err(OssError::from(FILE_ALREADY_EXISTS).with("Key", key));
    }
    Ok(())
}
