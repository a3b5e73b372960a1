//! Answers no OSS should give, and some it does, one by one: what a put makes of them, and whether what it says of the
//! object is true.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::scripted::{
    CONTENT, DENIED, FAILED, Step, Then, answer, calls_back, crc, end, id, put, refused, server, stored,
};
use http::Method;
use oss_signing::Credentials;
use oss_transport::{Request, transport_fn};
use oss_upload::{
    Backoff, CallbackOutcome, Error, Failure, NoRetry, ObjectOptions, ObjectState, Phase, PresignedPut,
    PresignedUploader, RetryPolicy, Uploaded, Uploader,
};

#[tokio::test(start_paused = true)]
async fn a_failed_callback_is_told_also_if_its_text_does_not_come() {
    for then in [Then::End, Then::Break, Then::Stall] {
        for resend in [false, true] {
            let step = Step::Answer(203, vec![crc(), id()], FAILED, then);
            let (result, seen) =
                end(
                    [step],
                    |put| if resend { calls_back(put).resend_when_unsure() } else { calls_back(put) },
                )
                .await;
            let error = result.unwrap_err();
            let failed = error.callback_failed().unwrap_or_else(|| panic!("{then:?}: {error:?}"));
            assert_eq!(failed.failure.application_status, Some(502), "what came is kept");
            assert_eq!(seen, [Method::PUT], "{then:?}");
        }
    }
    let (result, _) = end([Step::Answer(203, vec![crc()], "", Then::End)], calls_back).await;
    assert!(matches!(result, Err(Error::CallbackFailed(_))), "without XML: {result:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_also_if_its_text_does_not_come() {
    for then in [Then::End, Then::Break, Then::Stall] {
        let (result, seen) = end([Step::Answer(403, vec![id()], DENIED, then)], calls_back).await;
        let error = result.unwrap_err();
        assert_eq!(error.server().unwrap().code(), "AccessDenied", "{then:?}");
        assert_eq!(error.object_state(), ObjectState::NotStored, "{then:?}");
        assert_eq!(seen, [Method::PUT], "{then:?}");
    }
}

#[tokio::test]
async fn altered_bytes_are_never_sent_again_after_the_callback_was_called() {
    for status in [200, 203] {
        let wrong = Step::Answer(status, vec![("x-oss-hash-crc64ecma", "7".into()), id()], FAILED, Then::End);
        let (result, seen) = end([wrong], |put| calls_back(put).resend_when_unsure()).await;
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Corrupted { actual: 7, .. }), "{status}: {error:?}");
        assert_eq!((error.object_state(), seen.len()), (ObjectState::Stored, 1));
    }
}

#[tokio::test]
async fn a_success_that_is_not_osss_word_is_none() {
    let page = Step::Answer(200, vec![("content-type", "text/html".into())], "<h1>Log in</h1>", Then::End);
    let nothing = Step::Answer(204, vec![], "", Then::End);
    let nonsense =
        |text: &str| Step::Answer(200, vec![("x-oss-hash-crc64ecma", text.into()), id()], "", Then::End);
    for step in
        [page, nothing, nonsense("abc"), nonsense(""), nonsense("-1"), nonsense("18446744073709551616")]
    {
        let (result, seen) = end([step.clone(), step.clone(), step.clone()], |put| put).await;
        let error = result.unwrap_err();
        assert!(matches!(error, Error::MalformedAnswer { .. }), "{step:?}: {error:?}");
        assert_eq!((error.object_state(), seen.len()), (ObjectState::Unknown, 3), "{step:?}");
    }
    let broken = Step::Answer(200, vec![id()], "<Error><Code>InternalError</Code></Error>", Then::End);
    let (result, seen) = end([broken, stored()], |put| put).await;
    assert_eq!((result.is_ok(), seen.len()), (true, 2), "{result:?}");
    let (result, _) = end([refused(200, DENIED)], |put| put).await;
    assert_eq!(result.unwrap_err().object_state(), ObjectState::NotStored);
}

