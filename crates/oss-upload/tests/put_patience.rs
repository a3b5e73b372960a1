//! How long a put waits for what, and what it leaves behind when nobody waits for it any longer.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]

mod common;

use std::future::IntoFuture;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use common::{World, bucket, pattern, polled};
use futures_util::future::join_all;
use http::Response;
use http_body_util::BodyExt;
use oss_emulator::{Fault, Operation};
use oss_signing::Credentials;
use oss_transport::{Body, Request, transport_fn};
use oss_upload::{
    CachedCredentials, Content, CredentialsError, Error, Failure, NoRetry, ObjectState, Phase,
    ProvideCredentials, RetryPolicy, TimeLimits, Uploaded, Uploader,
};
use tokio::runtime::Handle;

/// All limits at the end of time, or beyond any sum.
fn endless() -> TimeLimits {
    let mut limits = TimeLimits::default();
    limits.credentials = Some(Duration::MAX);
    limits.start = Some(Duration::MAX);
    limits.send_idle = Some(Duration::MAX);
    limits.first_byte = Some(Duration::MAX);
    limits.receive_idle = Some(Duration::MAX);
    limits.total = Some(Duration::MAX);
    limits.callback = Duration::MAX;
    limits
}

#[tokio::test]
async fn limits_without_end_are_limits_like_others() {
    let world = World::new().await;
    let uploader = world.builder().time_limits(endless()).build().unwrap();
    let put = uploader.put_object(bucket(), "k", pattern(600_000)).callback(world.callback("/ok"));
    put.await.unwrap();
    let mut none = TimeLimits::default();
    (none.credentials, none.start, none.send_idle, none.first_byte, none.receive_idle) =
        (None, None, None, None, None);
    let uploader = world.builder().time_limits(none).build().unwrap();
    uploader.put_object(bucket(), "k", pattern(600_000)).callback(world.callback("/ok")).await.unwrap();
}

#[tokio::test]
async fn limits_of_no_time_end_everything_and_panic_nowhere() {
    let world = World::new().await;
    let mut limits = TimeLimits::default();
    limits.total = Some(Duration::ZERO);
    let uploader = world.builder().time_limits(limits).build().unwrap();
    let error = uploader.put_object(bucket(), "k", pattern(32 << 20)).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { phase: Phase::Total, .. }), "{error:?}");
    assert!(world.object("k").is_none());
}

/// Over sockets. Only the limit that is to be reached is short, so that a slow machine can reach no other.
#[tokio::test]
async fn a_server_that_stands_still_is_given_up_by_the_limit_of_its_phase() {
    let short = Some(Duration::from_millis(300));
    for (fault, phase) in [
        (Fault::on(Operation::PutObject).always().stall_after(300_000), Phase::SendIdle),
        (Fault::on(Operation::PutObject).always().stall_answer(), Phase::FirstByte),
    ] {
        let world = World::with(|builder| builder.fault(fault)).await;
        let mut limits = TimeLimits::default();
        match phase {
            Phase::SendIdle => limits.send_idle = short,
            _ => limits.first_byte = short,
        }
        let uploader = world.builder().time_limits(limits).retry(Arc::new(NoRetry)).build().unwrap();
        let error = uploader.put_object(bucket(), "k", pattern(32 << 20)).await.unwrap_err();
        match error {
            Error::TimedOut { phase: reached, .. } => assert_eq!(reached, phase),
            other => panic!("{phase:?}: {other:?}"),
        }
    }
}

/// Hangs, or fails, from a certain question on.
#[derive(Debug)]
struct Provider {
    asked: AtomicU32,
    good: u32,
    then_hangs: bool,
}

#[async_trait]
impl ProvideCredentials for Provider {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        if self.asked.fetch_add(1, Ordering::SeqCst) < self.good {
            let (id, secret) = (oss_emulator::DEFAULT_ACCESS_KEY_ID, oss_emulator::DEFAULT_ACCESS_KEY_SECRET);
            return Ok(Credentials::new(id, secret));
        }
        if self.then_hangs {
            std::future::pending::<()>().await;
        }
        Err(CredentialsError::new("the vault is sealed"))
    }

    async fn refused(&self, _: &Credentials) -> bool {
        if self.then_hangs {
            std::future::pending::<()>().await;
        }
        true
    }
}

