//! ListMultipartUploads.

use super::listing::{Naming, Page, Wanted};
use crate::answer::Answer;
use crate::body::Refusal;
use crate::clock::iso8601;
use crate::core::Exchange;
use crate::xml::Document;

/// The default and the most of one page.
const PAGE: u64 = 1000;

pub(crate) fn run(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let naming = Naming::of(exchange)?;
    let query = exchange.query;
    let most = query.number("max-uploads", 1, PAGE)?.unwrap_or(PAGE);
    let key_marker = query.value("key-marker").unwrap_or_default();
    // Without a key marker the other one has no meaning.
    let id_marker = query.value("upload-id-marker").filter(|_| !key_marker.is_empty()).unwrap_or_default();
    let wanted = Wanted {
        prefix: query.value("prefix").unwrap_or_default(),
        delimiter: query.value("delimiter").unwrap_or_default(),
        after: key_marker,
        most: usize::try_from(most).unwrap_or(usize::MAX),
    };
    let store = exchange.core.store.lock();
    let uploads = &store.bucket(exchange.bucket)?.uploads;
    let behind = uploads.iter().filter(|((key, id), _)| {
        key.as_str() > key_marker || (key == key_marker && !id_marker.is_empty() && id.as_str() > id_marker)
    });
    let page =
        Page::of(behind.map(|((key, id), upload)| (key.as_str(), (id.clone(), upload.clone()))), &wanted);
    drop(store);
    let next_id = match (page.items.last(), &page.last) {
        (Some((key, (id, _))), Some(last)) if key == last => id.as_str(),
        _ => "",
    };
    Ok(Answer::xml(Document::build("ListMultipartUploadsResult", |result| {
        naming.describe(result);
        result.text("Bucket", exchange.bucket);
        result.text("KeyMarker", naming.name(key_marker));
        result.text("UploadIdMarker", id_marker);
        result.text("NextKeyMarker", naming.name(page.last.as_deref().unwrap_or_default()));
        result.text("NextUploadIdMarker", next_id);
        result.text("Delimiter", naming.name(wanted.delimiter));
        result.text("Prefix", naming.name(wanted.prefix));
        result.value("MaxUploads", most);
        result.value("IsTruncated", page.truncated);
        for (key, (id, upload)) in &page.items {
            result.element("Upload", |element| {
                element.text("Key", naming.name(key));
                element.text("UploadId", id);
                element.text("StorageClass", "Standard");
                element.text("Initiated", iso8601(upload.initiated));
            });
        }
        for prefix in &page.prefixes {
            result.element("CommonPrefixes", |common| common.text("Prefix", naming.name(prefix)));
        }
    })))
}
