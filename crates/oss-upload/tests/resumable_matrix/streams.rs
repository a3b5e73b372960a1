//! Streams: in parts without a checkpoint, each kept in memory until OSS has it, and no more of them than the budget.

use std::future::IntoFuture;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use oss_emulator::{Fault, Operation};
use oss_transport::Body;
use oss_upload::{
    CallbackOutcome, Content, Crc64, Error, MemoryCheckpoints, Phase, Source, SourceError, SourceIdentity,
    StreamSource, TimeLimits, Uploader,
};

use crate::common::bench::PART;
use crate::common::{BUCKET, World, bucket, pattern};

/// A stream in chunks of no round size.
fn stream_of(data: &[u8], len: Option<u64>) -> StreamSource {
    let chunks: Vec<Bytes> = data.chunks(33_333).map(Bytes::copy_from_slice).collect();
    StreamSource::new(stream::iter(chunks).map(Ok::<_, std::io::Error>), len)
}

fn upload(uploader: &Uploader, content: StreamSource) -> oss_upload::ResumableUpload {
    uploader.resumable_upload(bucket(), "stream", content).part_size(PART)
}

#[tokio::test]
async fn long_stream_goes_in_parts_with_the_callback_on_complete() {
    for known in [true, false] {
        let world = World::new().await;
        let data = pattern(7 * PART as usize + 12_345);
        let content = stream_of(&data, known.then_some(data.len() as u64));
        let uploaded = upload(&world.uploader(), content).callback(world.callback("/ok")).await.unwrap();
        assert_eq!(world.object("stream").unwrap().body, data);
        assert_eq!(uploaded.object.crc64, Some(Crc64::of(&data)));
        assert!(matches!(uploaded.callback, CallbackOutcome::Answered(_)));
        assert_eq!((uploaded.report.parts_sent, world.requests(Operation::PutObject).len()), (8, 0));
    }
}

#[tokio::test]
async fn short_stream_goes_with_one_put() {
    for len in [0, 1, PART as usize] {
        for known in [true, false] {
            let world = World::new().await;
            let data = pattern(len);
            upload(&world.uploader(), stream_of(&data, known.then_some(len as u64))).await.unwrap();
            assert_eq!(world.object("stream").unwrap().body, data);
            assert_eq!(world.requests(Operation::PutObject).len(), 1, "{len} bytes");
            assert!(world.requests(Operation::InitiateMultipartUpload).is_empty());
        }
    }
}

#[tokio::test]
async fn failed_part_of_a_stream_is_sent_again() {
    let world = World::new().await;
    for (part, fault) in [
        (1, Fault::on(Operation::UploadPart).part(1).reset_request_after(PART / 2)),
        (3, Fault::on(Operation::UploadPart).part(3).answer(500, "InternalError")),
        (4, Fault::on(Operation::UploadPart).part(4).wrong_crc()),
    ] {
        world.emulator.inject(fault);
        let data = pattern(5 * PART as usize);
        let uploaded = upload(&world.uploader(), stream_of(&data, None)).await.unwrap();
        assert_eq!((uploaded.report.parts_resent, uploaded.report.parts_sent), (1, 5), "part {part}");
        assert_eq!(world.object("stream").unwrap().body, data);
    }
}

#[tokio::test]
async fn put_of_a_short_stream_is_repeated_too() {
    let world = World::new().await;
    world.emulator.inject(Fault::on(Operation::PutObject).answer(500, "InternalError"));
    upload(&world.uploader(), stream_of(b"short", None)).await.unwrap();
    assert_eq!(world.object("stream").unwrap().body, &b"short"[..]);
}

#[tokio::test]
async fn failed_stream_is_aborted_and_a_failed_abort_is_told() {
    let world = World::new().await;
    let data = pattern(5 * PART as usize);
    world.emulator.inject(Fault::on(Operation::UploadPart).part(3).always().answer(403, "AccessDenied"));
    let error = upload(&world.uploader(), stream_of(&data, None)).await.unwrap_err();
    assert_eq!(error.server().unwrap().code(), "AccessDenied");
    assert!(world.emulator.uploads(BUCKET).is_empty());

    world.emulator.inject(Fault::on(Operation::AbortMultipartUpload).always().answer(403, "AccessDenied"));
    let error = upload(&world.uploader(), stream_of(&data, None)).await.unwrap_err();
    assert_eq!(
        error.server().unwrap().operation(),
        oss_upload::Operation::UploadPart(3),
        "the cause shows through"
    );
    let Error::LeftBehind { upload_id, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*upload_id, world.emulator.uploads(BUCKET)[0].upload_id);
    assert!(error.to_string().contains(upload_id.as_str()));
}

