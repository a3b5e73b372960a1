//! Faults of UploadPart: each is survived within the run, and the object is whole.

use std::num::NonZeroUsize;
use std::time::Duration;

use oss_emulator::{Fault, FaultPoint, Operation};
use oss_upload::Report;

use crate::common::bench::{Bench, PART};

fn part_5() -> FaultPoint {
    Fault::on(Operation::UploadPart).part(5)
}

/// Uploads through the fault and gives the report.
async fn survived(fault: Fault) -> (Bench, Report) {
    let bench = Bench::new(vec![fault]).await;
    let uploaded = bench.upload().await.unwrap();
    assert!(bench.is_over());
    assert_eq!(uploaded.report.parts_sent, 11);
    (bench, uploaded.report)
}

/// The same without a socket and on a clock that runs only while everything waits.
async fn waited_out(fault: Fault) -> Report {
    let bench = Bench::new(vec![fault]).await;
    let uploaded = bench.upload_in_process(|builder| builder).await.unwrap();
    assert!(bench.is_over());
    uploaded.report
}

#[tokio::test]
async fn connection_reset_at_any_byte_is_repeated() {
    for bytes in [0, 1, PART / 2, PART - 1, PART] {
        let (_, report) = survived(part_5().reset_request_after(bytes)).await;
        assert_eq!(report.parts_resent, 1, "after {bytes} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn stall_in_the_middle_of_the_body_is_cut_short_and_repeated() {
    for bytes in [0, 1, PART / 2, PART - 1] {
        assert_eq!(waited_out(part_5().stall_after(bytes)).await.parts_resent, 1, "after {bytes} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn body_accepted_and_never_answered_is_repeated() {
    assert_eq!(waited_out(part_5().stall_after(u64::MAX)).await.parts_resent, 1);
    assert_eq!(waited_out(part_5().stall_answer()).await.parts_resent, 1);
}

#[tokio::test]
async fn answer_cut_in_its_head_or_lost_is_repeated() {
    for fault in [part_5().reset_response_after(10), part_5().drop_answer()] {
        let (bench, report) = survived(fault).await;
        assert_eq!((report.parts_resent, bench.count(Operation::UploadPart)), (1, 12));
    }
}

#[tokio::test]
async fn refusals_that_pass_are_repeated() {
    for fault in [
        part_5().answer(500, "InternalError"),
        part_5().answer_raw(502, "text/html", "<html>Bad gateway</html>"),
        part_5().answer(503, "ServiceUnavailable"),
        part_5().answer(400, "RequestTimeout"),
        part_5().answer(400, "InvalidDigest"),
    ] {
        assert_eq!(survived(fault.clone()).await.1.parts_resent, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn refusal_before_the_body_is_read_is_repeated() {
    let (_, report) = survived(part_5().answer_unread(503, "ServiceUnavailable")).await;
    assert!(report.parts_resent >= 1);
}

#[tokio::test(start_paused = true)]
async fn throttling_lowers_the_concurrency_and_waits_as_long_as_oss_asks() {
    let fault = Fault::on(Operation::UploadPart).times(3).throttle(Duration::from_secs(30));
    let bench = Bench::new(vec![fault]).await;
    let began = tokio::time::Instant::now();
    let uploaded = bench.upload_in_process(|builder| builder).await.unwrap();
    assert!(bench.is_over());
    assert!(began.elapsed() >= Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(uploaded.report.parts_resent, 3);
    assert!((1..=3).contains(&uploaded.report.throttled), "{:?}", uploaded.report);
}

#[tokio::test]
async fn answer_with_a_wrong_checksum_is_not_believed() {
    let (_, report) = survived(part_5().wrong_crc()).await;
    assert_eq!(report.parts_resent, 1);
}

#[tokio::test]
async fn answer_without_a_checksum_is_checked_at_complete() {
    let (_, report) = survived(part_5().missing_crc()).await;
    assert_eq!(report.parts_resent, 0);
}

#[tokio::test]
async fn answer_with_a_wrong_etag_is_found_at_complete_and_the_part_sent_again() {
    let (bench, report) = survived(part_5().wrong_etag()).await;
    assert_eq!((report.parts_resent, bench.count(Operation::CompleteMultipartUpload)), (1, 2));
}

#[tokio::test]
async fn answer_without_an_etag_is_repeated() {
    let (_, report) = survived(part_5().missing_etag()).await;
    assert_eq!(report.parts_resent, 1);
}

#[tokio::test]
async fn refusal_that_stays_ends_the_run_and_keeps_the_upload() {
    let bench = Bench::new(vec![part_5().always().answer(403, "AccessDenied")]).await;
    let error = bench.upload().await.unwrap_err();
    assert_eq!(error.server().unwrap().code(), "AccessDenied");
    assert_eq!((bench.open_uploads().len(), bench.checkpoint_files()), (1, 1));
    bench.world.emulator.clear_faults();
    bench.upload().await.unwrap();
    assert!(bench.is_over() && bench.sent().values().all(|&times| times == 1));
}

#[tokio::test]
async fn parts_that_were_acknowledged_are_written_down_when_the_next_fails() {
    let bench = Bench::new(vec![part_5().always().answer(403, "AccessDenied")]).await;
    bench.upload().concurrency(NonZeroUsize::MIN).await.unwrap_err();
    let written = std::fs::read_to_string(bench.journal()).unwrap().matches("\"record\":\"part\"").count();
    assert_eq!((bench.sent().len(), written), (4, 4));
}
