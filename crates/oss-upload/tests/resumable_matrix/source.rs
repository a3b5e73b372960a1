//! What happens to the source, during a part and between runs.

use std::fs::File;
use std::future::IntoFuture;
use std::io::{Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use oss_emulator::{Fault, Operation};
use oss_upload::{CheckpointError, Error, PutObject, Recheck, Restart, SourceError};

use crate::common::bench::{Bench, KEY, PART};
use crate::common::{World, bucket, pattern};

fn set_mtime(bench: &Bench, later: Duration) {
    let file = File::options().write(true).open(bench.file()).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + later).unwrap();
}

#[tokio::test]
async fn touched_between_runs_it_is_compared_and_gone_on_with() {
    let bench = Bench::interrupted().await;
    set_mtime(&bench, Duration::ZERO);
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.restarts, uploaded.report.parts_resumed), (vec![], 6));
    assert!(bench.is_over() && bench.sent().values().all(|&times| times == 1));
}

#[tokio::test]
async fn touched_between_runs_it_is_another_for_whoever_never_compares() {
    let bench = Bench::interrupted().await;
    set_mtime(&bench, Duration::ZERO);
    let uploaded = bench.upload().recheck(Recheck::Never).await.unwrap();
    assert_eq!((uploaded.report.restarts, uploaded.report.parts_resumed), (vec![Restart::SourceChanged], 0));
    assert!(bench.is_over());
}

#[tokio::test]
async fn rewritten_with_other_bytes_of_the_same_length_it_is_uploaded_anew() {
    let mut bench = Bench::interrupted().await;
    bench.data[5 * PART as usize] ^= 1;
    std::fs::write(bench.file(), &bench.data).unwrap();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!(uploaded.report.restarts, [Restart::SourceChanged]);
    assert!(bench.is_over());
}

#[tokio::test]
async fn rewritten_under_the_same_size_and_time_only_a_full_comparison_notices() {
    for (recheck, noticed) in [(Recheck::Always, true), (Recheck::WhenInDoubt, false)] {
        let mut bench = Bench::interrupted().await;
        let modified = std::fs::metadata(bench.file()).unwrap().modified().unwrap();
        bench.data[0] ^= 1;
        let mut file = File::options().write(true).open(bench.file()).unwrap();
        file.write_all(&bench.data[..1]).unwrap();
        file.set_modified(modified).unwrap();
        let uploaded = bench.upload().recheck(recheck).await.unwrap();
        assert_eq!(uploaded.report.restarts.contains(&Restart::SourceChanged), noticed);
        // What was stored is what was read when each part was sent; that is why the default is not called proof.
        assert_eq!(bench.is_stored(), noticed);
    }
}

#[tokio::test]
async fn grown_or_truncated_between_runs_it_is_uploaded_anew() {
    for len in [bench_len() + 1, 3 * PART as usize] {
        let mut bench = Bench::interrupted().await;
        bench.data = pattern(len);
        std::fs::write(bench.file(), &bench.data).unwrap();
        let uploaded = bench.upload().await.unwrap();
        assert_eq!(uploaded.report.restarts, [Restart::SourceChanged]);
        assert!(bench.is_over());
    }
}

#[tokio::test]
async fn truncated_to_what_one_put_carries_the_old_upload_is_given_up() {
    for len in [0, 10, PART as usize] {
        let mut bench = Bench::interrupted().await;
        bench.data.truncate(len);
        std::fs::write(bench.file(), &bench.data).unwrap();
        let uploaded = bench.upload().await.unwrap();
        assert_eq!(uploaded.report.restarts, [Restart::SourceChanged]);
        assert_eq!(uploaded.report.parts_sent, 0, "one PUT");
        assert!(bench.is_over());
    }
}

#[tokio::test]
async fn sent_with_one_put_it_tells_of_the_old_upload_that_may_not_be_aborted() {
    let mut bench = Bench::interrupted().await;
    bench.inject(Fault::on(Operation::AbortMultipartUpload).always().answer(403, "AccessDenied"));
    bench.data.truncate(10);
    std::fs::write(bench.file(), &bench.data).unwrap();
    let left = bench.open_uploads();
    bench.inject(Fault::on(Operation::PutObject).times(1).answer(403, "AccessDenied"));
    bench.upload().await.unwrap_err();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.orphans, bench.open_uploads()), (left.clone(), left));
    assert!(bench.is_stored() && bench.checkpoint_files() == 0);
}

#[tokio::test]
async fn begun_in_parts_it_is_gone_on_with_in_parts() {
    let bench = Bench::interrupted().await;
    let uploaded = bench.upload().single_put_limit(u64::MAX).await.unwrap();
    assert_eq!((uploaded.report.parts_resumed, uploaded.report.parts_sent), (6, 5));
    assert!(bench.is_over());
}

#[tokio::test]
async fn sent_in_parts_by_another_process_it_is_not_overtaken_by_one_put() {
    let bench = Bench::new(vec![Fault::on(Operation::UploadPart).part(2).always().stall()]).await;
    let first = tokio::spawn(bench.upload().into_future());
    bench.world.emulator.wait_for(|journal| journal.iter().any(|e| e.part_number == Some(2))).await;
    let error = bench.upload().single_put_limit(u64::MAX).await.unwrap_err();
    assert!(matches!(error, Error::Checkpoint(CheckpointError::Locked { .. })), "{error:?}");
    assert_eq!(bench.count(Operation::PutObject), 0);
    first.abort();
}

