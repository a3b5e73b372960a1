//! Giving uploads up: by their checkpoint, and by a sweep over a bucket.

use std::sync::Arc;
use std::time::Duration;

use oss_emulator::{Fault, Operation};
use oss_upload::{CheckpointStore, MemoryCheckpoints, Restart, Swept};

use crate::common::bench::{Bench, KEY};
use crate::common::{BUCKET, World, bucket, polled};
use crate::journal::{failing_over, flip_a_bit_of_the_beginning};

#[tokio::test]
async fn upload_is_given_up_by_its_checkpoint() {
    let bench = Bench::interrupted().await;
    let id = bench.open_uploads().remove(0);
    assert_eq!(bench.upload().abort().await.unwrap(), Some(id));
    assert!(bench.open_uploads().is_empty());
    assert_eq!(bench.checkpoint_files(), 0);
    assert_eq!(bench.upload().await.unwrap().report.parts_sent, 11);
}

#[tokio::test]
async fn giving_up_forgets_no_upload_that_was_not_reported() {
    let mut bench = Bench::interrupted().await;
    bench.inject(Fault::on(Operation::AbortMultipartUpload).times(1).answer(403, "AccessDenied"));
    bench.inject(Fault::on(Operation::UploadPart).part(7).times(1).answer(403, "AccessDenied"));
    let left = bench.open_uploads();
    bench.data.push(0);
    std::fs::write(bench.file(), &bench.data).unwrap();
    bench.upload().await.unwrap_err();
    assert!(bench.upload().abort().await.unwrap().is_some());
    assert_eq!(bench.open_uploads(), left);
    assert_eq!(bench.upload().await.unwrap().report.orphans, left);
    assert_eq!(bench.checkpoint_files(), 0);
}

#[tokio::test]
async fn upload_that_may_not_be_aborted_keeps_its_checkpoint() {
    let bench = Bench::interrupted().await;
    bench.inject(Fault::on(Operation::AbortMultipartUpload).always().answer(403, "AccessDenied"));
    bench.upload().abort().await.unwrap_err();
    assert_eq!((bench.open_uploads().len(), bench.checkpoint_files()), (1, 1));
}

#[tokio::test]
async fn upload_of_a_checkpoint_that_was_set_aside_can_be_given_up_again() {
    let bench = Bench::interrupted().await;
    let id = bench.open_uploads().remove(0);
    flip_a_bit_of_the_beginning(&bench);
    bench.inject(Fault::on(Operation::AbortMultipartUpload).times(1).answer(403, "AccessDenied"));
    bench.upload().abort().await.unwrap_err();
    assert_eq!(bench.upload().abort().await.unwrap(), Some(id));
    assert!(bench.open_uploads().is_empty());
    assert_eq!(bench.checkpoint_files(), 1, "what was set aside");
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.restarts, uploaded.report.orphans), (vec![], vec![]));
}

#[tokio::test]
async fn giving_up_that_is_dropped_at_any_poll_is_done_by_the_next() {
    for is_set_aside in [false, true] {
        for polls in 1.. {
            let bench = Bench::interrupted().await;
            if is_set_aside {
                flip_a_bit_of_the_beginning(&bench);
            }
            let ended = polled(Box::pin(bench.upload().abort()), polls).await.is_some();
            bench.upload().abort().await.unwrap();
            assert_eq!(bench.open_uploads(), [""; 0], "after {polls} polls, set aside: {is_set_aside}");
            if ended {
                break;
            }
        }
    }
}

#[tokio::test]
async fn giving_up_on_a_full_disk_forgets_no_upload_that_was_not_reported() {
    let mut bench = Bench::new(vec![]).await;
    let store = MemoryCheckpoints::new();
    let kept: Arc<dyn CheckpointStore> = Arc::new(store.clone());
    let upload = |bench: &Bench| bench.upload().checkpoints(Some(Arc::clone(&kept)));
    bench.inject(Fault::on(Operation::UploadPart).part(7).times(2).answer(403, "AccessDenied"));
    upload(&bench).await.unwrap_err();
    bench.inject(Fault::on(Operation::AbortMultipartUpload).times(1).answer(403, "AccessDenied"));
    let left = bench.open_uploads();
    bench.data.push(0);
    std::fs::write(bench.file(), &bench.data).unwrap();
    upload(&bench).await.unwrap_err();
    bench.upload().checkpoints(failing_over(&store, 0, false)).abort().await.unwrap_err();
    assert_eq!((bench.open_uploads(), store.count()), (left.clone(), 1));
    assert_eq!(upload(&bench).await.unwrap().report.orphans, left);
}

