//! GetObject, HeadObject and GetObjectMeta.

use std::ops::Range;
use std::time::SystemTime;

use http::StatusCode;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES, HeaderName, LAST_MODIFIED,
};

use super::stored;
use crate::answer::{Answer, AnswerBody};
use crate::body::Refusal;
use crate::clock::unix_seconds;
use crate::core::Exchange;
use crate::error::{INVALID_RANGE, OssError, PRECONDITION_FAILED};
use crate::store::Object;

/// How much of an object is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Headers and body.
    Whole,
    /// All headers.
    Head,
    /// The few headers of GetObjectMeta.
    Meta,
}

/// Query parameters of a signed request that replace headers of the answer.
const OVERRIDES: &[(&str, HeaderName)] = &[
    ("response-content-type", CONTENT_TYPE),
    ("response-content-language", CONTENT_LANGUAGE),
    ("response-expires", EXPIRES),
    ("response-cache-control", CACHE_CONTROL),
    ("response-content-disposition", CONTENT_DISPOSITION),
    ("response-content-encoding", CONTENT_ENCODING),
];

pub(crate) fn run(exchange: &Exchange<'_>, part: Part) -> Result<Answer, Refusal> {
    let object = exchange.core.store.lock().object(exchange.bucket, exchange.key)?;
    if let Some(unchanged) = check_conditions(exchange, &object)? {
        return Ok(unchanged);
    }
    let mut answer = Answer::ok();
    answer.headers = stored::checksum_headers(&object.etag, object.crc64, object.md5);
    answer.set(LAST_MODIFIED, httpdate::fmt_http_date(object.modified));
    if part == Part::Meta {
        answer.set(CONTENT_LENGTH, object.content.size().to_string());
        return Ok(answer);
    }
    describe(&mut answer, &object);
    if part == Part::Head {
        answer.set(CONTENT_LENGTH, object.content.size().to_string());
        return Ok(answer);
    }
    for (parameter, header) in OVERRIDES {
        if let Some(value) = exchange.query.value(parameter) {
            answer.set(header.clone(), value);
        }
    }
    let size = object.content.size();
    match wanted_range(exchange, size)? {
        None => answer.body = AnswerBody::content(&object.content)?,
        Some(range) => {
            answer.status = StatusCode::PARTIAL_CONTENT;
            answer.set(CONTENT_RANGE, format!("bytes {}-{}/{size}", range.start, range.end - 1));
            answer.body = AnswerBody::content(&object.content.slice(range))?;
        }
    }
    Ok(answer)
}

fn describe(answer: &mut Answer, object: &Object) {
    answer.set(ACCEPT_RANGES, "bytes");
    answer.set(CONTENT_TYPE, object.content_type());
    answer.set(HeaderName::from_static("x-oss-storage-class"), "Standard");
    for (name, value) in &object.metadata {
        if let Ok(name) = name.parse::<HeaderName>() {
            answer.set(name, value);
        }
    }
    answer.set(stored::OBJECT_TYPE, object.kind.as_str());
    if !object.tags.is_empty() {
        answer.set(HeaderName::from_static("x-oss-tagging-count"), object.tags.len().to_string());
    }
    if object.kind == crate::store::ObjectType::Appendable {
        answer.set(HeaderName::from_static("x-oss-next-append-position"), object.content.size().to_string());
    }
}

/// Judges the conditional headers; `Some` is the answer 304.
fn check_conditions(exchange: &Exchange<'_>, object: &Object) -> Result<Option<Answer>, OssError> {
    let matches = |list: &str| {
        list.split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.trim_matches('"').eq_ignore_ascii_case(&object.etag))
    };
    let modified = unix_seconds(object.modified);
    let seconds = |time: SystemTime| unix_seconds(time);
    let failed = |name: &str| Err(OssError::from(PRECONDITION_FAILED).with("Condition", name));
    if let Some(list) = exchange.header("if-match")? {
        if !matches(list) {
            return failed("If-Match");
        }
    } else if let Some(time) = date(exchange, "if-unmodified-since")?
        && modified > seconds(time)
    {
        return failed("If-Unmodified-Since");
    }
    let unchanged = match exchange.header("if-none-match")? {
        Some(list) => matches(list),
        None => date(exchange, "if-modified-since")?.is_some_and(|time| modified <= seconds(time)),
    };
    Ok(unchanged.then(|| {
        Answer::new(StatusCode::NOT_MODIFIED)
            .with(ETAG, stored::quoted(&object.etag))
            .with(LAST_MODIFIED, httpdate::fmt_http_date(object.modified))
    }))
}

/// A date that cannot be read is no condition.
fn date(exchange: &Exchange<'_>, name: &str) -> Result<Option<SystemTime>, OssError> {
    Ok(exchange.header(name)?.and_then(|text| httpdate::parse_http_date(text).ok()))
}

/// The range to answer; `None` is the whole object.
///
/// A range that reaches beyond the object is ignored, unless `x-oss-range-behavior: standard` asks for the
/// rules of HTTP (OSS page "GetObject").
fn wanted_range(exchange: &Exchange<'_>, size: u64) -> Result<Option<Range<u64>>, OssError> {
    let Some(text) = exchange.header("range")? else { return Ok(None) };
    let standard =
        exchange.header("x-oss-range-behavior")?.is_some_and(|value| value.eq_ignore_ascii_case("standard"));
    let Some((first, last)) = parse_range(text) else { return Ok(None) };
    let range = match (first, last) {
        (None, Some(suffix)) if suffix > 0 && (standard || suffix <= size) => {
            size.saturating_sub(suffix)..size
        }
        (Some(first), None) => first..size,
        (Some(first), Some(last)) if last < size || standard => first..size.min(last.saturating_add(1)),
        _ => 0..0,
    };
    match (range.start < range.end, standard) {
        (true, _) => Ok(Some(range)),
        (false, true) => Err(OssError::from(INVALID_RANGE)
            .with("ActualObjectSize", size.to_string())
            .with("RangeRequested", text)),
        (false, false) => Ok(None),
    }
}

/// `bytes=a-b`, `bytes=a-`, `bytes=-n`; several ranges, or none of these, count as no range.
fn parse_range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| if text.is_empty() { Some(None) } else { text.trim().parse().ok().map(Some) };
    let (first, last) = (number(first.trim())?, number(last.trim())?);
    match (first, last) {
        (None, None) => None,
        (Some(first), Some(last)) if first > last => None,
        range => Some(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(parse_range("bytes=0-9"), Some((Some(0), Some(9))));
        assert_eq!(parse_range("bytes=5-"), Some((Some(5), None)));
        assert_eq!(parse_range("bytes=-3"), Some((None, Some(3))));
        for no_range in ["bytes=-", "bytes=9-0", "bytes=0-1,3-4", "lines=1-2", "bytes=a-b"] {
            assert_eq!(parse_range(no_range), None, "{no_range}");
        }
    }
}
