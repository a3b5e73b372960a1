//! ListParts.

use super::listing::Naming;
use super::stored::quoted;
use crate::answer::Answer;
use crate::body::Refusal;
use crate::clock::iso8601;
use crate::core::Exchange;
use crate::xml::Document;

/// The default and the most of one page.
const PAGE: u64 = 1000;

pub(crate) fn run(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let naming = Naming::of(exchange)?;
    let most = exchange.query.number("max-parts", 1, PAGE)?.unwrap_or(PAGE);
    let marker = exchange.query.number("part-number-marker", 0, u64::from(u32::MAX))?.unwrap_or(0);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let after = u32::try_from(marker).unwrap_or(u32::MAX);
    let store = exchange.core.store.lock();
    let upload = store.upload(exchange.bucket, exchange.key, exchange.upload_id())?;
    let mut parts = upload.parts.range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
    let page: Vec<_> = parts.by_ref().take(most).collect();
    let truncated = parts.next().is_some();
    let stuck = exchange.faulty.stuck_marker;
    let next = page.last().filter(|_| !stuck).map_or(marker, |(number, _)| u64::from(**number));
    let storage_class = upload.metadata.get("x-oss-storage-class").map_or("Standard", String::as_str);
    Ok(Answer::xml(Document::build("ListPartsResult", |result| {
        naming.describe(result);
        result.text("Bucket", exchange.bucket);
        result.text("Key", naming.name(exchange.key));
        result.text("UploadId", exchange.upload_id());
        result.text("StorageClass", storage_class);
        result.value("PartNumberMarker", marker);
        result.value("NextPartNumberMarker", next);
        result.value("MaxParts", most);
        result.value("IsTruncated", truncated || stuck);
        for (number, part) in &page {
            result.element("Part", |element| {
                element.value("PartNumber", number);
                element.text("LastModified", iso8601(part.modified));
                element.text("ETag", quoted(&part.etag));
                if let Some(crc64) = part.crc64 {
                    element.value("HashCrc64ecma", crc64);
                }
                element.value("Size", part.content.size());
            });
        }
    })))
}
