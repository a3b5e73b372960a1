//! Faults of the journal: each has a defined outcome, none loses an upload or a file of somebody else's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use oss_emulator::{Fault, Operation};
use oss_upload::{
    Checkpoint, CheckpointError, CheckpointId, CheckpointStore, Crc64, Durability, Error, FileCheckpoints,
    MemoryCheckpoints, Record, Recorded, Restart,
};

use crate::common::bench::Bench;

#[tokio::test]
async fn cut_at_any_byte_it_costs_at_most_a_look() {
    let bench = Bench::interrupted().await;
    let (path, whole) = (bench.journal(), std::fs::read(bench.journal()).unwrap());
    let intent = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let started = intent + whole[intent..].iter().position(|&byte| byte == b'\n').unwrap() + 1;
    bench.inject(Fault::on(Operation::CompleteMultipartUpload).always().answer(403, "AccessDenied"));
    for cut in (0..whole.len()).step_by(13).chain([intent - 1, intent, started - 1, started]) {
        // An upload of its own for each cut, since a cut before the id begins another.
        std::fs::write(&path, &whole).unwrap();
        let before = bench.open_uploads();
        std::fs::write(&path, &whole[..cut]).unwrap();
        let uploaded = resumed_without_complete(&bench).await;
        if cut >= started {
            assert_eq!(bench.open_uploads(), before, "cut at {cut}: the upload is gone on with");
        } else {
            assert_eq!(bench.open_uploads().len(), before.len() + 1, "cut at {cut}: {uploaded:?}");
            let ours = bench.world.emulator.uploads(crate::common::BUCKET);
            let new = ours.iter().find(|upload| !before.contains(&upload.upload_id)).unwrap();
            let uploader = bench.world.uploader();
            let id = new.upload_id.clone();
            let new =
                uploader.multipart_upload(crate::common::bucket(), crate::common::bench::KEY, id).unwrap();
            new.abort().await.unwrap();
        }
        std::fs::remove_file(&path).unwrap();
        remove_set_aside(&bench);
    }
    std::fs::write(&path, &whole).unwrap();
    bench.world.emulator.clear_faults();
    bench.upload().await.unwrap();
    assert!(bench.is_over());
}

async fn resumed_without_complete(bench: &Bench) -> Error {
    let error = bench.upload().await.unwrap_err();
    assert_eq!(error.server().unwrap().code(), "AccessDenied", "{error:?}");
    error
}

fn remove_set_aside(bench: &Bench) {
    for entry in std::fs::read_dir(bench.directory.path().join("checkpoints")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains("unreadable") {
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[tokio::test]
async fn flipped_bit_in_any_record_is_survived() {
    for line in 0..8 {
        let bench = Bench::interrupted().await;
        let (path, mut bytes) = (bench.journal(), std::fs::read(bench.journal()).unwrap());
        let starts: Vec<usize> = std::iter::once(0)
            .chain(bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(n, _)| n + 1))
            .collect();
        bytes[starts[line] + 30] ^= 4;
        std::fs::write(&path, &bytes).unwrap();
        let uploaded = bench.upload().await.unwrap();
        assert!(bench.is_stored());
        let report = uploaded.report;
        match line {
            // The beginning: the upload is aborted by the id that can still be read, and a new one begins.
            0 => {
                assert_eq!((report.restarts, report.parts_resumed), (vec![Restart::CheckpointUnreadable], 0));
                assert!(bench.open_uploads().is_empty() && report.orphans.is_empty());
            }
            // The upload id: nobody can say whose the upload is, so it is reported.
            1 => {
                assert_eq!((report.restarts, report.parts_resumed), (vec![Restart::CheckpointUnreadable], 0));
                assert_eq!(report.orphans, bench.open_uploads());
                assert_eq!(report.orphans.len(), 1);
            }
            // A part: OSS's list and the bytes prove it.
            _ => assert_eq!((report.restarts, report.parts_resumed), (vec![], 6), "line {line}"),
        }
    }
}

#[tokio::test]
async fn zero_filled_it_is_set_aside() {
    let bench = Bench::interrupted().await;
    let path = bench.journal();
    std::fs::write(&path, [0; 4096]).unwrap();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!(uploaded.report.restarts, [Restart::CheckpointUnreadable]);
    assert_eq!(std::fs::read(path.with_extension("journal.unreadable")).unwrap(), [0; 4096]);
}

#[tokio::test]
async fn set_aside_by_a_run_that_could_not_abort_its_upload_it_is_aborted_by_the_next() {
    let bench = Bench::interrupted().await;
    flip_a_bit_of_the_beginning(&bench);
    bench.inject(Fault::on(Operation::AbortMultipartUpload).always().answer(500, "InternalError"));
    bench.upload().await.unwrap_err();
    bench.world.emulator.clear_faults();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.orphans, bench.open_uploads()), (vec![], vec![]));
    assert!(bench.is_stored());
}

