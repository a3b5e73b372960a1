//! The answer to a request that stored an object: checksums in headers, and the callback if one was asked for.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, HeaderName};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::oneshot;

use crate::answer::{Answer, AnswerBody};
use crate::callback::{Callback, Facts, Failure, IMAGE_HEAD, Image, Reply, identify_image};
use crate::core::Exchange;
use crate::encoding::base64;
use crate::error::OssError;
use crate::fault::CallbackFault;
use crate::store::Object;

pub(crate) const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
pub(crate) const CRC64: HeaderName = HeaderName::from_static("x-oss-hash-crc64ecma");
pub(crate) const OBJECT_TYPE: HeaderName = HeaderName::from_static("x-oss-object-type");

/// `"ETAG"` as a header has it.
pub(crate) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// The checksums of an object as headers.
pub(crate) fn checksum_headers(etag: &str, crc64: Option<u64>, md5: Option<[u8; 16]>) -> HeaderMap {
    let mut answer = Answer::ok().with(ETAG, quoted(etag));
    if let Some(crc64) = crc64 {
        answer.set(CRC64, crc64.to_string());
    }
    if let Some(md5) = md5 {
        answer.set(CONTENT_MD5, base64(&md5));
    }
    answer.headers
}

/// The callback of a request, checked before anything is stored.
pub(crate) async fn callback(exchange: &mut Exchange<'_>) -> Result<Option<Callback>, OssError> {
    let callback = Callback::of_request(&exchange.parts.headers, exchange.query)?;
    if let Some(callback) = &callback {
        exchange.core.callbacks.check(callback).await?;
    }
    Ok(callback)
}

/// Answers for a stored object: the plain answer, or what the application server said, or 203.
///
/// The object stays whatever becomes of the callback.
pub(crate) async fn answer(
    exchange: &mut Exchange<'_>,
    callback: Option<Callback>,
    key: &str,
    object: &Object,
    plain: Answer,
) -> Answer {
    let Some(callback) = callback else { return plain };
    match exchange.faulty.callback.take() {
        Some(CallbackFault::Fail { message, ec }) => return failed(exchange, plain, message, ec),
        Some(CallbackFault::Answer { content_type, body }) => {
            return relayed(plain, content_type, body);
        }
        None => {}
    }
    let mut facts = facts(exchange, key, object);
    if callback.template.mentions("imageInfo.") {
        facts.image = image(object).await;
    }
    let delivery = deliver(exchange, callback, facts).await;
    match delivery.unwrap_or_else(|_| Err(Failure::no_connection("the emulator broke off"))) {
        Ok(reply) => relayed(plain, reply.content_type, reply.body),
        Err(failure) => failed(exchange, plain, failure.message, failure.ec.to_owned()),
    }
}

/// Sends the callback in a task of its own, because OSS sends it whether or not the uploader waits for the answer.
///
/// The task holds no more than it needs, so that an emulator that is dropped lets go of its store.
fn deliver(
    exchange: &Exchange<'_>,
    callback: Callback,
    facts: Facts,
) -> oneshot::Receiver<Result<Reply, Failure>> {
    let core = exchange.core;
    let (sender, journal) = (Arc::clone(&core.callbacks), Arc::clone(&core.journal));
    let key_url = core.config.callback_key_url.clone();
    let (now, sequence) = (exchange.now, exchange.ticket.sequence);
    core.deliveries.spawn(async move {
        let delivery = sender.deliver(&callback, &facts, &key_url, now).await;
        journal.update(sequence, |entry| entry.callback = Some(delivery.record));
        delivery.outcome
    })
}

/// The application server's answer with the headers of the stored object.
fn relayed(mut plain: Answer, content_type: impl AsRef<[u8]>, body: impl Into<Bytes>) -> Answer {
    plain.status = StatusCode::OK;
    plain.set(CONTENT_TYPE, content_type);
    plain.body = AnswerBody::full(body);
    plain
}

fn facts(exchange: &Exchange<'_>, key: &str, object: &Object) -> Facts {
    Facts {
        bucket: exchange.bucket.to_owned(),
        object: key.to_owned(),
        etag: object.etag.clone(),
        size: object.content.size(),
        mime_type: object.content_type().to_owned(),
        crc64: object.crc64,
        content_md5: object.md5.map(|md5| base64(&md5)),
        client_ip: exchange.client_ip.map(|address| address.to_string()),
        request_id: exchange.request_id.to_owned(),
        operation: exchange.operation.name(),
        image: None,
    }
}

/// What the object is as a picture; bytes that cannot be read are none.
async fn image(object: &Object) -> Option<Image> {
    let mut body = AnswerBody::content(&object.content.slice(0..IMAGE_HEAD)).ok()?;
    let mut head = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        head.extend_from_slice(frame.data_ref()?);
    }
    identify_image(&head)
}

/// 203 with the headers of the stored object and an error document.
fn failed(exchange: &Exchange<'_>, plain: Answer, message: String, ec: String) -> Answer {
    exchange.ticket.update(|entry| entry.code = Some("CallbackFailed".to_owned()));
    let status = StatusCode::NON_AUTHORITATIVE_INFORMATION;
    let error = OssError::new(status, "CallbackFailed", message).ec(ec);
    let document = crate::server::error_document(&error, exchange.core, exchange.bucket, exchange.request_id);
    let mut answer = plain.with_body("application/xml", document);
    answer.status = status;
    answer
}
