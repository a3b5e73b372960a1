//! AbortMultipartUpload.

use http::StatusCode;

use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::Exchange;
use crate::store::Record;

pub(crate) fn run(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let mut store = exchange.core.store.lock();
    store.upload(exchange.bucket, exchange.key, exchange.upload_id())?;
    store.apply(Record::UploadAborted {
        bucket: exchange.bucket.to_owned(),
        key: exchange.key.to_owned(),
        id: exchange.upload_id().to_owned(),
    })?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}