#[tokio::test]
async fn content_that_arrived_altered_is_sent_once_more_whatever_failed_before() {
    let altered = || refused(400, "<Error><Code>InvalidDigest</Code></Error>");
    let (result, seen) = end([Step::NoConnection, altered(), stored()], |put| put).await;
    assert_eq!((result.is_ok(), seen.len()), (true, 3), "{result:?}");
    for steps in [vec![altered(), altered()], vec![altered(), Step::NoConnection, altered()]] {
        let requests = steps.len();
        let (result, seen) = end(steps, |put| put).await;
        assert_eq!(result.unwrap_err().server().unwrap().code(), "InvalidDigest");
        assert_eq!(seen.len(), requests);
    }
}

#[tokio::test]
async fn redirects_and_odd_statuses_are_refusals() {
    for status in [300, 301, 307, 308, 304, 401, 418, 499] {
        let (result, seen) = end([refused(status, "")], |put| put).await;
        let error = result.unwrap_err();
        assert_eq!(error.server().unwrap().status().as_u16(), status);
        assert_eq!((error.object_state(), seen.len()), (ObjectState::NotStored, 1), "{status}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off_at_the_cap() {
    let many = "x".repeat(5 << 20).leak();
    let step = Step::Answer(200, vec![crc(), id()], many, Then::End);
    let (result, _) = end([step.clone(), step.clone(), step], |put| put).await;
    assert!(matches!(result, Err(Error::MalformedAnswer { .. })), "{result:?}");
}

#[tokio::test]
async fn etags_come_without_quotes_and_an_empty_one_is_none() {
    for (said, read) in
        [("\"ABC\"", Some("ABC")), ("W/\"ABC\"", Some("ABC")), ("ABC", Some("ABC")), ("\"\"", None)]
    {
        let (result, _) =
            end([Step::Answer(200, vec![crc(), ("etag", said.into())], "", Then::End)], |put| put).await;
        assert_eq!(result.unwrap().object.etag.as_deref(), read, "{said}");
    }
}

#[test]
fn every_level_of_an_error_says_something_of_its_own() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (result, _) = runtime.block_on(end([Step::Lost, refused(403, DENIED)], calls_back));
    let error = result.unwrap_err();
    let levels: Vec<String> =
        std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
            .map(ToString::to_string)
            .collect();
    assert_eq!(levels.len(), 4, "{levels:?}");
    for (n, level) in levels.iter().enumerate() {
        assert!(!levels[n + 1..].iter().any(|below| level.contains(below.as_str())), "{levels:?}");
    }
}

const BY_URL: &str =
    "http://b.oss-cn-hangzhou.aliyuncs.com/k?OSSAccessKeyId=id&Expires=1701605532&Signature=s";

async fn end_by_url(
    steps: impl IntoIterator<Item = Step>,
    change: impl FnOnce(PresignedPut) -> PresignedPut,
) -> (Result<Uploaded, Error>, usize) {
    let (transport, seen) = server(steps);
    let put = change(PresignedPut::from_url(BY_URL).unwrap());
    let quick = Backoff::default().with_waits(Duration::from_millis(1), Duration::from_millis(1));
    let uploader = PresignedUploader::new(transport).with_retry(Arc::new(quick.with_attempts(3)));
    let result = uploader.put(put, Bytes::from_static(CONTENT.as_bytes())).resend_when_unsure().await;
    let count = seen.lock().unwrap().len();
    (result, count)
}

#[tokio::test]
async fn a_put_by_url_knows_of_a_callback_in_a_header() {
    let with_callback = |put: PresignedPut| put.with_header("X-Oss-Callback", "eA==").unwrap();
    let wrong = || Step::Answer(203, vec![("x-oss-hash-crc64ecma", "7".into()), id()], FAILED, Then::End);
    let (result, requests) = end_by_url([wrong()], with_callback).await;
    assert!(matches!(result, Err(Error::Corrupted { .. })), "{result:?}");
    assert_eq!(requests, 1);
    // Without XML only the request tells what a 203 means.
    let bare = || Step::Answer(203, vec![crc(), id()], "", Then::End);
    let (result, _) = end_by_url([bare()], with_callback).await;
    assert!(matches!(result, Err(Error::CallbackFailed(_))), "{result:?}");
    let (result, _) = end_by_url([bare()], |put| put).await;
    assert!(matches!(result.unwrap().callback, CallbackOutcome::NotRequested));
    // And with it the answer does, whatever the request said.
    let (result, _) = end_by_url([Step::Answer(203, vec![crc(), id()], FAILED, Then::End)], |put| put).await;
    assert!(matches!(result, Err(Error::CallbackFailed(_))), "{result:?}");
    // One that forbids overwriting is not sent again because of altered bytes either.
    let once = |put: PresignedPut| put.with_header("x-oss-forbid-overwrite", "true").unwrap();
    let altered = Step::Answer(200, vec![("x-oss-hash-crc64ecma", "7".into()), id()], "", Then::End);
    let (result, requests) = end_by_url([altered], once).await;
    assert!(matches!(result, Err(Error::Corrupted { .. })), "{result:?}");
    assert_eq!(requests, 1);
}

#[tokio::test(start_paused = true)]
async fn a_callback_has_its_own_time() {
    // Answers after 70 s; 60 s are the limit without a callback.
    let late = || {
        transport_fn(|request: Request| async {
            request.into_body().read_to_end(usize::MAX).await?;
            tokio::time::sleep(Duration::from_secs(70)).await; // Paused time.
            answer(stored())
        })
    };
    let endpoint = "http://oss-cn-hangzhou.aliyuncs.com".parse().unwrap();
    let uploader = Uploader::builder(endpoint, Arc::new(late()), Arc::new(Credentials::new("id", "secret")));
    let uploader = uploader.retry(Arc::new(NoRetry)).build().unwrap();
    let error = put(&uploader).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { phase: Phase::FirstByte, .. }), "{error:?}");
    calls_back(put(&uploader)).await.unwrap();
    let sender = PresignedUploader::new(Arc::new(late())).with_retry(Arc::new(NoRetry));
    let by_url = |put| sender.put(put, Bytes::from_static(CONTENT.as_bytes()));
    let put = PresignedPut::from_url(BY_URL).unwrap();
    let error = by_url(put.clone()).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { phase: Phase::FirstByte, .. }), "{error:?}");
    by_url(put.with_header("x-oss-callback", "eA==").unwrap()).await.unwrap();
}