#[tokio::test]
async fn stream_that_fails_or_lies_about_its_length_stores_nothing() {
    let world = World::new().await;
    let data = pattern(3 * PART as usize);
    let broken = stream::iter([Ok(Bytes::from(data.clone())), Err(std::io::Error::other("the pipe broke"))]);
    let error = upload(&world.uploader(), StreamSource::new(broken, None)).await.unwrap_err();
    assert!(matches!(error, Error::Source(SourceError::Failed(_))), "{error:?}");
    for len in [data.len() as u64 + 1, data.len() as u64 - 1] {
        let error = upload(&world.uploader(), stream_of(&data, Some(len))).await.unwrap_err();
        assert!(matches!(error, Error::Source(_)), "{error:?}");
    }
    assert!(world.object("stream").is_none() && world.emulator.uploads(BUCKET).is_empty());
}

#[tokio::test]
async fn memory_stays_within_the_budget_while_oss_is_slow() {
    let world = World::new().await;
    // No part is answered until the fault is released, so everything that is read is held.
    let fault = world.emulator.inject(Fault::on(Operation::UploadPart).always().stall_answer());
    let data = pattern(12 * PART as usize);
    let read = Arc::new(AtomicU64::new(0));
    let (sink, chunks) =
        (Arc::clone(&read), data.chunks(10_000).map(Bytes::copy_from_slice).collect::<Vec<_>>());
    let counted = stream::iter(chunks).map(move |chunk| {
        sink.fetch_add(chunk.len() as u64, Ordering::SeqCst);
        Ok::<_, std::io::Error>(chunk)
    });
    // Reservations are made in units of 64 KiB: a part of 100 KiB takes two.
    let budget = 3 * 128 * 1024;
    let uploader = world.builder().memory_limit(budget).build().unwrap();
    let upload =
        upload(&uploader, StreamSource::new(counted, None)).concurrency(NonZeroUsize::new(8).unwrap());
    let running = tokio::spawn(std::future::IntoFuture::into_future(upload));
    let answered = |n| {
        move |journal: &[oss_emulator::JournalEntry]| {
            journal.iter().filter(|e| e.part_number.is_some() && e.body_bytes == PART).count() >= n
        }
    };
    world.emulator.wait_for(answered(3)).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let held = read.load(Ordering::SeqCst);
    assert!(held <= budget, "{held} bytes were read with a budget of {budget}");
    fault.release();
    running.await.unwrap().unwrap();
    assert_eq!(world.object("stream").unwrap().body, data);
}

#[tokio::test]
async fn part_that_does_not_fit_the_memory_is_refused_before_anything_is_sent() {
    let world = World::new().await;
    let uploader = world.builder().memory_limit(64 * 1024).build().unwrap();
    let error = upload(&uploader, stream_of(&pattern(300_000), None)).await.unwrap_err();
    assert!(error.to_string().starts_with("memory_limit is 65536 bytes"), "{error}");
    assert!(world.emulator.journal().is_empty());
}

#[tokio::test]
async fn files_share_the_memory_too_and_come_through_with_room_for_one_part() {
    let bench = crate::common::bench::Bench::new(vec![]).await;
    let uploader =
        bench.world.builder().checkpoints(bench.store.clone()).memory_limit(1 << 20).build().unwrap();
    bench.upload_by(&uploader).concurrency(NonZeroUsize::new(8).unwrap()).await.unwrap();
    assert!(bench.is_over());
}

/// A stream of unknown length that says who it is.
#[derive(Debug)]
struct Named(StreamSource);

#[async_trait]
impl Source for Named {
    fn length(&self) -> Option<u64> {
        None
    }

    async fn open(&self, range: Range<u64>) -> Result<Body, SourceError> {
        self.0.open(range).await
    }

    fn identity(&self) -> Option<SourceIdentity> {
        Some(SourceIdentity::new("the pipe", 0, "1"))
    }
}

#[tokio::test]
async fn stream_that_says_who_it_is_has_no_checkpoint_and_leaves_nothing() {
    let world = World::new().await;
    world.emulator.inject(Fault::on(Operation::UploadPart).part(3).always().answer(403, "AccessDenied"));
    let store = MemoryCheckpoints::new();
    let uploader = world.builder().checkpoints(Arc::new(store.clone())).build().unwrap();
    let named = Named(stream_of(&pattern(5 * PART as usize), None));
    let upload = uploader.resumable_upload(bucket(), "stream", Content::source(Arc::new(named)));
    upload.part_size(PART).await.unwrap_err();
    assert!(world.emulator.uploads(BUCKET).is_empty());
    assert_eq!(store.count(), 0);
}

