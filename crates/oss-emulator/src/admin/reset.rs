//! Empties the emulator between two tests.

use crate::core::Core;
use crate::error::OssError;
use crate::store::Record;

/// Removes all objects, uploads, faults and journal entries; buckets stay.
pub(crate) fn run(core: &Core) -> Result<(), OssError> {
    core.faults.release(None);
    let mut store = core.store.lock();
    let mut records = Vec::new();
    for (name, bucket) in store.buckets() {
        for key in bucket.objects.keys() {
            records.push(Record::ObjectDeleted { bucket: name.clone(), key: key.clone() });
        }
        for (key, id) in bucket.uploads.keys() {
            records.push(Record::UploadAborted { bucket: name.clone(), key: key.clone(), id: id.clone() });
        }
    }
    for record in records {
        store.apply(record)?;
    }
    core.journal.clear();
    Ok(())
}
