use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Checkpoint, CheckpointError, CheckpointId, CheckpointStore, Durability, Record, Recorded};

/// Keeps checkpoints in memory: an upload that failed or was dropped is resumed by the same process.
#[derive(Clone, Debug, Default)]
pub struct MemoryCheckpoints {
    entries: Arc<Mutex<HashMap<String, Entry>>>,
}

#[derive(Debug, Default)]
struct Entry {
    held: bool,
    records: Vec<Record>,
}

impl MemoryCheckpoints {
    /// Starts empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many uploads have a checkpoint.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries().values().filter(|entry| !entry.records.is_empty()).count()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CheckpointStore for MemoryCheckpoints {
    async fn open(&self, id: &CheckpointId) -> Result<Box<dyn Checkpoint>, CheckpointError> {
        let name = id.digest();
        let mut entries = self.entries();
        let entry = entries.entry(name.clone()).or_default();
        if entry.held {
            return Err(CheckpointError::Locked { holder: "in this process".into() });
        }
        entry.held = true;
        Ok(Box::new(Held { store: self.clone(), name }))
    }
}

#[derive(Debug)]
struct Held {
    store: MemoryCheckpoints,
    name: String,
}

#[async_trait]
impl Checkpoint for Held {
    fn recorded(&mut self) -> Recorded {
        let entries = self.store.entries();
        let records = entries.get(&self.name).map(|entry| entry.records.clone()).unwrap_or_default();
        Recorded::new(records)
    }

    async fn append(&mut self, record: &Record, _: Durability) -> Result<(), CheckpointError> {
        self.store.entries().entry(self.name.clone()).or_default().records.push(record.clone());
        Ok(())
    }

    async fn clear(&mut self) -> Result<(), CheckpointError> {
        self.store.entries().entry(self.name.clone()).or_default().records.clear();
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut entries = self.store.entries();
        if let Some(entry) = entries.get_mut(&self.name) {
            entry.held = false;
            if entry.records.is_empty() {
                entries.remove(&self.name);
            }
        }
    }
}