/// So many bytes, then silence for so long, then the end.
fn silent_after(len: usize, silence: Duration) -> StreamSource {
    let bytes = stream::once(async move { Ok(Bytes::from(pattern(len))) });
    let end = stream::once(async move {
        tokio::time::sleep(silence).await; // The silence itself, in paused time.
        Ok::<_, std::io::Error>(Bytes::new())
    });
    StreamSource::new(bytes.chain(end), None)
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(start_paused = true)]
async fn silent_streams_are_given_up_and_make_room_for_others() {
    let world = World::new().await;
    let uploader = world.in_process().build().unwrap();
    let began = tokio::time::Instant::now();
    // Each has half a part, and room for a whole one: together all the memory there is.
    let silent: Vec<_> = (0..8)
        .map(|n| {
            let content = silent_after(4 << 20, DAY);
            let upload = uploader.resumable_upload(bucket(), format!("silent{n}"), content);
            tokio::spawn(upload.into_future())
        })
        .collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let other = uploader.resumable_upload(bucket(), "other", stream_of(&pattern(1000), None));
    other.await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 15 * 60);
    for silent in silent {
        let error = silent.await.unwrap().unwrap_err();
        let Error::TimedOut { operation, phase, .. } = &error else { panic!("{error:?}") };
        assert_eq!((*operation, *phase), (oss_upload::Operation::UploadPart(1), Phase::SourceIdle));
        assert!(error.to_string().contains("`source_idle`"), "{error}");
    }
    assert!(world.emulator.uploads(BUCKET).is_empty());
}

#[tokio::test(start_paused = true)]
async fn stream_that_falls_silent_between_parts_is_aborted_and_may_be_so_for_as_long_as_the_limit_says() {
    for (limit, stored) in [(Some(Duration::from_secs(5)), false), (Some(2 * DAY), true), (None, true)] {
        let world = World::new().await;
        let mut limits = TimeLimits::default();
        limits.source_idle = limit;
        let uploader = world.in_process().time_limits(limits).build().unwrap();
        let ended = upload(&uploader, silent_after(2 * PART as usize + 10, DAY)).await;
        assert_eq!(
            (ended.is_ok(), world.object("stream").is_some()),
            (stored, stored),
            "{limit:?}: {ended:?}"
        );
        assert!(world.emulator.uploads(BUCKET).is_empty());
    }
}

/// A source that can be opened again, and gives nothing the second time.
#[derive(Debug)]
struct Stalling {
    data: Bytes,
    version: &'static str,
    stalls: bool,
}

#[async_trait]
impl Source for Stalling {
    fn length(&self) -> Option<u64> {
        Some(self.data.len() as u64)
    }

    async fn open(&self, range: Range<u64>) -> Result<Body, SourceError> {
        if self.stalls {
            return Ok(Body::from_stream(stream::pending::<std::io::Result<Bytes>>(), None));
        }
        Ok(Body::from(self.data.slice(range.start as usize..range.end as usize)))
    }

    fn identity(&self) -> Option<SourceIdentity> {
        Some(SourceIdentity::new("stalling", self.data.len() as u64, self.version))
    }
}

#[tokio::test(start_paused = true)]
async fn source_that_gives_nothing_when_it_is_compared_ends_the_run_and_keeps_the_upload() {
    let world = World::new().await;
    world.emulator.inject(Fault::on(Operation::UploadPart).part(3).times(1).answer(403, "AccessDenied"));
    let store = MemoryCheckpoints::new();
    let uploader = world.in_process().checkpoints(Arc::new(store.clone())).build().unwrap();
    let data = Bytes::from(pattern(3 * PART as usize));
    let run = |version, stalls| {
        let content = Content::source(Arc::new(Stalling { data: data.clone(), version, stalls }));
        let upload = uploader.resumable_upload(bucket(), "stream", content).part_size(PART);
        upload.concurrency(NonZeroUsize::MIN).into_future()
    };
    run("1", false).await.unwrap_err();
    let error = run("2", true).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { phase: Phase::SourceIdle, .. }), "{error:?}");
    assert_eq!(store.count(), 1);
    assert_eq!(run("2", false).await.unwrap().report.parts_resumed, 2);
}
