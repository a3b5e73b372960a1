//! `resumable_upload` against the emulator: parts, checkpoints, recovery, and the callback on Complete.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]

mod common;

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use common::bench::{Bench, PART, part_7_is_refused};
use common::{BUCKET, World, bucket, pattern, polled, verify};
use oss_emulator::{Fault, Operation};
use oss_upload::{
    CallbackOutcome, CheckpointError, CheckpointStore, Crc64, Error, FileCheckpoints, MemoryCheckpoints,
    ObjectOptions, ObjectState, Restart, Stage,
};

#[tokio::test]
async fn parts_go_up_and_the_callback_rides_on_complete() {
    let bench = Bench::new(vec![]).await;
    let uploaded = bench.upload().callback(bench.world.callback("/ok")).await.unwrap();
    assert!(bench.is_stored());
    assert_eq!(uploaded.object.crc64, Some(Crc64::of(&bench.data)));
    assert!(uploaded.object.etag.as_deref().unwrap().ends_with("-11"), "{:?}", uploaded.object.etag);
    assert!(matches!(uploaded.callback, CallbackOutcome::Answered(_)));
    assert_eq!((uploaded.report.parts_sent, uploaded.report.parts_resumed), (11, 0));
    assert_eq!(bench.checkpoint_files(), 0);

    let received = bench.world.received().await;
    assert_eq!(received.len(), 1);
    let verified = verify(&bench.world.verifier("/ok?user=put_object"), &received[0]).unwrap();
    let form: BTreeMap<String, String> = verified.form().unwrap();
    assert_eq!(form["object"], "files/world");
    assert_eq!(form["size"], bench.data.len().to_string());
}

#[tokio::test]
async fn a_failed_callback_closes_the_checkpoint_and_a_later_run_starts_a_new_upload() {
    let bench = Bench::new(vec![]).await;
    let error = bench.upload().callback(bench.world.callback("/fail")).await.unwrap_err();
    let Error::CallbackFailed(failed) = &error else { panic!("{error:?}") };
    assert_eq!(failed.object().crc64, Some(Crc64::of(&bench.data)));
    assert_eq!(failed.uploaded.report.parts_sent, 11);
    assert_eq!(failed.failure.application_status, Some(500));
    assert_eq!(error.object_state(), ObjectState::Stored);
    assert!(bench.is_stored());
    assert_eq!(bench.checkpoint_files(), 0);

    let uploaded = bench.upload().callback(bench.world.callback("/ok")).await.unwrap();
    assert!(matches!(uploaded.callback, CallbackOutcome::Answered(_)));
}

#[tokio::test]
async fn a_failed_run_is_resumed_and_sends_no_finished_part_again() {
    let bench = Bench::new(vec![part_7_is_refused()]).await;
    let error = bench.upload().concurrency(NonZeroUsize::MIN).await.unwrap_err();
    assert_eq!(error.server().unwrap().code(), "AccessDenied");
    assert_eq!(error.object_state(), ObjectState::NotStored);

    bench.world.emulator.clear_faults();
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let uploaded = bench.upload().on_progress(move |p| sink.lock().unwrap().push(p)).await.unwrap();
    assert!(bench.is_stored());
    assert_eq!((uploaded.report.parts_resumed, uploaded.report.parts_sent), (6, 5));
    assert_eq!(uploaded.report.bytes_resumed, 6 * PART);
    assert!(bench.sent().values().all(|&times| times == 1), "{:?}", bench.sent());
    let told = told.lock().unwrap();
    assert_eq!(told[0].resumed, 6 * PART);
    assert!(told.windows(2).all(|pair| pair[0].transferred <= pair[1].transferred));
    assert_eq!(told.last().unwrap().transferred, bench.data.len() as u64);
    assert_eq!(told.last().unwrap().stage, Stage::Stored);
}

#[tokio::test]
async fn a_part_that_oss_has_and_the_journal_does_not_know_is_adopted() {
    let fault = Fault::on(Operation::UploadPart).part(3).always().drop_answer();
    let bench = Bench::new(vec![fault]).await;
    let uploader =
        bench.world.builder().checkpoints(Arc::clone(&bench.store)).retry(Arc::new(oss_upload::NoRetry));
    let uploader = uploader.build().unwrap();
    bench.upload_by(&uploader).concurrency(NonZeroUsize::MIN).await.unwrap_err();
    bench.world.emulator.clear_faults();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!(uploaded.report.parts_resumed, 3, "part 3 was proved by its CRC-64");
    assert!(bench.is_stored());
}

