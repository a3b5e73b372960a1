//! Faults of ListParts on resume: a passing one is never read as "gone", and a foreign part never gets in.

use oss_emulator::{Fault, FaultPoint, Operation};
use oss_upload::{Error, Restart};

use crate::common::bench::Bench;

fn list() -> FaultPoint {
    Fault::on(Operation::ListParts)
}

#[tokio::test]
async fn marker_that_does_not_move_is_an_error() {
    let bench = Bench::interrupted().await;
    bench.inject(list().always().stuck_marker());
    let error = bench.upload().await.unwrap_err();
    assert!(
        matches!(&error, Error::MalformedAnswer { reason, .. } if reason.contains("truncated")),
        "{error:?}"
    );
    bench.world.emulator.clear_faults();
    assert_eq!(bench.upload().await.unwrap().report.parts_resumed, 6, "nothing was lost by it");
}

#[tokio::test]
async fn no_permission_to_list_goes_on_from_the_journal() {
    let bench = Bench::interrupted().await;
    bench.inject(list().always().answer(403, "AccessDenied"));
    assert_eq!(bench.upload().await.unwrap().report.parts_resumed, 6);
    assert!(bench.is_over());
}

#[tokio::test]
async fn failure_that_passes_is_repeated_and_one_that_stays_ends_the_run() {
    let bench = Bench::interrupted().await;
    bench.inject(list().times(2).answer(500, "InternalError"));
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.parts_resumed, uploaded.report.restarts), (6, vec![]));

    let bench = Bench::interrupted().await;
    bench.inject(list().always().drop_answer());
    bench.upload().await.unwrap_err();
    assert_eq!((bench.open_uploads().len(), bench.count(Operation::InitiateMultipartUpload)), (1, 1));
}

#[tokio::test]
async fn upload_that_is_gone_is_started_anew() {
    let bench = Bench::interrupted().await;
    let id = bench.open_uploads().remove(0);
    let uploader = bench.world.uploader();
    let upload = uploader.multipart_upload(crate::common::bucket(), crate::common::bench::KEY, id).unwrap();
    upload.abort().await.unwrap();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.restarts, uploaded.report.parts_sent), (vec![Restart::UploadGone], 11));
    assert!(bench.is_over());
}

#[tokio::test]
async fn foreign_part_is_not_taken_over() {
    let bench = Bench::interrupted().await;
    // A stranger's part 9 of the right length, and a part 77 there should not be.
    bench.inject(list().times(1).overwrite_part(9, "x".repeat(100 * 1024)));
    bench.inject(list().times(1).overwrite_part(77, "y"));
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.parts_resumed, uploaded.report.parts_sent), (6, 5));
    assert!(bench.is_over());
}

#[tokio::test]
async fn part_overwritten_by_other_bytes_is_sent_again() {
    let bench = Bench::interrupted().await;
    bench.inject(list().times(1).overwrite_part(3, "z".repeat(100 * 1024)));
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.parts_resumed, bench.sent()[&3]), (5, 2));
    assert!(bench.is_over());
}

#[tokio::test]
async fn part_that_oss_lost_is_sent_again() {
    let bench = Bench::interrupted().await;
    bench.inject(list().times(1).lose_part(2));
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.parts_resumed, bench.sent()[&2]), (5, 2));
    assert!(bench.is_over());
}