#[tokio::test]
async fn set_aside_and_never_to_be_aborted_its_upload_is_reported() {
    let bench = Bench::interrupted().await;
    let left = bench.open_uploads();
    flip_a_bit_of_the_beginning(&bench);
    bench.inject(Fault::on(Operation::AbortMultipartUpload).always().answer(403, "AccessDenied"));
    bench.inject(Fault::on(Operation::UploadPart).part(7).times(1).answer(403, "AccessDenied"));
    bench.upload().await.unwrap_err();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.orphans, bench.open_uploads()), (left.clone(), left));
}

#[tokio::test]
async fn set_aside_its_orphans_are_reported_and_its_own_upload_is_none_of_them() {
    let bench = Bench::interrupted().await;
    flip_a_bit_of_the_beginning(&bench);
    let orphan = serde_json::json!({ "record": "orphan", "upload_id": "0004B9" });
    let text = std::fs::read_to_string(bench.journal()).unwrap() + &journal_line(&orphan);
    std::fs::write(bench.journal(), text).unwrap();
    // The run that aborts the upload cannot report anything.
    bench.inject(Fault::on(Operation::UploadPart).part(7).times(1).answer(403, "AccessDenied"));
    bench.upload().await.unwrap_err();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.orphans, bench.open_uploads()), (vec!["0004B9".to_owned()], vec![]));
    assert!(bench.is_stored());
}

