//! Multipart uploads in the caller's hands, and the small requests beside them, where OSS or the way to it misbehaves.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::bench::Bench;
use common::scripted::{
    CONTENT, DENIED, FAILED, Step, Then, before_now, crc, found, found_at, id, played, refused, server,
};
use common::{World, bucket, callback, over};
use http::Method;
use oss_emulator::{Fault, Operation};
use oss_signing::Credentials;
use oss_transport::{Body, Request, Transport, transport_fn};
use oss_upload::{CallbackOutcome, Crc64, Error, ObjectOptions, ObjectState, Uploaded};

const PAGE: &str = "<h1>Log in</h1>";

/// What a captive portal answers, as often as anybody asks.
fn portal() -> impl Iterator<Item = Step> {
    std::iter::repeat_n(Step::Answer(200, vec![("etag", "\"5f\"".into())], PAGE, Then::End), 20)
}

#[tokio::test]
async fn a_page_of_somebody_else_is_no_answer_to_any_request() {
    let upload = |uploader: &oss_upload::Uploader| uploader.multipart_upload(bucket(), "k", "id").unwrap();
    let asked = [
        played(portal()).0.delete_object(bucket(), "k").await.unwrap_err(),
        played(portal()).0.head_object(bucket(), "k").await.unwrap_err(),
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

/// A listing of one part, which is the whole content.
fn listed() -> Step {
    let crc64 = Crc64::of(CONTENT.as_bytes());
    let part = format!(
        "<ListPartsResult><Part><PartNumber>1</PartNumber><ETag>A</ETag><Size>{}</Size>\
         <HashCrc64ecma>{crc64}</HashCrc64ecma></Part></ListPartsResult>",
        CONTENT.len(),
    );
    Step::Answer(200, vec![id()], part.leak(), Then::End)
}

/// How a Complete with a callback ends, and the methods of the requests after the listing.
async fn completed(steps: impl IntoIterator<Item = Step>) -> (Result<Uploaded, Error>, Vec<Method>) {
    let (uploader, seen) = played(std::iter::once(listed()).chain(steps));
    let upload = uploader.multipart_upload(bucket(), "k", "id").unwrap();
    let parts = upload.list_parts().await.unwrap();
    let result = upload.complete(&parts).callback(callback("http://127.0.0.1:1/ok")).await;
    let seen = seen.lock().unwrap()[1..].to_vec();
    (result, seen)
}

#[tokio::test]
async fn a_complete_that_oss_ends_with_an_error_of_its_own_may_have_been_carried_out() {
    for (status, xml) in [
        (500, "<Error><Code>InternalError</Code></Error>"),
        (502, "<Error><Code>BadGateway</Code></Error>"),
        (504, "<Error><Code>GatewayTimeout</Code></Error>"),
        (200, "<Error><Code>AccessDenied</Code></Error>"),
    ] {
        let (result, seen) = completed([refused(status, xml), found(0)]).await;
        assert!(matches!(result.unwrap().callback, CallbackOutcome::Unknown), "{status}");
        assert_eq!(seen, [Method::POST, Method::HEAD], "{status}");
        let (result, _) = completed([refused(status, xml), refused(404, "")]).await;
        let error = result.unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown { .. }), "{status}: {error:?}");
    }
    // A refusal is one all the same.
    let (result, seen) = completed([refused(403, DENIED)]).await;
    assert_eq!((result.unwrap_err().object_state(), seen.len()), (ObjectState::NotStored, 1));
}

#[tokio::test]
async fn a_failed_callback_of_a_complete_tells_what_was_done() {
    let failed = Step::Answer(203, vec![crc(), id()], FAILED, Then::End);
    let (result, _) = completed([Step::NoConnection, failed]).await;
    let Err(Error::CallbackFailed(failed)) = result else { panic!("{result:?}") };
    let report = &failed.uploaded.report;
    assert_eq!(report.requests, 2);
    assert!(report.bytes_sent > 0);
}

#[tokio::test]
async fn the_age_of_a_completed_object_is_told_by_the_servers_clock() {
    const SKEWED: &str = "<Error><Code>RequestTimeTooSkewed</Code></Error>";
    for behind in [-5 * 3600, 5 * 3600] {
        let skewed = Step::Answer(403, vec![id(), ("date", before_now(behind))], SKEWED, Then::End);
        let Step::Answer(_, mut headers, ..) = found_at(behind, 0) else { panic!() };
        // Also where the HEAD does not tell the time, and the corrected clock has to.
        for without_date in [false, true] {
            headers.truncate(if without_date { 4 } else { 5 });
            let found = Step::Answer(200, headers.clone(), "", Then::End);
            let (result, seen) = completed([skewed.clone(), Step::Lost, found]).await;
            assert!(matches!(result.unwrap().callback, CallbackOutcome::Unknown), "{behind}");
            assert_eq!(seen, [Method::POST, Method::POST, Method::HEAD]);
        }
    }
}

#[tokio::test]
async fn who_pays_is_said_in_every_request() {
    let world = World::new().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let (sink, inner) = (Arc::clone(&told), Arc::new(world.emulator.transport()));
    let transport = transport_fn(move |request: Request| {
        let pays = request.headers().get("x-oss-request-payer").is_some_and(|payer| payer == "requester");
        sink.lock().unwrap().push((request.method().clone(), request.uri().to_string(), pays));
        let inner = Arc::clone(&inner);
        async move { inner.send(request).await }
    });
    let credentials =
        Credentials::new(oss_emulator::DEFAULT_ACCESS_KEY_ID, oss_emulator::DEFAULT_ACCESS_KEY_SECRET);
    let uploader = over(world.emulator.endpoint(), Arc::new(transport), credentials).build().unwrap();
    let options = ObjectOptions::new().requester_pays();
    for reopened in [false, true] {
        let mut upload =
            uploader.initiate_multipart_upload(bucket(), "k").options(options.clone()).await.unwrap();
        if reopened {
            upload = uploader.multipart_upload(bucket(), "k", upload.id()).unwrap().requester_pays();
        }
        let url = upload.presign_part(1, None, Duration::from_secs(60)).await.unwrap();
        assert!(url.query().unwrap().contains("x-oss-request-payer=requester"), "{url}");
        let put = http::Request::builder().method(Method::PUT).uri(url).body(Body::from(CONTENT)).unwrap();
        let response = world.emulator.transport().send(put).await.unwrap();
        assert_eq!(response.status(), 200);
        let parts = upload.list_parts().await.unwrap();
        // The answer is lost, so the object is looked for.
        world.emulator.inject(Fault::on(Operation::CompleteMultipartUpload).times(1).drop_answer());
        upload.complete(&parts).await.unwrap();
        upload.abort().await.unwrap();
    }
    uploader.initiate_multipart_upload(bucket(), "left").options(options).await.unwrap();
    let swept = uploader.sweep_uploads(bucket(), Duration::ZERO).requester_pays().await.unwrap();
    assert_eq!(swept.aborted.len(), 1);
    uploader.head_object(bucket(), "k").requester_pays().await.unwrap();
    uploader.delete_object(bucket(), "k").requester_pays().await.unwrap();
    let told = told.lock().unwrap();
    for method in [Method::HEAD, Method::DELETE, Method::GET, Method::POST] {
        assert!(told.iter().any(|(it, ..)| *it == method), "{method}");
    }
    assert!(told.iter().all(|(.., pays)| *pays), "{told:#?}");
}
