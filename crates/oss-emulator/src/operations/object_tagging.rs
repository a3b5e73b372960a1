//! PutObjectTagging, GetObjectTagging and DeleteObjectTagging.

use http::StatusCode;

use super::bucket::LONGEST_CONFIGURATION;
use super::{metadata, object_acl, receive};
use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::Exchange;
use crate::error::OssError;
use crate::xml::{Document, Element, malformed};

pub(crate) async fn put(exchange: &mut Exchange<'_>) -> Result<Answer, Refusal> {
    let body = receive::document(exchange, LONGEST_CONFIGURATION).await?;
    let root = Element::parse(&body, "Tagging")?;
    let set = root.child("TagSet").ok_or_else(|| malformed("Tagging lacks TagSet"))?;
    let tags = set
        .all("Tag")
        .map(|tag| Ok((tag.required("Key")?.to_owned(), tag.text_of("Value").unwrap_or_default().to_owned())))
        .collect::<Result<Vec<_>, OssError>>()?;
    metadata::check_tags(&tags)?;
    object_acl::change(exchange, |object| object.tags = tags)?;
    Ok(Answer::ok())
}

pub(crate) fn get(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    let object = exchange.core.store.lock().object(exchange.bucket, exchange.key)?;
    Ok(Answer::xml(Document::build("Tagging", |tagging| {
        tagging.element("TagSet", |set| {
            for (name, value) in &object.tags {
                set.element("Tag", |tag| {
                    tag.text("Key", name);
                    tag.text("Value", value);
                });
            }
        });
    })))
}

pub(crate) fn delete(exchange: &Exchange<'_>) -> Result<Answer, Refusal> {
    object_acl::change(exchange, |object| object.tags.clear())?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}