/// Makes the journal one that is set aside.
pub(crate) fn flip_a_bit_of_the_beginning(bench: &Bench) {
    let (path, mut bytes) = (bench.journal(), std::fs::read(bench.journal()).unwrap());
    bytes[30] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

/// A record as the file store writes it.
pub(crate) fn journal_line(record: &serde_json::Value) -> String {
    let json = record.to_string();
    format!("{:016x} {json}\n", Crc64::of(json.as_bytes()))
}

#[tokio::test]
async fn without_its_intent_but_with_an_orphan_the_upload_is_given_up_or_reported() {
    // The upload id can be read, or is damaged as well.
    for damaged in [1, 2] {
        let bench = Bench::interrupted().await;
        let left = bench.open_uploads();
        let orphan = serde_json::json!({ "record": "orphan", "upload_id": "0004B9" });
        let mut text = journal_line(&orphan) + &std::fs::read_to_string(bench.journal()).unwrap();
        for line in 1..=damaged {
            let start = text.split_inclusive('\n').take(line).map(str::len).sum::<usize>() + 30;
            text.replace_range(start..=start, "~");
        }
        std::fs::write(bench.journal(), text).unwrap();
        let uploaded = bench.upload().await.unwrap();
        assert_eq!(uploaded.report.restarts, [Restart::CheckpointUnreadable]);
        let (orphans, open) = (uploaded.report.orphans, bench.open_uploads());
        match damaged {
            1 => assert_eq!((orphans, open), (vec!["0004B9".to_owned()], vec![])),
            _ => {
                assert_eq!((orphans[0].as_str(), &orphans[1..], &open[..]), ("0004B9", &left[..], &left[..]))
            }
        }
        assert!(bench.is_stored() && bench.checkpoint_files() == 0);
    }
}

#[tokio::test]
async fn of_another_version_it_is_set_aside_and_its_upload_aborted() {
    let bench = Bench::interrupted().await;
    let path = bench.journal();
    let old = rewritten(&std::fs::read_to_string(&path).unwrap(), "\"version\":1", "\"version\":0");
    std::fs::write(&path, &old).unwrap();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!(uploaded.report.restarts, [Restart::CheckpointUnreadable]);
    assert!(bench.open_uploads().is_empty() && bench.is_stored());
    assert_eq!(std::fs::read_to_string(path.with_extension("journal.unreadable")).unwrap(), old);
}

/// Changes the records and mends their checksums.
fn rewritten(journal: &str, from: &str, to: &str) -> String {
    let lines = journal.lines().map(|line| {
        let json = line[17..].replace(from, to);
        format!("{:016x} {json}\n", oss_upload::Crc64::of(json.as_bytes()))
    });
    lines.collect()
}

#[tokio::test]
async fn foreign_file_in_its_place_is_kept_whole_however_often() {
    let bench = Bench::interrupted().await;
    let path = bench.journal();
    for (round, name) in [(1, "journal.unreadable"), (2, "journal.unreadable-2"), (3, "journal.unreadable-3")]
    {
        let letter = format!("Dear reader,\nthis is letter {round}.\n");
        std::fs::write(&path, &letter).unwrap();
        bench.upload().await.unwrap();
        assert_eq!(std::fs::read_to_string(path.with_extension(name)).unwrap(), letter);
    }
}

#[tokio::test]
async fn directory_that_cannot_be_made_ends_the_run_before_anything_is_sent() {
    let bench = Bench::new(vec![]).await;
    let file = bench.directory.path().join("source");
    for place in [file.join("under-a-file"), "/proc/oss-upload-test".into()] {
        let upload = bench.upload().checkpoints(Some(Arc::new(FileCheckpoints::new(&place))));
        let error = upload.await.unwrap_err();
        let Error::Checkpoint(CheckpointError::Io { path, .. }) = &error else { panic!("{error:?}") };
        assert!(path.starts_with(&place), "{error}");
    }
    assert!(bench.world.emulator.journal().is_empty());
}

#[tokio::test]
async fn journal_that_is_a_directory_ends_the_run_and_says_so() {
    let bench = Bench::interrupted().await;
    let path = bench.journal();
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let error = bench.upload().await.unwrap_err();
    assert!(error.to_string().contains("cannot be opened"), "{error}");
    assert_eq!(bench.open_uploads().len(), 1, "the upload is left as it was");
}

#[tokio::test]
async fn process_killed_while_it_made_the_journal_leaves_nothing_for_long() {
    let bench = Bench::interrupted().await;
    let path = bench.journal();
    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(path.with_file_name(format!("{name}.new-a1b2c3")), "half").unwrap();
    std::fs::write(path.with_file_name("0123.new-other"), "another upload's").unwrap();
    bench.upload().await.unwrap();
    assert_eq!(bench.checkpoint_files(), 1, "the other upload's file stays");
}

/// A store whose appends fail from the n-th on, as on a full disk, or whose lease passes to another.
#[derive(Debug)]
pub(crate) struct Failing {
    pub(crate) inner: Arc<dyn CheckpointStore>,
    pub(crate) fail_from: usize,
    pub(crate) lost: bool,
    pub(crate) appends: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct FailingCheckpoint {
    inner: Box<dyn Checkpoint>,
    fail_from: usize,
    lost: bool,
    appends: Arc<AtomicUsize>,
}

#[async_trait]
impl CheckpointStore for Failing {
    async fn open(&self, id: &CheckpointId) -> Result<Box<dyn Checkpoint>, CheckpointError> {
        let inner = self.inner.open(id).await?;
        let (fail_from, lost, appends) = (self.fail_from, self.lost, Arc::clone(&self.appends));
        Ok(Box::new(FailingCheckpoint { inner, fail_from, lost, appends }))
    }
}

#[async_trait]
impl Checkpoint for FailingCheckpoint {
    fn recorded(&mut self) -> Recorded {
        self.inner.recorded()
    }

    async fn append(&mut self, record: &Record, durability: Durability) -> Result<(), CheckpointError> {
        if self.appends.fetch_add(1, Ordering::SeqCst) < self.fail_from {
            return self.inner.append(record, durability).await;
        }
        if self.lost {
            return Err(CheckpointError::lost("another machine"));
        }
        Err(CheckpointError::Failed("no space left on device".into()))
    }

    async fn clear(&mut self) -> Result<(), CheckpointError> {
        self.inner.clear().await
    }

    async fn upkeep(&mut self) -> Result<Duration, CheckpointError> {
        self.inner.upkeep().await
    }
}

pub(crate) fn failing(fail_from: usize, lost: bool) -> Option<Arc<dyn CheckpointStore>> {
    failing_over(&MemoryCheckpoints::new(), fail_from, lost)
}

/// What was written before is in `inner`.
pub(crate) fn failing_over(
    inner: &MemoryCheckpoints,
    fail_from: usize,
    lost: bool,
) -> Option<Arc<dyn CheckpointStore>> {
    let (inner, appends) = (Arc::new(inner.clone()), Arc::default());
    Some(Arc::new(Failing { inner, fail_from, lost, appends }))
}

#[tokio::test]
async fn full_disk_before_the_upload_ends_the_run_and_after_it_does_not() {
    // The intent cannot be written: nothing is sent.
    let bench = Bench::new(vec![]).await;
    let error = bench.upload().checkpoints(failing(0, false)).await.unwrap_err();
    assert!(matches!(error, Error::Checkpoint(CheckpointError::Failed(_))), "{error:?}");
    assert!(bench.world.emulator.journal().is_empty());
    // The id cannot be written: the upload is aborted at once.
    bench.upload().checkpoints(failing(1, false)).await.unwrap_err();
    assert!(bench.open_uploads().is_empty());
    // And if that fails too, the id is told.
    bench.inject(Fault::on(Operation::AbortMultipartUpload).always().answer(403, "AccessDenied"));
    let error = bench.upload().checkpoints(failing(1, false)).await.unwrap_err();
    let Error::LeftBehind { upload_id, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*upload_id, bench.open_uploads()[0]);
    // Parts and the intent to complete cannot be written: OSS's own list makes up for it.
    bench.upload().checkpoints(failing(2, false)).await.unwrap();
    assert!(bench.is_stored());
}
