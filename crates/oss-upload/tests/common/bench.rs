//! A file of ten and a half parts, a checkpoint directory, and what became of them.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use oss_emulator::{Fault, Operation};
use oss_upload::{CheckpointStore, FileCheckpoints, ResumableUpload, Uploader, UploaderBuilder};

use super::{BUCKET, World, bucket, pattern};

pub const PART: u64 = 100 * 1024;
pub const KEY: &str = "files/world";

/// Ends a run for good.
pub fn part_7_is_refused() -> Fault {
    Fault::on(Operation::UploadPart).part(7).always().answer(403, "AccessDenied")
}

pub struct Bench {
    pub world: World,
    pub directory: tempfile::TempDir,
    pub data: Vec<u8>,
    pub store: Arc<dyn CheckpointStore>,
}

impl Bench {
    pub async fn new(faults: Vec<Fault>) -> Self {
        let world = World::with(|b| faults.into_iter().fold(b, |b, fault| b.fault(fault))).await;
        let directory = tempfile::tempdir().unwrap();
        let data = pattern(10 * PART as usize + 51_200);
        std::fs::write(directory.path().join("source"), &data).unwrap();
        let store = Arc::new(FileCheckpoints::new(directory.path().join("checkpoints")));
        Self { world, directory, data, store }
    }

    /// One whose first run ended at part 7, with the six before it stored.
    pub async fn interrupted() -> Self {
        let bench = Self::new(vec![part_7_is_refused()]).await;
        bench.upload().concurrency(NonZeroUsize::MIN).await.unwrap_err();
        bench.world.emulator.clear_faults();
        bench
    }

    pub fn file(&self) -> PathBuf {
        self.directory.path().join("source")
    }

    pub fn upload(&self) -> ResumableUpload {
        self.upload_by(&self.world.uploader_with(&self.store))
    }

    pub fn upload_by(&self, uploader: &Uploader) -> ResumableUpload {
        uploader.resumable_upload(bucket(), KEY, self.file()).part_size(PART)
    }

    /// An upload that reaches the emulator without a socket, so that time may stand still.
    pub fn upload_in_process(
        &self,
        change: impl FnOnce(UploaderBuilder) -> UploaderBuilder,
    ) -> ResumableUpload {
        let builder = self.world.in_process().checkpoints(Arc::clone(&self.store));
        self.upload_by(&change(builder).build().unwrap())
    }

    pub fn inject(&self, fault: Fault) {
        self.world.emulator.inject(fault);
    }

    pub fn is_stored(&self) -> bool {
        self.world.object(KEY).is_some_and(|object| object.body == self.data)
    }

    /// How often each part was sent whole.
    pub fn sent(&self) -> BTreeMap<u32, usize> {
        let mut sent = BTreeMap::new();
        for entry in self.world.requests(Operation::UploadPart) {
            if entry.status == Some(200) {
                *sent.entry(entry.part_number.unwrap()).or_default() += 1;
            }
        }
        sent
    }

    pub fn count(&self, operation: Operation) -> usize {
        self.world.requests(operation).len()
    }

    pub fn open_uploads(&self) -> Vec<String> {
        self.world.emulator.uploads(BUCKET).into_iter().map(|upload| upload.upload_id).collect()
    }

    pub fn checkpoint_files(&self) -> usize {
        std::fs::read_dir(self.directory.path().join("checkpoints")).map_or(0, Iterator::count)
    }

    pub fn journal(&self) -> PathBuf {
        let files = std::fs::read_dir(self.directory.path().join("checkpoints")).unwrap();
        let mut paths = files.map(|entry| entry.unwrap().path());
        paths.find(|path| path.extension().unwrap() == "journal").unwrap()
    }

    /// Nothing is left of the upload but its object.
    pub fn is_over(&self) -> bool {
        self.is_stored() && self.open_uploads().is_empty() && self.checkpoint_files() == 0
    }
}
