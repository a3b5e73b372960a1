use std::collections::BTreeMap;

use crate::checkpoint::{CheckpointId, Record};
use crate::multipart::SentPart;
use crate::source::SourceIdentity;

/// What the records of the runs before add up to.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    pub(crate) intent: Option<Intent>,
    pub(crate) upload_id: Option<String>,
    pub(crate) parts: BTreeMap<u16, SentPart>,
    /// Uploads that may be left over, not reported yet.
    pub(crate) orphans: Vec<String>,
    /// If Complete may have been sent.
    pub(crate) completing: Option<Completing>,
}

/// A Complete that may have been sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completing {
    /// Of the whole object.
    pub(crate) crc64: u64,
    /// Until when no other may be sent, in seconds since 1970.
    pub(crate) until: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Intent {
    pub(crate) version: u32,
    pub(crate) id: CheckpointId,
    pub(crate) source: SourceIdentity,
    pub(crate) part_size: u64,
    pub(crate) options: String,
    pub(crate) since: u64,
}

impl Remembered {
    pub(crate) fn replay(records: Vec<Record>) -> Self {
        let mut this = Self::default();
        for record in records {
            match record {
                Record::Intent { version, id, source, part_size, options, since } => {
                    // A new intent is a new upload; nothing before it counts.
                    this = Self { orphans: this.orphans, ..Self::default() };
                    this.intent = Some(Intent { version, id, source, part_size, options, since });
                }
                Record::Started { upload_id, since } => {
                    this.upload_id = Some(upload_id);
                    // Also where the intent before it is unreadable, another upload's parts are not this one's.
                    this.parts.clear();
                    this.completing = None;
                    if let Some(intent) = &mut this.intent {
                        intent.since = since;
                    }
                }
                Record::Part { number, size, etag, crc64 } => {
                    this.parts.insert(number, SentPart { number, size, etag, crc64 });
                }
                Record::Orphan { upload_id } => this.orphans.push(upload_id),
                Record::Abandoned { upload_id } => {
                    if this.upload_id.as_ref() == Some(&upload_id) {
                        this = Self { orphans: this.orphans, ..Self::default() };
                    }
                    this.orphans.retain(|orphan| *orphan != upload_id);
                }
                Record::Rechecked { source } => {
                    if let Some(intent) = &mut this.intent {
                        intent.source = source;
                    }
                }
                Record::Completing { crc64, until } => {
                    this.completing = Some(Completing { crc64, until });
                }
            }
        }
        this
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_that_was_given_up_takes_no_other_along() {
        let orphan = |id: &str| Record::Orphan { upload_id: id.into() };
        let abandoned = |id: &str| Record::Abandoned { upload_id: id.into() };
        let started = Record::Started { upload_id: "a".into(), since: 1 };
        let mut records = vec![orphan("a"), orphan("x"), orphan("y"), started, abandoned("x")];
        let remembered = Remembered::replay(records.clone());
        assert_eq!(
            (remembered.upload_id.as_deref(), remembered.orphans),
            (Some("a"), vec!["a".into(), "y".into()])
        );
        records.push(abandoned("a"));
        let remembered = Remembered::replay(records);
        assert_eq!((remembered.upload_id, remembered.orphans), (None, vec!["y".into()]));
    }

    #[test]
    fn an_upload_whose_intent_is_unreadable_takes_over_no_parts_of_another() {
        let started = |id: &str| Record::Started { upload_id: id.into(), since: 1 };
        let part = |number| Record::Part { number, size: 5, etag: "A".into(), crc64: 1 };
        let completing = Record::Completing { crc64: 1, until: None };
        let remembered = Remembered::replay(vec![started("a"), part(1), completing, started("b"), part(2)]);
        assert_eq!(remembered.upload_id.as_deref(), Some("b"));
        assert_eq!(remembered.parts.into_keys().collect::<Vec<_>>(), [2]);
        assert!(remembered.completing.is_none());
    }
}
