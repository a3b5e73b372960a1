//! InitiateMultipartUpload.

use std::collections::BTreeMap;

use super::metadata;
use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::Exchange;
use crate::encoding::percent_encode;
use crate::store::{Record, Upload};
use crate::xml::Document;

pub(crate) fn run(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let url_encoding = exchange.url_encoding()?;
    let upload = Upload {
        initiated: exchange.now,
        sequential: exchange.query.has("sequential"),
        metadata: metadata::of_request(exchange)?,
        tags: metadata::tags(exchange)?,
        parts: BTreeMap::new(),
    };
    let id = format!("{:032X}", fastrand::u128(..));
    {
        let mut store = exchange.core.store.lock();
        metadata::check_overwrite(
            metadata::forbids_overwrite(exchange)?,
            store.bucket(exchange.bucket)?,
            exchange.key,
        )?;
        store.apply(Record::UploadPut {
            bucket: exchange.bucket.to_owned(),
            key: exchange.key.to_owned(),
            id: id.clone(),
            upload,
        })?;
    }
    exchange.ticket.update(|entry| entry.upload_id = Some(id.clone()));
    Ok(Answer::xml(Document::build("InitiateMultipartUploadResult", |result| {
        if url_encoding {
            result.text("EncodingType", "url");
        }
        result.text("Bucket", exchange.bucket);
        result.text("Key", if url_encoding { percent_encode(exchange.key) } else { exchange.key.to_owned() });
        result.text("UploadId", id);
    })))
}
