//! An upload id that OSS no longer knows: aborted, or completed by a run that did not live to hear of it.

use std::fs::File;
use std::future::IntoFuture;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use oss_emulator::{Fault, Operation};
use oss_upload::{
    CallbackOutcome, CheckpointStore, Error, MemoryCheckpoints, ObjectState, Recheck, Restart,
    ResumableUpload,
};

use crate::common::bench::{Bench, KEY};
use crate::common::bucket;
use crate::journal::failing_over;

/// Drops the upload when OSS has carried its Complete out, with the callback, and has not answered.
async fn dies_after_complete(bench: &Bench, upload: ResumableUpload) {
    let fault = bench.world.emulator.inject(Fault::on(Operation::CompleteMultipartUpload).stall_answer());
    let done = async {
        bench.world.emulator.wait_for(|journal| journal.iter().any(|it| it.callback.is_some())).await;
    };
    futures_util::future::select(upload.into_future(), Box::pin(done)).await;
    fault.release();
}

#[tokio::test]
async fn object_that_replaced_the_one_of_an_unheard_complete_is_not_overwritten_unasked() {
    let bench = Bench::new(vec![]).await;
    dies_after_complete(&bench, calls_back(&bench)).await;
    let newer: Vec<u8> = bench.data.iter().map(|byte| !byte).collect();
    bench.world.uploader().put_object(bucket(), KEY, newer.clone()).await.unwrap();
    let error = calls_back(&bench).await.unwrap_err();
    assert!(matches!(&error, Error::OutcomeUnknown { reason, .. } if reason.contains("anew")), "{error:?}");
    assert_eq!(bench.world.object(KEY).unwrap().body, newer);
    assert_eq!((bench.world.received().await.len(), bench.checkpoint_files()), (1, 0));
    let uploaded = calls_back(&bench).await.unwrap();
    assert!(matches!(uploaded.callback, CallbackOutcome::Answered(_)));
    assert!(bench.is_over());
}

/// Other bytes of the same length, under another time or under the same.
fn rewrite(bench: &mut Bench, same_time: bool) {
    let modified = std::fs::metadata(bench.file()).unwrap().modified().unwrap();
    bench.data[0] ^= 1;
    let mut file = File::options().write(true).open(bench.file()).unwrap();
    file.write_all(&bench.data[..1]).unwrap();
    let modified = if same_time { modified } else { SystemTime::UNIX_EPOCH + Duration::from_secs(1) };
    file.set_modified(modified).unwrap();
}

fn calls_back(bench: &Bench) -> ResumableUpload {
    bench.upload().callback(bench.world.callback("/ok"))
}

#[tokio::test]
async fn source_rewritten_after_an_unheard_complete_is_uploaded_anew() {
    for (same_time, recheck) in [(false, Recheck::WhenInDoubt), (true, Recheck::Always)] {
        let mut bench = Bench::new(vec![]).await;
        dies_after_complete(&bench, calls_back(&bench)).await;
        rewrite(&mut bench, same_time);
        let uploaded = calls_back(&bench).recheck(recheck).await.unwrap();
        assert!(bench.is_over(), "{recheck:?}: the object is not the source");
        assert_eq!(uploaded.report.restarts, [Restart::SourceChanged]);
        assert!(matches!(uploaded.callback, CallbackOutcome::Answered(_)));
    }
}

#[tokio::test]
async fn source_touched_after_an_unheard_complete_is_compared_and_done() {
    let bench = Bench::new(vec![]).await;
    dies_after_complete(&bench, calls_back(&bench)).await;
    let file = File::options().write(true).open(bench.file()).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let uploaded = calls_back(&bench).await.unwrap();
    assert!(matches!(uploaded.callback, CallbackOutcome::Unknown));
    assert_eq!((uploaded.report.bytes_sent, uploaded.report.restarts), (0, vec![]));
    assert_eq!(bench.world.received().await.len(), 1);
    assert!(bench.is_over());
}

/// Intent, Started, some parts; the disk is full before the record of the Complete, and often before those of the parts.
#[tokio::test]
async fn full_disk_and_death_during_complete_call_back_once() {
    for fail_from in [2, 8, 13] {
        let bench = Bench::new(vec![]).await;
        let store = MemoryCheckpoints::new();
        let full = failing_over(&store, fail_from, false);
        dies_after_complete(&bench, calls_back(&bench).checkpoints(full)).await;
        let store: Arc<dyn CheckpointStore> = Arc::new(store);
        let uploaded = calls_back(&bench).checkpoints(Some(store)).await.unwrap();
        assert!(matches!(uploaded.callback, CallbackOutcome::Unknown), "{:?}", uploaded.callback);
        assert_eq!((uploaded.report.bytes_sent, uploaded.report.restarts), (0, vec![]), "{fail_from}");
        assert_eq!(bench.world.received().await.len(), 1, "from record {fail_from} on");
        assert!(bench.is_over());
    }
}

/// The upload of an interrupted run, of which six parts are in the journal, is aborted by somebody.
async fn aborted() -> Bench {
    let bench = Bench::interrupted().await;
    let id = bench.open_uploads().remove(0);
    bench.world.uploader().multipart_upload(bucket(), KEY, id).unwrap().abort().await.unwrap();
    bench
}

#[tokio::test]
async fn object_of_other_bytes_is_not_taken_for_the_upload_that_is_gone() {
    let bench = aborted().await;
    let others: Vec<u8> = bench.data.iter().map(|byte| !byte).collect();
    bench.world.uploader().put_object(bucket(), KEY, others).await.unwrap();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.restarts, uploaded.report.parts_sent), (vec![Restart::UploadGone], 11));
    assert!(bench.is_over());
}

#[tokio::test]
async fn whoever_may_not_look_for_the_object_of_an_unfinished_upload_starts_anew() {
    let bench = aborted().await;
    bench.inject(Fault::on(Operation::HeadObject).always().answer(403, "AccessDenied"));
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.restarts, uploaded.report.parts_sent), (vec![Restart::UploadGone], 11));
    assert!(bench.is_over());
}

#[tokio::test]
async fn look_that_fails_for_now_starts_nothing() {
    let bench = aborted().await;
    bench.inject(Fault::on(Operation::HeadObject).always().answer(500, "InternalError"));
    let error = bench.upload().await.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!((bench.count(Operation::InitiateMultipartUpload), bench.checkpoint_files()), (1, 1));
}

#[tokio::test]
async fn source_that_cannot_be_compared_leaves_the_outcome_unknown() {
    let mut bench = Bench::new(vec![]).await;
    dies_after_complete(&bench, calls_back(&bench)).await;
    // Its time is another, and it is shorter by the time it is read.
    rewrite(&mut bench, false);
    let opened = oss_upload::FileSource::open(bench.file()).await.unwrap();
    File::options().write(true).open(bench.file()).unwrap().set_len(10).unwrap();
    let uploader = bench.world.uploader_with(&bench.store);
    let content = oss_upload::Content::source(Arc::new(opened));
    let error = uploader.resumable_upload(bucket(), KEY, content).await.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!(error.object_state(), ObjectState::Unknown);
    assert_eq!(bench.checkpoint_files(), 1, "it can be compared again");
}
