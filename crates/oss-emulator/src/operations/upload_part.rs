//! UploadPart.

use std::sync::Arc;

use super::{receive, stored};
use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::Exchange;
use crate::error::{OssError, PART_ALREADY_EXIST, PART_NOT_SEQUENTIAL};
use crate::store::{Part, Record, Upload};

/// The highest part number, and so the largest number of parts.
pub(crate) const MOST_PARTS: u32 = 10_000;

pub(crate) async fn run(exchange: &mut Exchange<'_>) -> Result<Answer, Refusal> {
    let number = part_number(exchange)?;
    let id = exchange.upload_id().to_owned();
    check_order(exchange.core.store.lock().upload(exchange.bucket, exchange.key, &id)?, number)?;
    let (content, checksums) = receive::content(exchange).await?;
    let part = Arc::new(Part {
        content,
        etag: checksums.etag(),
        crc64: Some(checksums.crc64),
        md5: checksums.md5,
        modified: exchange.now,
    });
    keep(exchange, id, number, Arc::clone(&part))?;
    let mut answer = Answer::ok();
    answer.headers = stored::checksum_headers(&part.etag, part.crc64, part.md5);
    Ok(answer)
}

/// The part number of a request, within the bounds of OSS.
pub(crate) fn part_number(exchange: &Exchange<'_>) -> Result<u32, OssError> {
    let text = exchange.query.value("partNumber").unwrap_or_default();
    match text.parse::<u32>() {
        Ok(number) if (1..=MOST_PARTS).contains(&number) => Ok(number),
        _ => Err(OssError::invalid_argument(
            "partNumber",
            text,
            "Part number must be an integer between 1 and 10000, inclusive",
        )),
    }
}

/// Adds a part to its upload, which may have ended while the part was on its way.
pub(crate) fn keep(
    exchange: &Exchange<'_>,
    id: String,
    number: u32,
    part: Arc<Part>,
) -> Result<(), OssError> {
    let mut store = exchange.core.store.lock();
    check_order(store.upload(exchange.bucket, exchange.key, &id)?, number)?;
    store.apply(Record::PartPut {
        bucket: exchange.bucket.to_owned(),
        key: exchange.key.to_owned(),
        id,
        number,
        part,
    })
}

/// In sequential mode parts come in order and only once.
fn check_order(upload: &Upload, number: u32) -> Result<(), OssError> {
    if !upload.sequential {
        return Ok(());
    }
    if let Some(existing) = upload.parts.get(&number) {
        return Err(OssError::from(PART_ALREADY_EXIST)
            .with("PartNumber", number.to_string())
            .with("PartEtag", existing.etag.clone()));
    }
    let next = upload.parts.last_key_value().map_or(1, |(last, _)| last + 1);
    if number != next {
        return Err(OssError::from(PART_NOT_SEQUENTIAL).with("PartNumber", number.to_string()));
    }
    Ok(())
}