fn over(world: &World, provider: Arc<dyn ProvideCredentials>) -> Uploader {
    let endpoint = world.emulator.endpoint().parse().unwrap();
    Uploader::builder(endpoint, Arc::new(world.emulator.transport()), provider)
        .region("cn-hangzhou".parse().unwrap())
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_or_fails_ends_the_upload() {
    for then_hangs in [false, true] {
        let world = World::new().await;
        let provider = || Provider { asked: AtomicU32::new(0), good: 0, then_hangs };
        for uploader in
            [over(&world, Arc::new(provider())), over(&world, Arc::new(CachedCredentials::new(provider())))]
        {
            let put = || async { uploader.put_object(bucket(), "k", pattern(10)).await.unwrap_err() };
            let presign = || async { uploader.presign_put(bucket(), "k").await.unwrap_err() };
            for error in [put().await, put().await, presign().await] {
                match then_hangs {
                    true => assert!(
                        matches!(error, Error::TimedOut { phase: Phase::Credentials, .. }),
                        "{error:?}"
                    ),
                    false => assert!(matches!(error, Error::Credentials(_)), "{error:?}"),
                }
                assert_eq!(error.object_state(), ObjectState::NotStored);
            }
        }
        assert!(world.emulator.journal().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_when_it_is_told_of_a_refusal_lets_the_refusal_stand() {
    let fault = Fault::on(Operation::PutObject).always().expired_token();
    let world = World::with(|builder| builder.fault(fault)).await;
    let provider = Provider { asked: AtomicU32::new(0), good: u32::MAX, then_hangs: true };
    let error = over(&world, Arc::new(provider)).put_object(bucket(), "k", pattern(10)).await.unwrap_err();
    assert_eq!(error.server().unwrap().code(), "SecurityTokenExpired");
    assert_eq!(world.requests(Operation::PutObject).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_after_a_lost_answer_does_not_hide_it() {
    let world = World::with(|b| {
        b.fault(Fault::on(Operation::PutObject).times(1).answer_after_work(500, "InternalError"))
    })
    .await;
    let provider = Provider { asked: AtomicU32::new(0), good: 1, then_hangs: false };
    let error = over(&world, Arc::new(provider)).put_object(bucket(), "k", pattern(10)).await.unwrap_err();
    assert_eq!(error.object_state(), ObjectState::Unknown, "{error:?}");
    assert!(world.object("k").is_some());
}

/// Waits as long as it is told, twice.
#[derive(Debug)]
struct Waits(Duration);

impl RetryPolicy for Waits {
    fn wait(&self, failure: &Failure<'_>) -> Option<Duration> {
        (failure.attempts < 3).then_some(self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_may_wait_for_a_year_and_the_wait_can_be_dropped() {
    let year = Duration::from_secs(365 * 24 * 3600);
    let fault = || Fault::on(Operation::PutObject).times(2).answer(500, "InternalError");
    let world = World::with(|builder| builder.fault(fault())).await;
    let uploader = world.in_process().retry(Arc::new(Waits(year))).build().unwrap();
    let started = tokio::time::Instant::now();
    uploader.put_object(bucket(), "k", pattern(10)).await.unwrap();
    assert_eq!(started.elapsed().as_secs() / year.as_secs(), 2);

    let world = World::with(|builder| builder.fault(fault())).await;
    let uploader = world.in_process().retry(Arc::new(Waits(Duration::MAX))).build().unwrap();
    let put = uploader.put_object(bucket(), "k", pattern(10)).into_future();
    assert!(tokio::time::timeout(year, put).await.is_err());
    assert_eq!(world.requests(Operation::PutObject).len(), 1);
}

/// Takes the body frame by frame and refuses the first request; what was stored, and a handle for each request under way.
fn slow_server() -> (Uploader, Arc<Mutex<Vec<Bytes>>>, Arc<()>) {
    let (stored, under_way, requests) = (Arc::new(Mutex::new(Vec::new())), Arc::new(()), AtomicU32::new(0));
    let (sink, alive) = (Arc::clone(&stored), Arc::downgrade(&under_way));
    let transport = transport_fn(move |request: Request| {
        let (sink, alive) = (Arc::clone(&sink), alive.upgrade().unwrap());
        let first = requests.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            let (mut body, mut whole) = (request.into_body(), Vec::new());
            while let Some(frame) = body.frame().await {
                whole.extend_from_slice(&frame?.into_data().unwrap());
                tokio::task::yield_now().await;
            }
            let response = Response::builder().header("x-oss-request-id", "id");
            let response = if first { response.status(503) } else { response.status(200) };
            if !first {
                sink.lock().unwrap().push(Bytes::from(whole));
            }
            tokio::task::yield_now().await;
            drop(alive);
            Ok(response.body(Body::from_stream(slowly(), None)).unwrap())
        }
    });
    let endpoint = "http://oss-cn-hangzhou.aliyuncs.com".parse().unwrap();
    let credentials = Arc::new(Credentials::new("id", "secret"));
    let uploader = Uploader::builder(endpoint, Arc::new(transport), credentials)
        .retry(Arc::new(Waits(Duration::from_millis(1))))
        .build();
    (uploader.unwrap(), stored, under_way)
}

fn slowly() -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
    futures_util::stream::once(async {
        tokio::task::yield_now().await;
        Ok(Bytes::from_static(b"{}"))
    })
}

#[tokio::test]
async fn a_put_dropped_after_any_poll_stores_all_or_nothing_and_leaves_no_request_under_way() {
    let data: Bytes = pattern(900_000).into();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, &data).unwrap();
    let contents: [Content; 2] = [data.clone().into(), path.into()];
    for (content, md5) in contents.iter().flat_map(|content| [(content, false), (content, true)]) {
        for times in 0.. {
            let (uploader, stored, under_way) = slow_server();
            let before = Handle::current().metrics().num_alive_tasks();
            let mut put = uploader.put_object(bucket(), "k", content.clone());
            if md5 {
                put = put.compute_content_md5();
            }
            let result: Option<Result<Uploaded, Error>> = polled(put.into_future(), times).await;
            assert_eq!(Arc::strong_count(&under_way), 1, "after {times} polls");
            assert_eq!(Handle::current().metrics().num_alive_tasks(), before, "after {times} polls");
            assert!(stored.lock().unwrap().iter().all(|object| *object == data), "after {times} polls");
            // The first request is refused, and the budget is the policy's.
            uploader.put_object(bucket(), "next", pattern(10)).await.unwrap();
            if let Some(result) = result {
                result.unwrap();
                assert!(times > 10, "it has been cut in pieces: {times}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_put_over_a_socket_dropped_after_any_poll_gives_its_connection_up() {
    let world = World::new().await;
    let uploader = world.builder().retry(Arc::new(NoRetry)).build().unwrap();
    for times in 0.. {
        let key = format!("k{times}");
        let put = uploader.put_object(bucket(), &key, pattern(900_000)).into_future();
        let result = polled(put, times).await;
        // What comes next on any pooled connection is a request of its own.
        let next = uploader.put_object(bucket(), "next", pattern(300_000)).await.unwrap();
        assert_eq!(next.object.size, 300_000);
        if let Some(object) = world.object(&key) {
            assert_eq!(object.body, pattern(900_000), "after {times} polls");
        }
        if let Some(result) = result {
            result.unwrap();
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_puts_at_once_are_a_thousand_objects() {
    let world = World::new().await;
    let uploader = world.uploader();
    let puts = (0..1000usize).map(|n| {
        let data: Bytes = pattern(n * 37).into();
        uploader.put_object(bucket(), format!("k{n}"), data).into_future()
    });
    for (n, result) in join_all(puts).await.into_iter().enumerate() {
        assert_eq!(result.unwrap().object.size, n as u64 * 37);
        assert_eq!(world.object(&format!("k{n}")).unwrap().body, pattern(n * 37), "{n}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_is_taken_is_told_and_the_body_let_go() {
    for status in [403, 200] {
        // Answers at once and keeps the body for later.
        let transport = transport_fn(move |request: Request| async move {
            let (_, body) = request.into_parts();
            let response = Response::builder().status(status).header("x-oss-request-id", "id");
            let rest = futures_util::stream::once(async move {
                drop(body);
                Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
            });
            Ok(response.body(Body::from_stream(rest, None)).unwrap())
        });
        let endpoint = "http://oss-cn-hangzhou.aliyuncs.com".parse().unwrap();
        let uploader =
            Uploader::builder(endpoint, Arc::new(transport), Arc::new(Credentials::new("id", "secret")))
                .retry(Arc::new(NoRetry))
                .build()
                .unwrap();
        let before = Handle::current().metrics().num_alive_tasks();
        let error = uploader.put_object(bucket(), "k", pattern(10)).await.unwrap_err();
        match status {
            403 => assert_eq!(error.object_state(), ObjectState::NotStored, "{error:?}"),
            _ => assert!(matches!(error, Error::MalformedAnswer { .. }), "{error:?}"),
        }
        assert_eq!(Handle::current().metrics().num_alive_tasks(), before);
    }
}
