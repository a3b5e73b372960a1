//! The operations on buckets themselves.

use http::StatusCode;

use super::{metadata, receive};
use crate::answer::Answer;
use crate::body::Refusal;
use crate::clock::iso8601;
use crate::core::Exchange;
use crate::error::{BUCKET_NOT_EMPTY, OssError};
use crate::names::OWNER;
use crate::store::{Acl, Bucket, Record};
use crate::xml::{Document, Element};

/// Longer than any configuration of a bucket.
pub(crate) const LONGEST_CONFIGURATION: usize = 1 << 20;

pub(crate) fn owner(element: &mut Document) {
    element.text("ID", OWNER);
    element.text("DisplayName", OWNER);
}

pub(crate) fn list(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let most = exchange.query.number("max-keys", 1, 1000)?.unwrap_or(100);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let prefix = exchange.query.value("prefix").unwrap_or_default();
    let marker = exchange.query.value("marker").unwrap_or_default();
    let store = exchange.core.store.lock();
    let mut found =
        store.buckets().iter().filter(|(name, _)| name.starts_with(prefix) && name.as_str() > marker);
    let page: Vec<_> = found.by_ref().take(most).collect();
    let truncated = found.next().is_some();
    Ok(Answer::xml(Document::build("ListAllMyBucketsResult", |result| {
        result.text("Prefix", prefix);
        result.text("Marker", marker);
        result.value("MaxKeys", most);
        result.value("IsTruncated", truncated);
        if let Some((last, _)) = page.last().filter(|_| truncated) {
            result.text("NextMarker", last);
        }
        result.element("Owner", owner);
        result.element("Buckets", |buckets| {
            for (name, bucket) in &page {
                buckets.element("Bucket", |element| describe(element, exchange, name, bucket));
            }
        });
    })))
}

fn describe(element: &mut Document, exchange: &Exchange<'_>, name: &str, bucket: &Bucket) {
    let region = &exchange.core.config.region;
    element.text("Name", name);
    element.text("CreationDate", iso8601(bucket.created));
    element.text("Location", format!("oss-{region}"));
    element.text("Region", region);
    element.text("ExtranetEndpoint", format!("oss-{region}.aliyuncs.com"));
    element.text("IntranetEndpoint", format!("oss-{region}-internal.aliyuncs.com"));
    element.text("StorageClass", "Standard");
}

pub(crate) async fn put(exchange: &mut Exchange<'_>) -> Result<Answer, Refusal> {
    let body = receive::document(exchange, LONGEST_CONFIGURATION).await?;
    if !body.is_empty() {
        Element::parse(&body, "CreateBucketConfiguration")?;
    }
    let acl = match metadata::acl(exchange, "x-oss-acl")? {
        Acl::Default => None,
        acl => Some(acl),
    };
    let mut store = exchange.core.store.lock();
    let existing = store.buckets().get(exchange.bucket).map(|bucket| bucket.acl);
    store.apply(Record::BucketPut {
        bucket: exchange.bucket.to_owned(),
        created: exchange.now,
        acl: acl.or(existing).unwrap_or(Acl::Private),
    })?;
    Ok(Answer::ok().with(http::header::LOCATION, format!("/{}", exchange.bucket)))
}

pub(crate) fn head(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    exchange.core.store.lock().bucket(exchange.bucket)?;
    let region = format!("oss-{}", exchange.core.config.region);
    Ok(Answer::ok().with(http::HeaderName::from_static("x-oss-bucket-region"), region))
}

pub(crate) fn delete(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let mut store = exchange.core.store.lock();
    let bucket = store.bucket(exchange.bucket)?;
    if !bucket.objects.is_empty() || !bucket.uploads.is_empty() {
        return Err(OssError::from(BUCKET_NOT_EMPTY).with("BucketName", exchange.bucket).into());
    }
    store.apply(Record::BucketDeleted { bucket: exchange.bucket.to_owned() })?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

pub(crate) fn info(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let store = exchange.core.store.lock();
    let bucket = store.bucket(exchange.bucket)?;
    Ok(Answer::xml(Document::build("BucketInfo", |info| {
        info.element("Bucket", |element| {
            describe(element, exchange, exchange.bucket, bucket);
            element.text("DataRedundancyType", "LRS");
            element.element("Owner", owner);
            element.element("AccessControlList", |list| list.text("Grant", bucket.acl.as_str()));
        });
    })))
}

pub(crate) fn location(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    exchange.core.store.lock().bucket(exchange.bucket)?;
    let region = &exchange.core.config.region;
    let mut document = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    document.push_str(&format!("<LocationConstraint>oss-{region}</LocationConstraint>\n"));
    Ok(Answer::xml(document))
}

pub(crate) fn acl(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let acl = exchange.core.store.lock().bucket(exchange.bucket)?.acl;
    Ok(Answer::xml(acl_document(acl)))
}

/// The document that tells an ACL, of a bucket or of an object.
pub(crate) fn acl_document(acl: Acl) -> String {
    Document::build("AccessControlPolicy", |policy| {
        policy.element("Owner", owner);
        policy.element("AccessControlList", |list| list.text("Grant", acl.as_str()));
    })
}

pub(crate) fn put_acl(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let acl = match metadata::acl(exchange, "x-oss-acl")? {
        Acl::Default => return Err(OssError::invalid_argument("x-oss-acl", "", "The ACL is missing.").into()),
        acl => acl,
    };
    let mut store = exchange.core.store.lock();
    let created = store.bucket(exchange.bucket)?.created;
    store.apply(Record::BucketPut { bucket: exchange.bucket.to_owned(), created, acl })?;
    Ok(Answer::ok())
}
