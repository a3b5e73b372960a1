//! ListObjects and ListObjectsV2.

use std::ops::Bound;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::bucket::owner;
use super::listing::{Naming, Page, Wanted};
use super::stored::quoted;
use crate::answer::Answer;
use crate::body::Refusal;
use crate::clock::iso8601;
use crate::core::Exchange;
use crate::error::OssError;
use crate::operation::Operation;
use crate::store::Object;
use crate::xml::Document;

const DEFAULT_PAGE: u64 = 100;
const LARGEST_PAGE: u64 = 1000;

pub(crate) fn run(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let naming = Naming::of(exchange)?;
    let query = exchange.query;
    let second = exchange.operation == Operation::ListObjectsV2;
    let most = query.number("max-keys", 1, LARGEST_PAGE)?.unwrap_or(DEFAULT_PAGE);
    let token = query.non_empty("continuation-token").filter(|_| second).map(decode_token).transpose()?;
    let start = if second { query.value("start-after") } else { query.value("marker") }.unwrap_or_default();
    let after = token.as_deref().unwrap_or(start);
    let wanted = Wanted {
        prefix: query.value("prefix").unwrap_or_default(),
        delimiter: query.value("delimiter").unwrap_or_default(),
        after,
        most: usize::try_from(most).unwrap_or(usize::MAX),
    };
    let store = exchange.core.store.lock();
    let objects = &store.bucket(exchange.bucket)?.objects;
    let behind = if after < wanted.prefix { Bound::Included(wanted.prefix) } else { Bound::Excluded(after) };
    // An empty marker must not leave out an empty key, which no bucket has; the bound is harmless.
    let range = objects.range::<str, _>((behind, Bound::Unbounded));
    let page = Page::of(range.map(|(key, object)| (key.as_str(), Arc::clone(object))), &wanted);
    drop(store);
    let with_owner = !second || query.value("fetch-owner") == Some("true");
    Ok(Answer::xml(Document::build("ListBucketResult", |result| {
        result.text("Name", exchange.bucket);
        result.text("Prefix", naming.name(wanted.prefix));
        result.value("MaxKeys", most);
        result.text("Delimiter", naming.name(wanted.delimiter));
        naming.describe(result);
        if second {
            if !start.is_empty() {
                result.text("StartAfter", naming.name(start));
            }
            if let Some(token) = query.non_empty("continuation-token") {
                result.text("ContinuationToken", token);
            }
            result.value("KeyCount", page.items.len() + page.prefixes.len());
        } else {
            result.text("Marker", naming.name(start));
        }
        result.value("IsTruncated", page.truncated);
        if let Some(last) = page.last.as_deref().filter(|_| page.truncated) {
            if second {
                result.text("NextContinuationToken", encode_token(last));
            } else {
                result.text("NextMarker", naming.name(last));
            }
        }
        for (key, object) in &page.items {
            result.element("Contents", |contents| write_object(contents, naming, key, object, with_owner));
        }
        for prefix in &page.prefixes {
            result.element("CommonPrefixes", |common| common.text("Prefix", naming.name(prefix)));
        }
    })))
}

fn write_object(contents: &mut Document, naming: Naming, key: &str, object: &Object, with_owner: bool) {
    contents.text("Key", naming.name(key));
    contents.text("LastModified", iso8601(object.modified));
    contents.text("ETag", quoted(&object.etag));
    contents.text("Type", object.kind.as_str());
    contents.value("Size", object.content.size());
    contents.text("StorageClass", object.storage_class());
    if with_owner {
        contents.element("Owner", owner);
    }
}

/// A token of letters that no encoding changes.
fn encode_token(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

fn decode_token(token: &str) -> Result<String, OssError> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.ok_or_else(|| {
        OssError::invalid_argument("continuation-token", token, "The continuation token is not valid.")
    })
}