#[tokio::test]
async fn longer_than_any_put_it_goes_in_parts_whatever_the_limit() {
    let bench = Bench::new(vec![]).await;
    File::options().write(true).open(bench.file()).unwrap().set_len(PutObject::LIMIT + 1).unwrap();
    bench.inject(Fault::on(Operation::InitiateMultipartUpload).answer(403, "AccessDenied"));
    let error = bench.upload().single_put_limit(u64::MAX).await.unwrap_err();
    assert_eq!(error.server().map(|refusal| refusal.code()), Some("AccessDenied"), "{error:?}");
}

fn bench_len() -> usize {
    10 * PART as usize + 51_200
}

#[tokio::test]
async fn deleted_between_runs_it_can_still_be_given_up() {
    let bench = Bench::interrupted().await;
    let id = bench.open_uploads().remove(0);
    std::fs::remove_file(bench.file()).unwrap();
    assert!(matches!(bench.upload().await.unwrap_err(), Error::Source(SourceError::Io { .. })));
    assert_eq!(bench.upload().abort().await.unwrap(), Some(id));
    assert!(bench.open_uploads().is_empty() && bench.checkpoint_files() == 0);
    assert_eq!(bench.upload().abort().await.unwrap(), None);
}

/// Does something to the file when part 3 has begun.
async fn during(change: impl Fn(&mut File) + Send + Sync + 'static) -> (Bench, Error) {
    let bench = Bench::new(vec![]).await;
    let file = Mutex::new(Some(File::options().read(true).write(true).open(bench.file()).unwrap()));
    let upload = bench.upload().on_progress(move |progress| {
        if progress.transferred > 2 * PART
            && let Some(mut file) = file.lock().unwrap().take()
        {
            change(&mut file);
        }
    });
    let error = upload.concurrency(std::num::NonZeroUsize::MIN).await.unwrap_err();
    (bench, error)
}

#[tokio::test]
async fn changed_while_it_is_sent_nothing_is_stored() {
    let (bench, error) = during(|file| file.set_len(3 * PART).unwrap()).await;
    assert!(matches!(error, Error::Source(SourceError::Shrank { .. })), "{error:?}");
    assert!(bench.world.object(KEY).is_none());

    let (bench, error) = during(|file| {
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(b"more").unwrap();
    })
    .await;
    assert!(matches!(error, Error::Source(SourceError::Grew { .. })), "{error:?}");
    assert!(bench.world.object(KEY).is_none());

    let (bench, error) = during(|file| {
        file.write_all(b"other").unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    })
    .await;
    assert!(matches!(error, Error::Source(SourceError::Changed { .. })), "{error:?}");
    assert!(bench.world.object(KEY).is_none());
}

#[tokio::test]
async fn replaced_while_it_is_sent_the_opened_one_is_stored() {
    let bench = Bench::new(vec![]).await;
    let (path, new) = (bench.file(), bench.directory.path().join("new"));
    std::fs::write(&new, b"quite another file").unwrap();
    let renamed = Arc::new(Mutex::new(Some((new, path))));
    let upload = bench.upload().on_progress(move |progress| {
        if progress.transferred > 2 * PART
            && let Some((new, path)) = renamed.lock().unwrap().take()
        {
            std::fs::rename(new, path).unwrap();
        }
    });
    upload.await.unwrap();
    assert!(bench.is_stored());
}

#[tokio::test]
async fn sizes_around_a_part_and_sparse_files_are_stored_exactly() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("source");
    for len in [0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1] {
        let data = pattern(len as usize);
        std::fs::write(&path, &data).unwrap();
        let key = format!("k{len}");
        let upload = world.uploader().resumable_upload(bucket(), &key, &path).part_size(PART);
        upload.single_put_limit(0).await.unwrap();
        assert_eq!(world.object(&key).unwrap().body, data, "{len} bytes");
    }
    let file = File::create(&path).unwrap();
    file.set_len(3 * PART + 7).unwrap();
    world.uploader().resumable_upload(bucket(), "sparse", &path).part_size(PART).await.unwrap();
    assert_eq!(world.object("sparse").unwrap().body, vec![0; 3 * PART as usize + 7]);
}

/// All parts were sent, none in this run: the case in which another SDK reports a wrong checksum.
#[tokio::test]
async fn exact_multiple_of_the_part_size_with_all_parts_done_is_completed() {
    let fault = oss_emulator::Fault::on(oss_emulator::Operation::CompleteMultipartUpload)
        .always()
        .answer(403, "AccessDenied");
    let mut bench = Bench::new(vec![fault]).await;
    bench.data.truncate(4 * PART as usize);
    std::fs::write(bench.file(), &bench.data).unwrap();
    bench.upload().await.unwrap_err();
    bench.world.emulator.clear_faults();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.parts_resumed, uploaded.report.parts_sent), (4, 0));
    assert_eq!(uploaded.object.crc64, Some(oss_upload::Crc64::of(&bench.data)));
    assert!(bench.is_over());
}
