//! UploadPartCopy.

use std::pin::Pin;
use std::sync::Arc;

use http_body_util::BodyExt;

use super::{copy_source, stored, upload_part};
use crate::answer::{Answer, AnswerBody};
use crate::body::Refusal;
use crate::clock::iso8601;
use crate::core::Exchange;
use crate::error::OssError;
use crate::store::{Content, Hasher, Part};
use crate::xml::Document;

pub(crate) async fn run(exchange: &mut Exchange<'_>) -> Result<Answer, Refusal> {
    let number = upload_part::part_number(exchange)?;
    let id = exchange.upload_id().to_owned();
    exchange.core.store.lock().upload(exchange.bucket, exchange.key, &id)?;
    let source = copy_source::source(exchange)?;
    let range = copy_source::range(exchange, source.content.size())?;
    let whole = range == (0..source.content.size());
    let content = source.content.slice(range);
    let part = match (whole, source.md5, content.is_readable()) {
        (true, Some(md5), _) => part(exchange, content, source.crc64, Some(md5)),
        (_, _, true) => {
            let (crc64, md5) = checksums(&content).await?;
            part(exchange, content, Some(crc64), Some(md5))
        }
        // The sink store cannot read the range, so its checksum is not known, which OSS allows for copied parts.
        (_, _, false) => part(exchange, content, None, None),
    };
    let part = Arc::new(part);
    upload_part::keep(exchange, id, number, Arc::clone(&part))?;
    let mut answer = Answer::xml(Document::build("CopyPartResult", |result| {
        result.text("LastModified", iso8601(part.modified));
        result.text("ETag", stored::quoted(&part.etag));
    }));
    answer.headers.extend(stored::checksum_headers(&part.etag, part.crc64, None));
    Ok(answer)
}

fn part(exchange: &Exchange<'_>, content: Content, crc64: Option<u64>, md5: Option<[u8; 16]>) -> Part {
    let checksums = crate::store::Checksums { size: content.size(), crc64: crc64.unwrap_or(0), md5 };
    Part { content, etag: checksums.etag(), crc64, md5, modified: exchange.now }
}

async fn checksums(content: &Content) -> Result<(u64, [u8; 16]), Refusal> {
    let mut hasher = Hasher::new(true);
    let mut body = AnswerBody::content(content)?;
    while let Some(frame) = Pin::new(&mut body).frame().await {
        let frame = frame.map_err(Exchange::io)?;
        if let Some(piece) = frame.data_ref() {
            hasher.update(piece);
        }
    }
    let checksums = hasher.finish();
    let md5 = checksums.md5.ok_or_else(|| OssError::internal("no MD5 was calculated"))?;
    Ok((checksums.crc64, md5))
}
