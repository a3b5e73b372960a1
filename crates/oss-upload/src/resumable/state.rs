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
    /// CRC-64 of the whole object, if Complete may have been sent.
    pub(crate) completing: Option<u64>,
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
                    if let Some(intent) = &mut this.intent {
                        intent.since = since;
                    }
                }
                Record::Part { number, size, etag, crc64 } => {
                    this.parts.insert(number, SentPart { number, size, etag, crc64 });
                }
                Record::Orphan { upload_id } => this.orphans.push(upload_id),
                Record::Rechecked { source } => {
                    if let Some(intent) = &mut this.intent {
                        intent.source = source;
                    }
                }
                Record::Completing { crc64 } => this.completing = Some(crc64),
            }
        }
        this
    }
}
