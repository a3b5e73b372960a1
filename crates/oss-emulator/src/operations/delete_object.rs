//! DeleteObject.

use http::StatusCode;

use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::Exchange;
use crate::store::Record;

pub(crate) fn run(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let mut store = exchange.core.store.lock();
    // An object that is not there is deleted all the same: 204.
    if store.bucket(exchange.bucket)?.objects.contains_key(exchange.key) {
        store.apply(Record::ObjectDeleted {
            bucket: exchange.bucket.to_owned(),
            key: exchange.key.to_owned(),
        })?;
    }
    Ok(Answer::new(StatusCode::NO_CONTENT))
}