#[tokio::test]
async fn the_answer_to_complete_lost_is_done_with_an_unknown_callback() {
    let fault = Fault::on(Operation::CompleteMultipartUpload).times(1).drop_answer();
    let bench = Bench::new(vec![fault]).await;
    let uploaded = bench.upload().callback(bench.world.callback("/ok")).await.unwrap();
    assert!(matches!(uploaded.callback, CallbackOutcome::Unknown));
    assert!(bench.is_stored());
    assert_eq!(bench.world.requests(Operation::CompleteMultipartUpload).len(), 1);
    assert_eq!(bench.world.received().await.len(), 1);
    assert_eq!(bench.checkpoint_files(), 0);
}

#[tokio::test]
async fn a_run_that_died_after_complete_is_found_done_by_the_next() {
    let fault = Fault::on(Operation::CompleteMultipartUpload).times(1).stall_answer();
    let bench = Bench::new(vec![fault]).await;
    {
        let upload = bench.upload().callback(bench.world.callback("/ok")).into_future();
        let done = async {
            bench.world.emulator.wait_for(|_| bench.is_stored()).await;
        };
        futures_util::future::select(upload, Box::pin(done)).await;
    }
    assert_ne!(bench.checkpoint_files(), 0);
    let uploaded = bench.upload().callback(bench.world.callback("/ok")).await.unwrap();
    assert!(matches!(uploaded.callback, CallbackOutcome::Unknown), "{:?}", uploaded.callback);
    assert_eq!(uploaded.report.bytes_sent, 0);
    assert_eq!(bench.world.requests(Operation::CompleteMultipartUpload).len(), 1);
    assert_eq!(bench.checkpoint_files(), 0);
}

#[tokio::test]
async fn a_changed_source_aborts_the_old_upload_and_starts_anew() {
    let mut bench = Bench::interrupted().await;
    bench.data.reverse();
    std::fs::write(bench.file(), &bench.data).unwrap();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!(uploaded.report.restarts, [Restart::SourceChanged]);
    assert_eq!(uploaded.report.parts_resumed, 0);
    assert!(bench.is_stored());
    assert!(bench.world.emulator.uploads(BUCKET).is_empty(), "no upload is left behind");
}

#[tokio::test]
async fn changed_options_abort_the_old_upload_and_start_anew() {
    let bench = Bench::interrupted().await;
    let uploaded = bench.upload().options(ObjectOptions::new().metadata("author", "me")).await.unwrap();
    assert_eq!(uploaded.report.restarts, [Restart::OptionsChanged]);
    assert_eq!(bench.world.object("files/world").unwrap().metadata["author"], "me");
    assert!(bench.world.emulator.uploads(BUCKET).is_empty());
}

#[tokio::test]
async fn an_upload_that_oss_forgot_is_started_anew() {
    let bench = Bench::interrupted().await;
    let forgotten = Fault::on(Operation::ListParts).times(1).answer(404, "NoSuchUpload");
    bench.inject(forgotten);
    let uploaded = bench.upload().await.unwrap();
    assert_eq!(uploaded.report.restarts, [Restart::UploadGone]);
    assert!(bench.is_stored());
}

#[tokio::test]
async fn a_listing_that_fails_is_never_taken_for_an_upload_that_is_gone() {
    let bench = Bench::interrupted().await;
    bench.inject(Fault::on(Operation::ListParts).always().answer(500, "InternalError"));
    let error = bench.upload().await.unwrap_err();
    assert_eq!(error.server().unwrap().code(), "InternalError");
    assert_eq!(bench.world.requests(Operation::InitiateMultipartUpload).len(), 1);

    bench.world.emulator.clear_faults();
    bench.inject(Fault::on(Operation::ListParts).always().answer(403, "AccessDenied"));
    let uploaded = bench.upload().await.unwrap();
    assert_eq!(uploaded.report.parts_resumed, 6, "the journal is enough");
    assert!(bench.is_stored());
}

