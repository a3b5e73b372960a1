//! Everything that can go wrong with a put, each with its outcome. `docs/faults.md` shows this table in words.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]

mod common;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use common::{World, bucket, pattern};
use oss_emulator::{EmulatorBuilder, Fault, FaultPoint, Operation};
use oss_upload::{
    CallbackOutcome, Crc64, Error, NoRetry, ObjectState, Phase, TimeLimits, Uploaded, Uploader,
};

/// How a put ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Stored, and without a callback or with its answer.
    Done,
    /// Stored, the callback unknown.
    DoneUnheard,
    /// Stored, the callback failed.
    CallbackFailed,
    Stored,
    NotStored,
    Unknown,
}

struct Row {
    name: &'static str,
    fault: Fault,
    callback: bool,
    end: End,
    /// PUT requests OSS saw.
    puts: usize,
}

fn put() -> FaultPoint {
    Fault::on(Operation::PutObject).times(1)
}

fn row(name: &'static str, fault: Fault, callback: bool, end: End, puts: usize) -> Row {
    Row { name, fault, callback, end, puts }
}

fn end_of(result: &Result<Uploaded, Error>) -> End {
    match result {
        Ok(uploaded) if matches!(uploaded.callback, CallbackOutcome::Unknown) => End::DoneUnheard,
        Ok(_) => End::Done,
        Err(Error::CallbackFailed(_)) => End::CallbackFailed,
        Err(error) => match error.object_state() {
            ObjectState::Stored => End::Stored,
            ObjectState::NotStored => End::NotStored,
            ObjectState::Unknown => End::Unknown,
        },
    }
}

const SIZE: usize = 400_000;

fn content() -> Bytes {
    static CONTENT: LazyLock<Bytes> = LazyLock::new(|| pattern(SIZE).into());
    CONTENT.clone()
}

async fn check(row: Row, world: &World, uploader: Uploader) {
    let Row { name, fault: _, callback, end, puts } = row;
    let mut request = uploader.put_object(bucket(), "k", content());
    if callback {
        request = request.callback(world.callback("/ok"));
    }
    let result = request.await;
    assert_eq!(end_of(&result), end, "{name}: {result:?}");
    assert_eq!(world.requests(Operation::PutObject).len(), puts, "{name}: {result:?}");
    let stored = end != End::NotStored;
    assert_eq!(world.object("k").map(|object| object.body == content()), stored.then_some(true), "{name}");
    if let Ok(uploaded) = &result {
        assert_eq!(uploaded.object.crc64.unwrap_or(Crc64::of(&content())), Crc64::of(&content()), "{name}");
    }
}

/// Checks rows over sockets, and how often the application server is called.
async fn check_all(rows: impl IntoIterator<Item = (Row, usize)>) {
    futures_util::future::join_all(rows.into_iter().map(|(row, calls)| async move {
        let (name, world) = (row.name, World::with(|builder| builder.fault(row.fault.clone())).await);
        check(row, &world, world.uploader()).await;
        assert_eq!(world.received().await.len(), calls, "{name}");
    }))
    .await;
}