/// Repeats at once, and writes down what it is told.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<String>>);

impl RetryPolicy for Told {
    fn wait(&self, failure: &Failure<'_>) -> Option<Duration> {
        self.0.lock().unwrap().push(format!("{} {}", failure.attempts, failure.error));
        Some(Duration::ZERO)
    }

    fn succeeded(&self) {
        self.0.lock().unwrap().push("success".into());
    }
}

#[tokio::test(start_paused = true)]
async fn the_policy_hears_of_each_attempt_and_oss_may_ask_for_more_patience() {
    const BUSY: &str = "<Error><Code>ServiceUnavailable</Code></Error>";
    let absent = || refused(404, "");
    let slow = Step::Answer(503, vec![id(), ("x-oss-qos-delay-time", "5000".into())], BUSY, Then::End);
    let (transport, _) = server([Step::NoConnection, slow, Step::Lost, absent(), absent(), stored()]);
    let told = Arc::new(Told::default());
    let endpoint = "http://oss-cn-hangzhou.aliyuncs.com".parse().unwrap();
    let uploader = Uploader::builder(endpoint, transport, Arc::new(Credentials::new("id", "secret")));
    let uploader = uploader.retry(Arc::clone(&told) as Arc<dyn RetryPolicy>).build().unwrap();
    let started = tokio::time::Instant::now();
    let put = put(&uploader).options(ObjectOptions::new().forbid_overwrite());
    put.await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 5 + 2, "OSS's pause, and the time a lost put may take");
    let told = told.0.lock().unwrap();
    let attempts: Vec<&str> = told.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(attempts, ["1", "2", "3", "success"], "{told:?}");
}
