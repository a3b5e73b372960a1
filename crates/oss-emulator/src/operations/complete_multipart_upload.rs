//! CompleteMultipartUpload.

use std::sync::Arc;

use md5::{Digest, Md5};

use super::listing::Naming;
use super::{metadata, receive, stored};
use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::Exchange;
use crate::encoding::hex_upper;
use crate::error::{ENTITY_TOO_SMALL, INVALID_PART, INVALID_PART_ORDER, OssError};
use crate::store::{Acl, Content, Object, ObjectType, Part, Record, Upload, combine};
use crate::xml::{Document, Element, malformed};

/// Room for 10,000 parts with generous white space.
const LONGEST_LIST: usize = 8 << 20;

/// A part as the client lists it.
struct Listed {
    number: u32,
    etag: String,
}

pub(crate) async fn run(exchange: &mut Exchange<'_>) -> Result<Answer, Refusal> {
    let naming = Naming::of(exchange)?;
    exchange.core.store.lock().upload(exchange.bucket, exchange.key, exchange.upload_id())?;
    let callback = stored::callback(exchange).await?;
    let acl = metadata::acl(exchange, "x-oss-object-acl")?;
    let body = receive::document(exchange, LONGEST_LIST).await?;
    let takes_all =
        exchange.header("x-oss-complete-all")?.is_some_and(|value| value.eq_ignore_ascii_case("yes"));
    let listed = match (takes_all, body.is_empty()) {
        (true, true) => None,
        (true, false) => {
            return Err(OssError::invalid_argument(
                "x-oss-complete-all",
                "yes",
                // The misspelling is OSS's own; the official Go SDK's tests expect it.
                "Should not speficy both complete all header and http body.",
            )
            .ec("0042-00000216")
            .into());
        }
        (false, _) => Some(part_list(&body)?),
    };
    let object = commit(exchange, listed.as_deref(), acl)?;
    let mut plain = Answer::xml(document(exchange, &object, naming));
    plain.headers.extend(stored::checksum_headers(&object.etag, object.crc64, None));
    Ok(stored::answer(exchange, callback, exchange.key, &object, plain).await)
}

fn part_list(body: &[u8]) -> Result<Vec<Listed>, OssError> {
    let root = Element::parse(body, "CompleteMultipartUpload")?;
    let mut listed: Vec<Listed> = Vec::new();
    for part in root.all("Part") {
        let number = part.required("PartNumber")?.trim();
        let number = number.parse().map_err(|_| malformed(format!("PartNumber {number} is not a number")))?;
        let etag = part.required("ETag")?.trim().trim_matches('"').to_owned();
        if listed.last().is_some_and(|last| last.number >= number) {
            return Err(INVALID_PART_ORDER.into());
        }
        listed.push(Listed { number, etag });
    }
    if listed.is_empty() {
        return Err(malformed("it lists no part"));
    }
    Ok(listed)
}

/// Joins the parts and closes the upload in one step.
fn commit(exchange: &Exchange<'_>, listed: Option<&[Listed]>, acl: Acl) -> Result<Arc<Object>, OssError> {
    let mut store = exchange.core.store.lock();
    let forbidden = metadata::forbids_overwrite(exchange)?;
    metadata::check_overwrite(forbidden, store.bucket(exchange.bucket)?, exchange.key)
        .map_err(|error| error.ec("0042-00000214"))?;
    let upload = store.upload(exchange.bucket, exchange.key, exchange.upload_id())?;
    let parts = chosen(upload, listed)?;
    check_sizes(&parts, exchange.core.config.limits.smallest_part)?;
    let object = Arc::new(Object {
        content: Content::join(parts.iter().map(|(_, part)| &part.content)),
        etag: joined_etag(&parts),
        crc64: joined_crc(&parts),
        md5: None,
        kind: ObjectType::Multipart,
        modified: exchange.now,
        metadata: upload.metadata.clone(),
        acl,
        tags: upload.tags.clone(),
    });
    drop(parts);
    store.apply(Record::UploadCompleted {
        bucket: exchange.bucket.to_owned(),
        key: exchange.key.to_owned(),
        id: exchange.upload_id().to_owned(),
        object: Arc::clone(&object),
    })?;
    Ok(object)
}

fn chosen(upload: &Upload, listed: Option<&[Listed]>) -> Result<Vec<(u32, Arc<Part>)>, OssError> {
    let Some(listed) = listed else {
        let all: Vec<_> = upload.parts.iter().map(|(number, part)| (*number, Arc::clone(part))).collect();
        return if all.is_empty() { Err(malformed("the upload has no part")) } else { Ok(all) };
    };
    listed
        .iter()
        .map(|wanted| match upload.parts.get(&wanted.number) {
            Some(part) if part.etag.eq_ignore_ascii_case(&wanted.etag) => {
                Ok((wanted.number, Arc::clone(part)))
            }
            _ => Err(OssError::from(INVALID_PART)
                .with("PartNumber", wanted.number.to_string())
                .with("ETag", wanted.etag.clone())),
        })
        .collect()
}

/// Every part but the last has a least size; OSS looks at it only now.
fn check_sizes(parts: &[(u32, Arc<Part>)], least: u64) -> Result<(), OssError> {
    let all_but_last = parts.split_last().map_or(&[][..], |(_, rest)| rest);
    match all_but_last.iter().find(|(_, part)| part.content.size() < least) {
        None => Ok(()),
        Some((number, part)) => Err(OssError::from(ENTITY_TOO_SMALL)
            .with("ProposedSize", part.content.size().to_string())
            .with("MinSizeAllowed", least.to_string())
            .with("PartNumber", number.to_string())
            .with("ETag", part.etag.clone())),
    }
}

/// MD5 over the parts' ETags with their number behind: opaque, as the documentation says, but stable.
fn joined_etag(parts: &[(u32, Arc<Part>)]) -> String {
    let mut md5 = Md5::new();
    for (_, part) in parts {
        md5.update(part.etag.as_bytes());
    }
    format!("{}-{}", hex_upper(&md5.finalize()), parts.len())
}

/// Known if every part's is known.
fn joined_crc(parts: &[(u32, Arc<Part>)]) -> Option<u64> {
    parts.iter().try_fold(0, |crc, (_, part)| Some(combine(crc, part.crc64?, part.content.size())))
}

fn document(exchange: &Exchange<'_>, object: &Object, naming: Naming) -> String {
    Document::build("CompleteMultipartUploadResult", |result| {
        naming.describe(result);
        result.text("Location", exchange.location(exchange.key));
        result.text("Bucket", exchange.bucket);
        result.text("Key", naming.name(exchange.key));
        result.text("ETag", stored::quoted(&object.etag));
    })
}