/// Checks rows without a socket, on a paused clock: time passes only while everything waits, so that nothing but what
/// stands still reaches a limit. The emulator answers for the application server.
async fn check_waited_out(rows: impl IntoIterator<Item = Row>) {
    for row in rows {
        let answered = put().always().answer_callback("application/json", r#"{"Status":"OK"}"#);
        let world = World::with(|builder| builder.fault(answered).fault(row.fault.clone())).await;
        check(row, &world, world.in_process().build().unwrap()).await;
    }
}

#[tokio::test]
async fn a_request_that_breaks_off_is_repeated() {
    let rows = [false, true].into_iter().flat_map(|callback| {
        let broken = move |bytes| row("reset", put().reset_request_after(bytes), callback, End::Done, 2);
        [0, 1, SIZE as u64 / 2].map(|bytes| (broken(bytes), callback.into()))
    });
    check_all(rows).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_stands_still_is_given_up_and_repeated() {
    for callback in [false, true] {
        check_waited_out([
            row("stands still", put().stall_after(1000), callback, End::Done, 2),
            row("taken whole, never answered", put().stall_after(u64::MAX), callback, End::Done, 2),
        ])
        .await;
    }
}

#[tokio::test]
async fn a_refusal_that_passes_is_repeated() {
    let mut rows = Vec::new();
    for (name, fault) in [
        ("500", put().answer(500, "InternalError")),
        ("503 throttled", put().throttle(Duration::from_millis(1))),
        ("400 RequestTimeout", put().answer(400, "RequestTimeout")),
        ("408", put().answer(408, "RequestTimeout")),
        ("429", put().answer(429, "TooManyRequests")),
    ] {
        rows.push((row(name, fault.clone(), false, End::Done, 2), 0));
        rows.push((row(name, fault, true, End::Done, 2), 1));
    }
    check_all(rows).await;
}

#[tokio::test]
async fn a_refusal_that_would_come_again_is_not_repeated() {
    let rows = [
        ("403", put().answer(403, "AccessDenied")),
        ("403 before the body was read", put().answer_unread(403, "AccessDenied")),
        ("404", put().answer(404, "NoSuchBucket")),
        ("409", put().answer(409, "FileAlreadyExists")),
        ("400", put().answer(400, "InvalidArgument")),
    ];
    check_all(rows.map(|(name, fault)| (row(name, fault, true, End::NotStored, 1), 0))).await;
}

#[tokio::test]
async fn a_lost_answer_is_repeated_without_a_callback_and_looked_after_with_one() {
    let mut rows = Vec::new();
    for (name, fault) in
        [("no answer", put().drop_answer()), ("the answer cut in its head", put().reset_response_after(40))]
    {
        rows.push((row(name, fault.clone(), false, End::Done, 2), 0));
        rows.push((row(name, fault, true, End::DoneUnheard, 1), 1));
    }
    let html = || put().answer_raw(502, "text/html", "<h1>Bad Gateway</h1>");
    rows.push((row("502 of a proxy", html(), false, End::Done, 2), 0));
    // A proxy says nothing of what OSS did. The object is not there, so it is sent again.
    rows.push((row("502 of a proxy, callback", html(), true, End::Done, 2), 1));
    check_all(rows).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_held_back_is_repeated_without_a_callback_and_looked_after_with_one() {
    let held_back = |callback, end, puts| row("held back", put().stall_answer(), callback, end, puts);
    check_waited_out([held_back(false, End::Done, 2), held_back(true, End::DoneUnheard, 1)]).await;
}

#[tokio::test]
async fn work_that_is_done_but_answered_with_an_error_is_not_done_twice() {
    let fault = || put().answer_after_work(500, "InternalError");
    check_all([
        (row("500 after the work", fault(), false, End::Done, 2), 0),
        (row("500 after the work, callback", fault(), true, End::DoneUnheard, 1), 1),
    ])
    .await;
}

#[tokio::test]
async fn a_lost_answer_of_a_put_that_forbids_overwriting_is_not_taken_for_somebody_elses_object() {
    let world = World::with(|builder| builder.fault(put().drop_answer())).await;
    let once = || {
        let put = world.uploader().put_object(bucket(), "k", content());
        put.options(oss_upload::ObjectOptions::new().forbid_overwrite())
    };
    let uploaded = once().await.unwrap();
    assert!(matches!(uploaded.callback, CallbackOutcome::NotRequested));
    assert_eq!(world.requests(Operation::PutObject).len(), 1);
    let error = once().await.unwrap_err();
    assert_eq!(error.server().unwrap().code(), "FileAlreadyExists");
    assert_eq!(error.object_state(), ObjectState::NotStored);
}

#[tokio::test]
async fn checksums_are_compared_and_what_is_missing_is_not_invented() {
    check_all([
        (row("wrong CRC", put().wrong_crc(), false, End::Done, 2), 0),
        (row("wrong CRC, callback", put().wrong_crc(), true, End::Stored, 1), 1),
        (row("missing CRC", put().missing_crc(), true, End::Done, 1), 1),
        (row("missing ETag", put().missing_etag(), true, End::Done, 1), 1),
    ])
    .await;
}

#[tokio::test]
async fn every_message_of_a_failed_callback_is_the_same_typed_error() {
    for (message, ec) in [
        ("Error status : 502.", "0007-00000203"),
        ("Error status : -1.OSS can not connect to your callbackUrl, please check it.", "0007-00000203"),
        ("Cost too long time.", "0007-00000202"),
        ("Response body is not valid json format.", "0007-00000205"),
        ("Too many callback requests.", "0007-00000201"),
        ("Get image info failed.", "0007-00000301"),
        ("User server missing content-length.", "0007-00000203"),
    ] {
        let world = World::with(|builder| builder.fault(put().fail_callback(message, ec))).await;
        let request = world.uploader().put_object(bucket(), "k", pattern(10)).callback(world.callback("/ok"));
        let error = request.await.unwrap_err();
        let Error::CallbackFailed(failed) = &error else { panic!("{message}: {error:?}") };
        assert_eq!((failed.failure.message.as_str(), failed.failure.ec.as_deref()), (message, Some(ec)));
        assert_eq!(failed.object().crc64, Some(Crc64::of(&pattern(10))));
        assert_eq!(world.requests(Operation::PutObject).len(), 1, "{message}: never repeated");
        assert!(world.object("k").is_some());
    }
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_handed_on_as_it_is() {
    let fault = put().answer_callback("text/plain", "not JSON");
    let world = World::with(|builder| builder.fault(fault)).await;
    let request = world.uploader().put_object(bucket(), "k", pattern(10)).callback(world.callback("/ok"));
    let CallbackOutcome::Answered(answer) = request.await.unwrap().callback else { panic!() };
    assert_eq!(&answer.body[..], b"not JSON");
    answer.json::<serde_json::Value>().unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn each_phase_has_a_limit_of_its_own() {
    let limit = |millis| Some(Duration::from_millis(millis));
    let mut limits = TimeLimits::default();
    (limits.send_idle, limits.first_byte, limits.receive_idle) = (limit(1001), limit(1002), limit(1003));
    limits.callback = Duration::ZERO;
    for (fault, phase, limit) in [
        (put().stall_after(1000), Phase::SendIdle, limits.send_idle),
        (put().stall_answer(), Phase::FirstByte, limits.first_byte),
        (put().stall_answer_body_after(3), Phase::ReceiveIdle, limits.receive_idle),
    ] {
        // A callback has an answer that can be cut; who may not look for the object is told what was lost.
        let faults = [
            fault,
            put().answer_callback("application/json", r#"{"Status":"OK"}"#),
            Fault::on(Operation::HeadObject).always().answer(403, "AccessDenied"),
        ];
        let world = World::with(|builder| faults.into_iter().fold(builder, EmulatorBuilder::fault)).await;
        let uploader = world.in_process().time_limits(limits.clone()).retry(Arc::new(NoRetry));
        let request = uploader.build().unwrap().put_object(bucket(), "k", content());
        let error = match request.callback(world.callback("/ok")).await.unwrap_err() {
            Error::OutcomeUnknown { lost, .. } => *lost,
            error => error,
        };
        let Error::TimedOut { phase: reached, limit: waited, .. } = error else {
            panic!("{phase:?}: {error:?}")
        };
        assert_eq!((reached, Some(waited)), (phase, limit));
    }
}

#[tokio::test]
async fn an_expired_token_is_replaced_once() {
    use async_trait::async_trait;
    use oss_signing::Credentials;
    use oss_upload::{CachedCredentials, CredentialsError, ProvideCredentials};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Gives another key each time, or always the same, and counts how often it was asked.
    #[derive(Debug)]
    struct Counted(AtomicU32, bool);

    #[async_trait]
    impl ProvideCredentials for Counted {
        async fn credentials(&self) -> Result<Credentials, CredentialsError> {
            let number = self.0.fetch_add(1, Ordering::SeqCst) * u32::from(self.1);
            Ok(Credentials::new(format!("id{number}"), "secret").with_security_token("token"))
        }
    }

    for (times, others, puts, ok) in [(1, true, 2, true), (2, true, 2, false), (1, false, 1, false)] {
        let fault = Fault::on(Operation::PutObject).times(times).expired_token();
        let sts = |builder: oss_emulator::EmulatorBuilder, id| builder.sts_credentials(id, "secret", "token");
        let world = World::with(|builder| sts(sts(builder, "id0"), "id1").fault(fault)).await;
        let counted = Arc::new(Counted(AtomicU32::new(0), others));
        let endpoint = world.emulator.endpoint().parse().unwrap();
        let transport = Arc::new(oss_transport::ReqwestTransport::new().unwrap());
        let credentials = Arc::new(CachedCredentials::new(Arc::clone(&counted)));
        let uploader = oss_upload::Uploader::builder(endpoint, transport, credentials)
            .region("cn-hangzhou".parse().unwrap())
            .build()
            .unwrap();
        let result = uploader.put_object(bucket(), "k", content()).await;
        assert_eq!(result.is_ok(), ok, "{result:?}");
        assert_eq!(counted.0.load(Ordering::SeqCst), 2, "asked at first, and once more after the refusal");
        assert_eq!(world.requests(Operation::PutObject).len(), puts, "{result:?}");
    }
}
