//! What the emulator holds, as JSON.

use serde_json::{Value, json};

use crate::clock::{iso8601, iso8601_millis};
use crate::core::Core;
use crate::store::{Bucket, Upload};

/// Of very full buckets the page shows the first objects only.
const SHOWN_OBJECTS: usize = 1000;
/// Requests that the page shows.
const SHOWN_REQUESTS: usize = 200;

/// Everything the page shows.
pub(crate) fn describe(core: &Core) -> Value {
    let buckets: Vec<Value> = {
        let store = core.store.lock();
        store.buckets().iter().map(|(name, bucket)| describe_bucket(name, bucket)).collect()
    };
    let mut journal = core.journal.snapshot();
    let callbacks: Vec<Value> = journal
        .iter()
        .rev()
        .filter(|entry| entry.callback.is_some())
        .take(SHOWN_REQUESTS)
        .map(|entry| json!(entry))
        .collect();
    let recent = journal.split_off(journal.len().saturating_sub(SHOWN_REQUESTS));
    json!({
        "endpoint": core.config.endpoint,
        "region": core.config.region,
        "now": iso8601_millis(core.clock.now()),
        "callback_key_url": core.config.callback_key_url,
        "buckets": buckets,
        "callbacks": callbacks,
        "requests": recent.iter().rev().collect::<Vec<_>>(),
        "faults": faults(core),
    })
}

fn describe_bucket(name: &str, bucket: &Bucket) -> Value {
    let objects: Vec<Value> = bucket
        .objects
        .iter()
        .take(SHOWN_OBJECTS)
        .map(|(key, object)| {
            json!({
                "key": key,
                "size": object.content.size(),
                "etag": object.etag,
                "crc64": object.crc64.map(|crc64| crc64.to_string()),
                "content_type": object.content_type(),
                "type": object.kind.as_str(),
                "acl": object.acl.as_str(),
                "last_modified": iso8601(object.modified),
            })
        })
        .collect();
    let uploads: Vec<Value> =
        bucket.uploads.iter().map(|((key, id), upload)| describe_upload(key, id, upload)).collect();
    json!({
        "name": name,
        "acl": bucket.acl.as_str(),
        "object_count": bucket.objects.len(),
        "objects": objects,
        "uploads": uploads,
    })
}

fn describe_upload(key: &str, id: &str, upload: &Upload) -> Value {
    let bytes: u64 = upload.parts.values().map(|part| part.content.size()).sum();
    json!({
        "key": key,
        "upload_id": id,
        "initiated": iso8601(upload.initiated),
        "parts": upload.parts.len(),
        "bytes": bytes,
    })
}

/// The journal's entries behind a sequence number.
pub(crate) fn journal(core: &Core, since: u64) -> Value {
    let entries = core.journal.snapshot();
    json!(entries.iter().filter(|entry| entry.sequence > since).collect::<Vec<_>>())
}

/// The faults that are injected.
pub(crate) fn faults(core: &Core) -> Value {
    let faults = core.faults.list();
    json!(
        faults
            .iter()
            .map(|(id, fault, hits)| json!({ "id": id, "hits": hits, "fault": fault }))
            .collect::<Vec<_>>()
    )
}
