//! PutObjectACL and GetObjectACL.

use std::sync::Arc;

use super::{bucket, metadata};
use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::Exchange;
use crate::error::OssError;
use crate::store::{Object, Record};

pub(crate) fn put(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    if exchange.header("x-oss-object-acl")?.is_none() {
        return Err(OssError::invalid_argument("x-oss-object-acl", "", "The ACL is missing.").into());
    }
    let acl = metadata::acl(exchange, "x-oss-object-acl")?;
    change(exchange, |object| object.acl = acl)?;
    Ok(Answer::ok())
}

pub(crate) fn get(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let object = exchange.core.store.lock().object(exchange.bucket, exchange.key)?;
    Ok(Answer::xml(bucket::acl_document(object.acl)))
}

/// Changes what is said about an object and leaves its content alone.
pub(crate) fn change(exchange: &Exchange<'_>, change: impl FnOnce(&mut Object)) -> Result<(), OssError> {
    let mut store = exchange.core.store.lock();
    let mut object = (*store.object(exchange.bucket, exchange.key)?).clone();
    change(&mut object);
    store.apply(Record::ObjectPut {
        bucket: exchange.bucket.to_owned(),
        key: exchange.key.to_owned(),
        object: Arc::new(object),
    })
}
