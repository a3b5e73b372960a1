//! Answers no OSS should give, and some it does, one by one: what a put makes of them, and whether what it says of the
//! object is true.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]
#![allow(clippy::disallowed_methods, reason = "a test compares with the wall clock")]

mod common;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use common::{bucket, callback};
use futures_util::stream;
use http::{Method, Response};
use oss_signing::Credentials;
use oss_transport::{Body, Request, Transport, TransportError, TransportErrorKind, transport_fn};
use oss_upload::{
    Backoff, CallbackOutcome, Crc64, Error, Failure, NoRetry, ObjectOptions, ObjectState, Phase,
    PresignedPut, PresignedUploader, PutObject, RetryPolicy, TimeLimits, Uploaded, Uploader,
};

/// What happens to one request. All but a refused connection take the whole body.
#[derive(Clone, Debug)]
enum Step {
    /// Status, headers and text; then the text stalls for ever, breaks off, or ends.
    Answer(u16, Vec<(&'static str, String)>, &'static str, Then),
    /// The answer does not come.
    Lost,
    NoConnection,
}

#[derive(Clone, Copy, Debug)]
enum Then {
    End,
    Break,
    Stall,
}

const CONTENT: &str = "some content";

fn crc() -> (&'static str, String) {
    ("x-oss-hash-crc64ecma", Crc64::of(CONTENT.as_bytes()).to_string())
}

fn id() -> (&'static str, String) {
    ("x-oss-request-id", "5C3D9175B6FC201293AD4890".into())
}

fn stored() -> Step {
    Step::Answer(200, vec![crc(), id()], "", Then::End)
}

fn refused(status: u16, text: &'static str) -> Step {
    Step::Answer(status, vec![id()], text, Then::End)
}

const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
const EXISTS: &str = "<Error><Code>FileAlreadyExists</Code><Message>it does</Message></Error>";
const FAILED: &str =
    "<Error><Code>CallbackFailed</Code><Message>Error status : 502.</Message><EC>0007-00000203</EC></Error>";

fn answer(step: Step) -> Result<Response<Body>, TransportError> {
    let interrupted = || TransportError::new(TransportErrorKind::ReceiveInterrupted, "cut");
    let (status, headers, text, then) = match step {
        Step::Answer(status, headers, text, then) => (status, headers, text, then),
        Step::Lost => return Err(interrupted()),
        Step::NoConnection => return Err(TransportError::new(TransportErrorKind::Connect, "refused")),
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    let text = stream::iter([Ok(Bytes::from_static(text.as_bytes()))]);
    let body = match then {
        Then::End => Body::from_stream(text, None),
        Then::Break => {
            Body::from_stream(futures_util::StreamExt::chain(text, stream::iter([Err(interrupted())])), None)
        }
        Then::Stall => Body::from_stream(futures_util::StreamExt::chain(text, stream::pending()), None),
    };
    Ok(response.body(body).unwrap())
}

/// The methods of the requests a server got.
type Log = Arc<Mutex<Vec<Method>>>;

/// A server that does these things in turn.
fn server(steps: impl IntoIterator<Item = Step>) -> (Arc<dyn Transport>, Log) {
    let steps = Arc::new(Mutex::new(steps.into_iter().collect::<VecDeque<_>>()));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let transport = transport_fn(move |request: Request| {
        log.lock().unwrap().push(request.method().clone());
        let step = steps.lock().unwrap().pop_front().expect("one request more than was thought of");
        async move {
            if !matches!(step, Step::NoConnection) {
                request.into_body().read_to_end(usize::MAX).await?;
            }
            answer(step)
        }
    });
    (Arc::new(transport), seen)
}

fn played(steps: impl IntoIterator<Item = Step>) -> (Uploader, Log) {
    let (transport, seen) = server(steps);
    let quick = Backoff::default().with_waits(Duration::from_millis(1), Duration::from_millis(1));
    let endpoint = "http://oss-cn-hangzhou.aliyuncs.com".parse().unwrap();
    let uploader = Uploader::builder(endpoint, transport, Arc::new(Credentials::new("id", "secret")))
        .retry(Arc::new(quick.with_attempts(3)));
    (uploader.build().unwrap(), seen)
}

fn put(uploader: &Uploader) -> PutObject {
    uploader.put_object(bucket(), "k", Bytes::from_static(CONTENT.as_bytes()))
}

async fn end(
    steps: impl IntoIterator<Item = Step>,
    change: impl FnOnce(PutObject) -> PutObject,
) -> (Result<Uploaded, Error>, Vec<Method>) {
    let (uploader, seen) = played(steps);
    let result = change(put(&uploader)).await;
    let seen = seen.lock().unwrap().clone();
    (result, seen)
}

fn calls_back(put: PutObject) -> PutObject {
    put.callback(callback("http://127.0.0.1:1/ok"))
}

#[tokio::test]
async fn a_repetition_that_fails_does_not_make_a_lost_answer_a_failure() {
    for last in [Step::NoConnection, refused(403, DENIED), Step::Lost] {
        let steps = [Step::Lost, last.clone(), last.clone()];
        let (result, _) = end(steps, |put| put).await;
        let error = result.unwrap_err();
        assert_eq!(error.object_state(), ObjectState::Unknown, "{last:?}: {error:?}");
    }
    // The same if bytes were stored that are not those sent.
    let wrong = Step::Answer(200, vec![("x-oss-hash-crc64ecma", "7".into()), id()], "", Then::End);
    let (result, _) = end([wrong, refused(403, DENIED)], |put| put).await;
    assert_eq!(result.unwrap_err().object_state(), ObjectState::Unknown);
    // And what never arrived stays what it was.
    let (result, seen) = end([Step::NoConnection, refused(403, DENIED)], |put| put).await;
    assert_eq!((result.unwrap_err().object_state(), seen.len()), (ObjectState::NotStored, 2));
}

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

/// A HEAD that finds the content, stored so many seconds ago.
fn found(ago: i64) -> Step {
    let at = match u64::try_from(ago) {
        Ok(ago) => SystemTime::now() - Duration::from_secs(ago),
        Err(_) => SystemTime::now() + Duration::from_secs(ago.unsigned_abs()),
    };
    let modified = ("last-modified", httpdate::fmt_http_date(at));
    Step::Answer(
        200,
        vec![crc(), id(), ("content-length", CONTENT.len().to_string()), modified],
        "",
        Then::End,
    )
}

#[tokio::test]
async fn the_age_of_an_object_is_told_by_the_servers_clock() {
    const SKEWED: &str = "<Error><Code>RequestTimeTooSkewed</Code></Error>";
    for hours in [-5, -1, 1, 5] {
        // The server's clock is so many hours behind ours.
        let there = hours * 3600;
        let Step::Answer(.., headers, _, _) = found(there).clone() else { panic!() };
        let date = headers.iter().find(|(name, _)| *name == "last-modified").unwrap().1.clone();
        let skewed = Step::Answer(403, vec![id(), ("date", date)], SKEWED, Then::End);
        let (result, seen) = end([skewed, Step::Lost, found(there)], calls_back).await;
        let uploaded = result.unwrap();
        assert!(matches!(uploaded.callback, CallbackOutcome::Unknown), "{hours}");
        assert_eq!(seen, [Method::PUT, Method::PUT, Method::HEAD], "{hours}");
    }
    // The clock is corrected once, and not from an answer that does not tell the time.
    for (date, requests) in [("Thu, 01 Jan 2026 00:00:00 GMT", 2), ("yesterday", 1)] {
        let skewed = || Step::Answer(403, vec![id(), ("date", date.into())], SKEWED, Then::End);
        let (result, seen) = end([skewed(), skewed()], calls_back).await;
        assert_eq!(result.unwrap_err().server().unwrap().code(), "RequestTimeTooSkewed");
        assert_eq!(seen.len(), requests, "{date}");
    }
    // An object like it that was there long before is no proof.
    let (result, seen) = end([Step::Lost, found(3600), stored()], calls_back).await;
    assert!(matches!(result.unwrap().callback, CallbackOutcome::Answered(_)));
    assert_eq!(seen, [Method::PUT, Method::HEAD, Method::PUT]);
}

#[tokio::test]
async fn an_object_of_the_same_size_is_not_taken_for_the_one_that_was_sent() {
    let Step::Answer(_, mut headers, ..) = found(0) else { panic!() };
    headers[0].1 = "7".into();
    let other = || Step::Answer(200, headers.clone(), "", Then::End);
    let (result, seen) = end([Step::Lost, other(), stored()], calls_back).await;
    assert!(matches!(result.unwrap().callback, CallbackOutcome::Answered(_)));
    assert_eq!(seen, [Method::PUT, Method::HEAD, Method::PUT]);
    // Nor is one of another size, whatever its checksum.
    let Step::Answer(_, mut longer, ..) = found(0) else { panic!() };
    longer[2].1 = "1000".into();
    let (result, seen) =
        end([Step::Lost, Step::Answer(200, longer, "", Then::End), stored()], calls_back).await;
    assert!(result.is_ok());
    assert_eq!(seen, [Method::PUT, Method::HEAD, Method::PUT]);
    // One that does not tell its checksum proves nothing.
    let silent = Step::Answer(200, headers[1..].to_vec(), "", Then::End);
    let (result, _) = end([Step::Lost, silent], calls_back).await;
    assert!(matches!(result, Err(Error::OutcomeUnknown { .. })), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn an_object_stored_while_a_long_put_went_on_is_its_own() {
    // Two hours on the way, of which the wall clock of this test knows nothing.
    let transport = transport_fn(|request: Request| async move {
        let head = request.method() == Method::HEAD;
        request.into_body().read_to_end(usize::MAX).await?;
        if !head {
            tokio::time::sleep(Duration::from_secs(7200)).await; // Paused time.
        }
        answer(if head { found(3600) } else { Step::Lost })
    });
    let mut limits = TimeLimits::default();
    limits.first_byte = None;
    let endpoint = "http://oss-cn-hangzhou.aliyuncs.com".parse().unwrap();
    let uploader =
        Uploader::builder(endpoint, Arc::new(transport), Arc::new(Credentials::new("id", "secret")));
    let uploader = uploader.time_limits(limits).build().unwrap();
    let uploaded = calls_back(put(&uploader)).await.unwrap();
    assert!(matches!(uploaded.callback, CallbackOutcome::Unknown));
}

#[tokio::test]
async fn a_404_of_somebody_else_is_no_proof_that_the_object_is_not_there() {
    let stranger = Step::Answer(404, vec![], "", Then::End);
    let (result, seen) = end([Step::Lost, stranger], calls_back).await;
    let error = result.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!(seen, [Method::PUT, Method::HEAD]);
    let (result, seen) = end([Step::Lost, refused(404, ""), stored()], calls_back).await;
    result.unwrap();
    assert_eq!(seen, [Method::PUT, Method::HEAD, Method::PUT]);
}

#[tokio::test]
async fn the_policy_decides_also_when_the_object_was_looked_for() {
    let absent = || refused(404, "");
    let steps = [Step::Lost, absent(), Step::Lost, absent(), Step::Lost, absent()];
    let (result, seen) = end(steps, calls_back).await;
    assert!(matches!(result, Err(Error::OutcomeUnknown { .. })), "{result:?}");
    assert_eq!(seen.iter().filter(|method| *method == Method::PUT).count(), 3, "as the policy has it");
    // Attempts before the look count.
    let steps = [Step::NoConnection, Step::NoConnection, Step::Lost, absent()];
    let (result, seen) = end(steps, calls_back).await;
    assert!(matches!(result, Err(Error::OutcomeUnknown { .. })), "{result:?}");
    assert_eq!(seen.len(), 4);
}

#[tokio::test]
async fn a_stream_whose_put_was_lost_is_not_reported_as_consumed() {
    let stream = || oss_upload::StreamSource::from_reader(CONTENT.as_bytes(), Some(CONTENT.len() as u64));
    for (steps, callback) in [(vec![Step::Lost, refused(404, "")], true), (vec![Step::Lost], false)] {
        let (uploader, _) = played(steps);
        let mut put = uploader.put_object(bucket(), "k", stream());
        if callback {
            put = calls_back(put);
        }
        let error = put.await.unwrap_err();
        assert!(!matches!(error, Error::Source(_)), "{error:?}");
        assert_eq!(error.object_state(), ObjectState::Unknown);
    }
}

#[tokio::test]
async fn an_object_in_the_way_is_looked_at_if_it_may_be_this_puts_own() {
    let once = |put: PutObject| put.options(ObjectOptions::new().forbid_overwrite());
    let steps = [Step::Lost, refused(404, ""), refused(409, EXISTS), found(0)];
    let (result, seen) = end(steps, once).await;
    assert_eq!(result.unwrap().object.crc64, Some(Crc64::of(CONTENT.as_bytes())));
    assert_eq!(seen, [Method::PUT, Method::HEAD, Method::PUT, Method::HEAD]);

    let (result, _) = end([Step::Lost, refused(404, ""), refused(409, EXISTS), found(3600)], once).await;
    let error = result.unwrap_err();
    assert_eq!(error.server().map(|refusal| refusal.code()), Some("FileAlreadyExists"), "{error:?}");

    // Who may not look cannot know either.
    let (result, _) = end([Step::Lost, refused(409, EXISTS)], |put| once(put).resend_when_unsure()).await;
    assert_eq!(result.unwrap_err().object_state(), ObjectState::Unknown);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stalls_in_its_text_after_a_success_is_looked_after() {
    let step = Step::Answer(200, vec![crc(), id()], "{", Then::Stall);
    let (result, seen) = end([step, found(0)], calls_back).await;
    assert!(matches!(result.unwrap().callback, CallbackOutcome::Unknown));
    assert_eq!(seen, [Method::PUT, Method::HEAD]);
    let step = Step::Answer(200, vec![crc(), id()], "{", Then::Stall);
    let (result, _) = end([step, refused(403, DENIED)], calls_back).await;
    let Err(Error::OutcomeUnknown { lost, reason, .. }) = result else { panic!("{result:?}") };
    assert!(matches!(*lost, Error::TimedOut { phase: Phase::ReceiveIdle, .. }), "{lost:?}");
    assert!(reason.contains("AccessDenied"), "{reason}");
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
    let slow = Step::Answer(503, vec![id(), ("x-oss-qos-delay-time", "5000".into())], BUSY, Then::End);
    let (transport, _) = server([Step::NoConnection, slow, Step::Lost, refused(404, ""), stored()]);
    let told = Arc::new(Told::default());
    let endpoint = "http://oss-cn-hangzhou.aliyuncs.com".parse().unwrap();
    let uploader = Uploader::builder(endpoint, transport, Arc::new(Credentials::new("id", "secret")));
    let uploader = uploader.retry(Arc::clone(&told) as Arc<dyn RetryPolicy>).build().unwrap();
    let started = tokio::time::Instant::now();
    let put = put(&uploader).options(ObjectOptions::new().forbid_overwrite());
    put.await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 5);
    let told = told.0.lock().unwrap();
    let attempts: Vec<&str> = told.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(attempts, ["1", "2", "3", "success"], "{told:?}");
}
