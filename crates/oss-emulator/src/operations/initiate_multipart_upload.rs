//! InitiateMultipartUpload.

use std::collections::BTreeMap;

use super::listing::Naming;
use super::metadata;
use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::Exchange;
use crate::store::{Record, Upload};
use crate::xml::Document;

pub(crate) fn run(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let naming = Naming::of(exchange)?;
    let upload = Upload {
        initiated: exchange.now,
        sequential: exchange.query.has("sequential"),
        metadata: metadata::of_request(exchange)?,
        tags: metadata::tags(exchange)?,
        parts: BTreeMap::new(),
    };
    let id = format!("{:032X}", fastrand::u128(..));
    metadata::lock_to_write(exchange)?.apply(Record::UploadPut {
        bucket: exchange.bucket.to_owned(),
        key: exchange.key.to_owned(),
        id: id.clone(),
        upload,
    })?;
    exchange.ticket.update(|entry| entry.upload_id = Some(id.clone()));
    Ok(Answer::xml(Document::build("InitiateMultipartUploadResult", |result| {
        naming.describe(result);
        result.text("Bucket", exchange.bucket);
        result.text("Key", naming.name(exchange.key));
        result.text("UploadId", id);
    })))
}
