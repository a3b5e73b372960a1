//! PostObject: a form that a browser sends, authorised by a signed policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use oss_signing::VerifiedPost;

use super::traffic_limit::{self, TRAFFIC_LIMIT};
use super::{metadata, stored};
use crate::access;
use crate::answer::{Answer, AnswerBody};
use crate::body::Refusal;
use crate::callback::Callback;
use crate::core::Exchange;
use crate::encoding::percent_encode;
use crate::error::{ENTITY_TOO_LARGE, OssError};
use crate::form::{Fields, Form};
use crate::names::check_object_key;
use crate::store::{Acl, Object, ObjectType, Record};
use crate::xml::Document;

pub(crate) async fn run(exchange: &mut Exchange<'_>) -> Result<Answer, Refusal> {
    exchange.core.store.lock().bucket(exchange.bucket)?;
    let content_type = exchange.header("content-type")?.map(str::to_owned);
    let mut form = Form::new(content_type.as_deref(), &mut exchange.body, exchange.ticket)?;
    let fields = form.fields().await?;
    let policy = authorise(exchange.core, exchange.bucket, &fields, exchange.now)?;
    let order = Order::read(&fields)?;
    if let Some(callback) = &order.callback {
        exchange.core.callbacks.check(callback).await?;
    }
    exchange.ticket.update(|entry| entry.key = Some(order.key.clone()));
    order.check_overwrite(exchange.core, exchange.bucket)?;

    if let Some(speed) = order.traffic_limit {
        form.set_pace(speed);
    }
    let limit = exchange.core.config.limits.largest_put;
    let mut writer = exchange.core.store.writer(false).await.map_err(Exchange::io)?;
    let mut received = 0_u64;
    while let Some(piece) = form.piece().await? {
        received += piece.len() as u64;
        if received > limit {
            return Err(OssError::from(ENTITY_TOO_LARGE).with("MaxSizeAllowed", limit.to_string()).into());
        }
        writer.write(&piece).await.map_err(Exchange::io)?;
    }
    form.finish().await?;
    if let Some(policy) = policy {
        policy.check_content_length(received).map_err(|error| access::refusal(&error))?;
    }
    let (content, checksums) = writer.finish().await.map_err(Exchange::io)?;
    let object = Arc::new(Object {
        content,
        etag: checksums.etag(),
        crc64: Some(checksums.crc64),
        md5: checksums.md5,
        kind: ObjectType::Normal,
        modified: exchange.now,
        metadata: order.metadata.clone(),
        acl: order.acl,
        tags: order.tags.clone(),
    });
    {
        let mut store = exchange.core.store.lock();
        metadata::check_overwrite(order.forbid_overwrite, store.bucket(exchange.bucket)?, &order.key)?;
        store.apply(Record::ObjectPut {
            bucket: exchange.bucket.to_owned(),
            key: order.key.clone(),
            object: Arc::clone(&object),
        })?;
    }
    let mut plain = outcome(exchange, &order, &object);
    plain.headers.extend(stored::checksum_headers(&object.etag, object.crc64, object.md5));
    Ok(stored::answer(exchange, order.callback, &order.key, &object, plain).await)
}

/// Checks the policy; `None` for an anonymous form in a bucket that anyone may write to.
fn authorise(
    core: &crate::core::Core,
    bucket: &str,
    fields: &Fields,
    now: std::time::SystemTime,
) -> Result<Option<VerifiedPost>, OssError> {
    let signed = ["policy", "signature", "ossaccesskeyid", "x-oss-signature", "x-oss-credential"];
    if !fields.fields.iter().any(|(name, _)| signed.contains(&name.to_ascii_lowercase().as_str())) {
        if core.store.lock().bucket(bucket)?.acl.lets_anyone_write() {
            return Ok(None);
        }
        return Err(access::anonymous_denied(
            "You have no right to access this object because of bucket acl.",
        ));
    }
    let mut pairs: Vec<(&str, &str)> =
        fields.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if !pairs.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        && let Some(content_type) = &fields.file.content_type
    {
        pairs.push(("content-type", content_type));
    }
    let secret_for = |id: &str| core.config.credentials.get(id).map(|secret| secret.secret.clone());
    let verified = core
        .verifier
        .verify_post(&pairs, bucket, now, &secret_for)
        .map_err(|error| access::refusal(&error))?;
    access::check_token(core, verified.access_key_id(), verified.security_token())?;
    Ok(Some(verified))
}

