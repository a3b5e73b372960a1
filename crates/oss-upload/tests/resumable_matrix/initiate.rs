//! Faults of InitiateMultipartUpload: the id that never arrives is reported.

use oss_emulator::{Fault, Operation};
use oss_upload::{Error, NoRetry};

use crate::common::bench::Bench;

fn initiate() -> oss_emulator::FaultPoint {
    Fault::on(Operation::InitiateMultipartUpload)
}

#[tokio::test]
async fn answer_lost_is_repeated_and_the_first_upload_reported() {
    let bench = Bench::new(vec![initiate().drop_answer()]).await;
    let uploaded = bench.upload().await.unwrap();
    assert!(bench.is_stored());
    assert_eq!(uploaded.report.orphans, bench.open_uploads());
    assert_eq!(uploaded.report.orphans.len(), 1);
}

#[tokio::test]
async fn run_that_ends_there_leaves_its_upload_to_the_next_to_report() {
    let bench = Bench::new(vec![initiate().drop_answer()]).await;
    let uploader = bench.world.builder().checkpoints(bench.store.clone()).retry(std::sync::Arc::new(NoRetry));
    bench.upload_by(&uploader.build().unwrap()).await.unwrap_err();
    let left = bench.open_uploads();
    assert_eq!(bench.upload().abort().await.unwrap(), None, "nobody knows that it is ours");
    let uploaded = bench.upload().await.unwrap();
    assert_eq!((uploaded.report.orphans, bench.open_uploads()), (left.clone(), left));
    assert!(bench.is_stored());
}

#[tokio::test]
async fn refusal_that_passes_is_repeated_without_an_orphan() {
    let bench = Bench::new(vec![initiate().answer(500, "InternalError")]).await;
    let uploaded = bench.upload().await.unwrap();
    assert_eq!(uploaded.report.orphans, [""; 0]);
    assert!(bench.is_over());
}

#[tokio::test]
async fn answer_without_an_upload_id_is_an_error() {
    let body = "<InitiateMultipartUploadResult><UploadId></UploadId></InitiateMultipartUploadResult>";
    let fault = initiate().always().answer_raw(200, "application/xml", body);
    let bench = Bench::new(vec![fault]).await;
    let error = bench.upload().await.unwrap_err();
    assert!(matches!(error, Error::MalformedAnswer { .. }), "{error:?}");
}