#[tokio::test]
async fn earlier_upload_that_may_not_be_aborted_is_reported() {
    let mut bench = Bench::interrupted().await;
    bench.inject(Fault::on(Operation::AbortMultipartUpload).always().answer(403, "AccessDenied"));
    bench.data.push(0);
    std::fs::write(bench.file(), &bench.data).unwrap();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!(uploaded.report.restarts, [Restart::SourceChanged]);
    assert_eq!(uploaded.report.orphans, bench.open_uploads());
    assert_eq!(uploaded.report.orphans.len(), 1);
}

#[tokio::test]
async fn earlier_upload_whose_abort_fails_for_now_is_aborted_by_the_next_run() {
    let mut bench = Bench::interrupted().await;
    bench.data.push(0);
    std::fs::write(bench.file(), &bench.data).unwrap();
    bench.inject(Fault::on(Operation::AbortMultipartUpload).always().answer(500, "InternalError"));
    bench.upload().await.unwrap_err();
    bench.world.emulator.clear_faults();
    bench.upload().await.unwrap();
    assert!(bench.is_over());
}

/// A bucket with old and new uploads under two prefixes, some keys beyond XML.
async fn with_uploads() -> World {
    let world = World::new().await;
    let uploader = world.uploader();
    for key in ["a/1", "a/2 + ü&\u{1}", "a/2 + ü&\u{1}", "b/1"] {
        uploader.initiate_multipart_upload(bucket(), key).await.unwrap();
    }
    world.emulator.set_clock_offset_millis(10 * 24 * 3600 * 1000);
    uploader.initiate_multipart_upload(bucket(), "a/new").await.unwrap();
    world
}

fn keys(uploads: &[oss_upload::OpenUpload]) -> Vec<&str> {
    uploads.iter().map(|upload| upload.key.as_str()).collect()
}

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

#[tokio::test]
async fn sweep_aborts_the_old_uploads_under_a_prefix_and_says_which() {
    let world = with_uploads().await;
    let uploader = world.uploader();
    let dry: Swept = uploader.sweep_uploads(bucket(), WEEK).prefix("a/").dry_run().await.unwrap();
    assert_eq!(keys(&dry.would_abort), ["a/1", "a/2 + ü&\u{1}", "a/2 + ü&\u{1}"]);
    assert_eq!(keys(&dry.kept), ["a/new"]);
    assert_eq!(world.emulator.uploads(BUCKET).len(), 5);

    let swept = uploader.sweep_uploads(bucket(), WEEK).prefix("a/").await.unwrap();
    assert_eq!(swept.aborted, dry.would_abort);
    let left: Vec<String> = world.emulator.uploads(BUCKET).into_iter().map(|upload| upload.key).collect();
    assert_eq!(left, ["a/new", "b/1"]);
}

#[tokio::test]
async fn sweep_goes_on_where_one_upload_cannot_be_aborted() {
    let world = with_uploads().await;
    world
        .emulator
        .inject(Fault::on(Operation::AbortMultipartUpload).key("a/1").always().answer(403, "AccessDenied"));
    let swept = world.uploader().sweep_uploads(bucket(), WEEK).await.unwrap();
    assert_eq!((swept.failed.len(), swept.aborted.len(), swept.kept.len()), (1, 3, 1));
    assert_eq!(swept.failed[0].upload.key, "a/1");
    assert_eq!(swept.failed[0].error.server().unwrap().code(), "AccessDenied");
}

#[tokio::test]
async fn sweep_reads_every_page() {
    let world = World::new().await;
    let uploader = world.uploader();
    // Two keys, so that a page ends between uploads of one key.
    for n in 0..1010 {
        let key = if n % 2 == 0 { "x" } else { "y" };
        uploader.initiate_multipart_upload(bucket(), key).await.unwrap();
    }
    let swept = uploader.sweep_uploads(bucket(), Duration::ZERO).dry_run().await.unwrap();
    assert_eq!(swept.would_abort.len() + swept.kept.len(), 1010);
    assert_eq!(world.requests(Operation::ListMultipartUploads).len(), 2);
}

#[tokio::test]
async fn sweep_with_a_listing_that_stands_still_is_an_error() {
    let body = "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker></NextKeyMarker>\
                <NextUploadIdMarker></NextUploadIdMarker></ListMultipartUploadsResult>";
    let world = World::new().await;
    let fault = Fault::on(Operation::ListMultipartUploads).always();
    world.emulator.inject(fault.answer_raw(200, "application/xml", body));
    let error = world.uploader().sweep_uploads(bucket(), WEEK).await.unwrap_err();
    assert!(error.to_string().contains("does not say where to go on"), "{error}");
}

#[tokio::test]
async fn key_of_another_upload_does_not_share_its_checkpoint() {
    let bench = Bench::interrupted().await;
    let uploader = bench.world.uploader_with(&bench.store);
    let other = uploader.resumable_upload(bucket(), format!("{KEY}2"), bench.file());
    assert_eq!(other.abort().await.unwrap(), None);
    assert_eq!(bench.open_uploads().len(), 1);
}