/// What the form asks for.
struct Order {
    key: String,
    metadata: crate::store::Metadata,
    acl: Acl,
    tags: Vec<(String, String)>,
    forbid_overwrite: bool,
    callback: Option<Callback>,
    status: Option<String>,
    redirect: Option<String>,
    traffic_limit: Option<u64>,
}

impl Order {
    fn read(fields: &Fields) -> Result<Self, OssError> {
        let value = |wanted: &str| {
            fields
                .fields
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.as_str())
        };
        let filename = fields.file.filename.as_deref().unwrap_or_default();
        // Some browsers send the whole path of the file.
        let filename = filename.rsplit(['/', '\\']).next().unwrap_or_default();
        let key = value("key").unwrap_or_default().replace("${filename}", filename);
        check_object_key(&key)?;
        let acl = value("x-oss-object-acl").unwrap_or("default");
        let acl = Acl::parse(acl).ok_or_else(|| {
            OssError::invalid_argument("x-oss-object-acl", acl, "The ACL you specified is invalid.")
        })?;
        let variables: BTreeMap<String, String> =
            fields.fields.iter().filter(|(name, _)| name.starts_with("x:")).cloned().collect();
        let callback = match value("callback").filter(|callback| !callback.is_empty()) {
            Some(callback) => Callback::decode(callback, variables)?,
            None => None,
        };
        Ok(Self {
            key,
            metadata: headers(fields)?,
            acl,
            tags: value("x-oss-tagging").map_or(Ok(Vec::new()), metadata::parse_tags)?,
            forbid_overwrite: value("x-oss-forbid-overwrite")
                .is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
            callback,
            traffic_limit: value(TRAFFIC_LIMIT).map(traffic_limit::parse).transpose()?,
            status: value("success_action_status").map(str::to_owned),
            redirect: value("success_action_redirect").filter(|url| !url.is_empty()).map(str::to_owned),
        })
    }

    fn check_overwrite(&self, core: &crate::core::Core, bucket: &str) -> Result<(), OssError> {
        metadata::check_overwrite(self.forbid_overwrite, core.store.lock().bucket(bucket)?, &self.key)
    }
}

fn headers(fields: &Fields) -> Result<crate::store::Metadata, OssError> {
    let mut kept = crate::store::Metadata::new();
    if let Some(content_type) = &fields.file.content_type {
        kept.insert("content-type".to_owned(), content_type.clone());
    }
    for (name, value) in &fields.fields {
        let name = name.to_ascii_lowercase();
        if name == "x-oss-content-type" {
            kept.insert("content-type".to_owned(), value.clone());
        } else if metadata::is_kept(&name) {
            kept.insert(name, value.clone());
        }
    }
    metadata::check_size(&kept)?;
    Ok(kept)
}

/// The answer to a form without a callback.
fn outcome(exchange: &Exchange<'_>, order: &Order, object: &Object) -> Answer {
    let etag = stored::quoted(&object.etag);
    let location = exchange.location(&order.key);
    if let Some(redirect) = &order.redirect {
        let joint = if redirect.contains('?') { '&' } else { '?' };
        let target = format!(
            "{redirect}{joint}bucket={}&key={}&etag={}",
            percent_encode(exchange.bucket),
            percent_encode(&order.key),
            percent_encode(&etag)
        );
        return Answer::new(StatusCode::SEE_OTHER).with(LOCATION, target);
    }
    match order.status.as_deref() {
        Some("200") => Answer::ok(),
        Some("201") => {
            let document = Document::build("PostResponse", |response| {
                response.text("Bucket", exchange.bucket);
                response.text("Location", &location);
                response.text("Key", &order.key);
                response.text("ETag", &etag);
            });
            let mut answer = Answer::new(StatusCode::CREATED).with(LOCATION, location);
            answer.set(CONTENT_TYPE, "application/xml");
            answer.body = AnswerBody::full(document);
            answer
        }
        _ => Answer::new(StatusCode::NO_CONTENT).with(ETAG, etag).with(LOCATION, location),
    }
}
