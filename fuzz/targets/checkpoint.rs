//! A journal that a crash, a disk or another program has left behind.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use oss_upload::{CheckpointId, CheckpointStore as _, Crc64, FileCheckpoints};
use tempfile::TempDir;
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
});
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fuzz_target!(|data: &[u8]| {
    let id = CheckpointId::new("https://oss-cn-hangzhou.aliyuncs.com", "examplebucket", "key", "source");
    let journal = FOLDER.path().join(format!("{}.journal", id.digest()));
    let store = FileCheckpoints::new(FOLDER.path());
    for bytes in [data.to_vec(), with_checksums(data)] {
        std::fs::write(&journal, bytes).expect("the folder can be written to");
        RUNTIME.block_on(async {
            let Ok(mut checkpoint) = store.open(&id).await else { return };
            let _ = checkpoint.clear().await;
        });
    }
    for entry in std::fs::read_dir(FOLDER.path()).expect("the folder is there").flatten() {
        let _ = std::fs::remove_file(entry.path());
    }
});

/// Gives each line the checksum it must begin with, which the fuzzer would not find.
fn with_checksums(data: &[u8]) -> Vec<u8> {
    let mut journal = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        journal.extend(format!("{:016x} ", Crc64::of(line)).bytes());
        journal.extend(line);
        journal.push(b'\n');
    }
    journal
}