#[tokio::test]
async fn a_torn_journal_loses_no_more_than_its_torn_record() {
    let bench = Bench::interrupted().await;
    let journal = bench.journal();
    let bytes = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, &bytes[..bytes.len() - 20]).unwrap();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!(uploaded.report.parts_resumed, 6, "the torn one was adopted from OSS's list");
    assert!(bench.is_stored());
}

#[tokio::test]
async fn two_runs_of_one_upload_do_not_meet() {
    let fault = Fault::on(Operation::UploadPart).part(2).always().stall();
    let bench = Bench::new(vec![fault]).await;
    let first = tokio::spawn(bench.upload().into_future());
    bench.world.emulator.wait_for(|journal| journal.iter().any(|e| e.part_number == Some(2))).await;
    let error = bench.upload().await.unwrap_err();
    assert!(matches!(error, Error::Checkpoint(CheckpointError::Locked { .. })), "{error:?}");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    bench.world.emulator.clear_faults();
    bench.upload().await.unwrap();
    assert!(bench.is_stored());
}

#[tokio::test]
async fn without_a_checkpoint_a_failed_upload_leaves_no_parts() {
    let bench = Bench::new(vec![part_7_is_refused()]).await;
    bench.upload_by(&bench.world.uploader()).await.unwrap_err();
    assert!(bench.world.emulator.uploads(BUCKET).is_empty());
}

#[tokio::test]
async fn small_and_empty_content_goes_with_one_put() {
    let world = World::new().await;
    for (key, len) in [("empty", 0), ("small", 1), ("full", 8 << 20)] {
        let content = pattern(len);
        let upload = world.uploader().resumable_upload(bucket(), key, content.clone());
        let uploaded = upload.callback(world.callback("/ok")).await.unwrap();
        assert!(matches!(uploaded.callback, CallbackOutcome::Answered(_)));
        assert_eq!(world.object(key).unwrap().body, content);
    }
    assert!(world.requests(Operation::InitiateMultipartUpload).is_empty());
    assert_eq!(world.requests(Operation::PutObject).len(), 3);
}

#[tokio::test]
async fn more_than_a_page_of_parts_is_resumed() {
    let world = World::with(|b| b.smallest_part(1)).await;
    let directory = tempfile::tempdir().unwrap();
    let (path, data) = (directory.path().join("source"), pattern(1005 * PART as usize));
    std::fs::write(&path, &data).unwrap();
    let store: Arc<dyn CheckpointStore> = Arc::new(MemoryCheckpoints::new());
    let upload = || world.uploader_with(&store).resumable_upload(bucket(), "big", &path).part_size(PART);
    world.emulator.inject(Fault::on(Operation::CompleteMultipartUpload).times(1).answer(403, "AccessDenied"));
    upload().await.unwrap_err();
    let uploaded = upload().await.unwrap();
    assert_eq!((uploaded.report.parts_resumed, uploaded.report.parts_sent), (1005, 0));
    assert_eq!(world.requests(Operation::ListParts).len(), 2);
    assert_eq!(world.object("big").unwrap().crc64, Some(Crc64::of(&data)));
}

/// The future is dropped after its k-th poll for every k until one run ends by itself; whatever is left is resumed.
#[tokio::test]
async fn a_drop_at_any_poll_leaves_an_upload_that_is_resumed() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let (path, data) = (directory.path().join("source"), Bytes::from(pattern(4 * PART as usize)));
    std::fs::write(&path, &data).unwrap();
    let store: Arc<dyn CheckpointStore> =
        Arc::new(FileCheckpoints::new(directory.path().join("checkpoints")));
    let uploader = world.uploader_with(&store);
    for polls in 1.. {
        let key = format!("k{polls}");
        let upload = || uploader.resumable_upload(bucket(), &key, &path).part_size(PART);
        let ended = polled(upload().into_future(), polls).await.is_some();
        let uploaded = upload().await.unwrap_or_else(|error| panic!("after {polls} polls: {error:?}"));
        assert_eq!(world.object(&key).unwrap().body, data, "after {polls} polls");
        assert_eq!(uploaded.object.crc64, Some(Crc64::of(&data)));
        assert!(
            world.emulator.uploads(BUCKET).len() <= polls,
            "at most the upload whose id never arrived is left"
        );
        if ended {
            return;
        }
    }
}
