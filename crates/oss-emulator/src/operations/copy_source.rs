//! The source of CopyObject and UploadPartCopy.

use std::ops::Range;
use std::sync::Arc;

use crate::clock::unix_seconds;
use crate::core::Exchange;
use crate::encoding::form_decode;
use crate::error::{INVALID_RANGE, OssError, PRECONDITION_FAILED};
use crate::names::{check_bucket_name, check_object_key};
use crate::store::Object;

/// The object that `x-oss-copy-source` names, if the conditions on it hold.
pub(crate) fn source(exchange: &Exchange<'_>) -> Result<Arc<Object>, OssError> {
    let text = exchange.header("x-oss-copy-source")?.unwrap_or_default();
    let invalid = || {
        OssError::invalid_argument(
            "x-oss-copy-source",
            text,
            "Copy Source must mention the source bucket and key: /sourcebucket/sourcekey.",
        )
    };
    let path = text.split('?').next().unwrap_or_default();
    let decoded = form_decode(path).ok_or_else(invalid)?;
    let (bucket, key) = decoded.strip_prefix('/').unwrap_or(&decoded).split_once('/').ok_or_else(invalid)?;
    check_bucket_name(bucket)?;
    check_object_key(key)?;
    let object = exchange.core.store.lock().object(bucket, key)?;
    check_conditions(exchange, &object)?;
    Ok(object)
}

fn check_conditions(exchange: &Exchange<'_>, object: &Object) -> Result<(), OssError> {
    let same = |tag: &str| tag.trim().trim_matches('"').eq_ignore_ascii_case(&object.etag);
    let modified = unix_seconds(object.modified);
    let date = |name: &str| -> Result<Option<u64>, OssError> {
        Ok(exchange.header(name)?.and_then(|text| httpdate::parse_http_date(text).ok()).map(unix_seconds))
    };
    let holds = exchange.header("x-oss-copy-source-if-match")?.is_none_or(same)
        && exchange.header("x-oss-copy-source-if-none-match")?.is_none_or(|tag| !same(tag))
        && date("x-oss-copy-source-if-unmodified-since")?.is_none_or(|time| modified <= time)
        && date("x-oss-copy-source-if-modified-since")?.is_none_or(|time| modified > time);
    if holds { Ok(()) } else { Err(PRECONDITION_FAILED.into()) }
}

/// The bytes that `x-oss-copy-source-range` names; all of them without one.
pub(crate) fn range(exchange: &Exchange<'_>, size: u64) -> Result<Range<u64>, OssError> {
    let Some(text) = exchange.header("x-oss-copy-source-range")? else { return Ok(0..size) };
    let parsed = text
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    match parsed {
        Some((first, last)) if first <= last && last < size => Ok(first..last + 1),
        _ => Err(OssError::from(INVALID_RANGE)
            .with("ActualObjectSize", size.to_string())
            .with("RangeRequested", text)),
    }
}
