//! DeleteMultipleObjects.

use super::{listing::Naming, receive};
use crate::answer::Answer;
use crate::body::Refusal;
use crate::core::Exchange;
use crate::names::check_object_key;
use crate::store::Record;
use crate::xml::{Document, Element, malformed};

/// The most keys of one request.
const MOST_KEYS: usize = 1000;
/// 1,000 keys of 1,023 bytes, each byte a character reference, with room to spare.
const LONGEST_LIST: usize = 8 << 20;

pub(crate) async fn run(exchange: &mut Exchange<'_>) -> Result<Answer, Refusal> {
    let naming = Naming::of(exchange)?;
    let body = receive::document(exchange, LONGEST_LIST).await?;
    let root = Element::parse(&body, "Delete")?;
    let quiet = root.text_of("Quiet").is_some_and(|text| text.trim().eq_ignore_ascii_case("true"));
    let keys = root.all("Object").map(|object| object.required("Key")).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() || keys.len() > MOST_KEYS {
        return Err(malformed(format!("it lists {} keys, not 1 to {MOST_KEYS}", keys.len())).into());
    }
    for key in &keys {
        check_object_key(key)?;
    }
    let mut store = exchange.core.store.lock();
    store.bucket(exchange.bucket)?;
    for key in &keys {
        if store.bucket(exchange.bucket)?.objects.contains_key(*key) {
            store.apply(Record::ObjectDeleted {
                bucket: exchange.bucket.to_owned(),
                key: (*key).to_owned(),
            })?;
        }
    }
    drop(store);
    if quiet {
        return Ok(Answer::ok());
    }
    Ok(Answer::xml(Document::build("DeleteResult", |result| {
        naming.describe(result);
        for key in &keys {
            result.element("Deleted", |deleted| deleted.text("Key", naming.name(key)));
        }
    })))
}
