//! Multipart uploads in the caller's hands, and the small requests beside them, where OSS or the way to it misbehaves.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::bench::Bench;
use common::scripted::{Step, Then, played, server};
use common::{bucket, over};
use oss_signing::Credentials;
use oss_upload::{Error, ObjectState};

const PAGE: &str = "<h1>Log in</h1>";

/// What a captive portal answers, as often as anybody asks.
fn portal() -> impl Iterator<Item = Step> {
    std::iter::repeat_n(Step::Answer(200, vec![("etag", "\"5f\"".into())], PAGE, Then::End), 20)
}

#[tokio::test]
async fn a_page_of_somebody_else_is_no_answer_to_any_request() {
    let upload = |uploader: &oss_upload::Uploader| uploader.multipart_upload(bucket(), "k", "id").unwrap();
    let asked = [
        played(portal()).0.delete_object(&bucket(), "k").await.unwrap_err(),
        played(portal()).0.head_object(&bucket(), "k").await.unwrap_err(),
        played(portal()).0.initiate_multipart_upload(bucket(), "k").await.unwrap_err(),
        played(portal()).0.sweep_uploads(bucket(), Duration::ZERO).await.unwrap_err(),
        upload(&played(portal()).0).list_parts().await.unwrap_err(),
        upload(&played(portal()).0).abort().await.unwrap_err(),
    ];
    for error in asked {
        let Error::MalformedAnswer { reason, .. } = &error else { panic!("{error:?}") };
        assert!(reason.contains("x-oss-request-id"), "{reason}");
        assert_eq!(error.object_state(), ObjectState::NotStored);
    }
}

#[tokio::test]
async fn an_upload_whose_abort_somebody_else_answered_keeps_its_checkpoint() {
    let bench = Bench::interrupted().await;
    let credentials = Credentials::new("id", "secret");
    let uploader = over(bench.world.emulator.endpoint(), server(portal()).0, credentials);
    let uploader = uploader.checkpoints(Arc::clone(&bench.store)).build().unwrap();
    let error = bench.upload_by(&uploader).abort().await.unwrap_err();
    assert!(matches!(error, Error::MalformedAnswer { .. }), "{error:?}");
    assert_eq!((bench.open_uploads().len(), bench.checkpoint_files()), (1, 1));
}
