//! Sources that lie, change, stall or panic, and what a put makes of them: the bytes that were meant, or nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its set-up fails"
)]

mod common;

use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use common::{World, bucket, pattern};
use futures_util::{StreamExt, stream};
use oss_emulator::Operation;
use oss_transport::Body;
use oss_upload::{
    Content, Crc64, Crc64Slot, Error, NoRetry, ObjectState, Phase, Source, SourceError, StreamSource,
    SummedBody,
};

/// Says a length and opens whatever it likes.
struct Says(Option<u64>, fn() -> Body);

impl std::fmt::Debug for Says {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Says")
    }
}

#[async_trait]
impl Source for Says {
    fn length(&self) -> Option<u64> {
        self.0
    }

    async fn open(&self, _: Range<u64>) -> Result<Body, SourceError> {
        Ok((self.1)())
    }
}

fn says(len: Option<u64>, open: fn() -> Body) -> Content {
    Content::source(Arc::new(Says(len, open)))
}

#[tokio::test]
async fn a_length_that_is_not_the_bodys_stores_nothing() {
    let world = World::new().await;
    let sources = [
        ("more than nothing", says(Some(0), || Body::from("abc"))),
        ("more than nothing, in the end", says(Some(0), || streamed(&["", "", "c"]))),
        ("less", says(Some(4), || Body::from("abc"))),
        ("more", says(Some(2), || Body::from("abc"))),
        ("more, in the end", says(Some(2), || streamed(&["a", "b", "", "c"]))),
        ("far less", says(Some(5 << 30), || Body::from("abc"))),
        ("nothing", says(Some(1), Body::empty)),
        (
            "a stream of no length",
            StreamSource::new(stream::iter([Ok::<_, std::io::Error>("a".into())]), Some(0)).into(),
        ),
    ];
    for (name, source) in sources {
        let error = world.uploader().put_object(bucket(), "k", source).await.unwrap_err();
        let told = matches!(error, Error::Source(SourceError::Shrank { .. } | SourceError::Grew { .. }));
        assert!(told, "{name}: {error:?}");
        assert_eq!(error.object_state(), ObjectState::NotStored, "{name}");
        assert!(world.object("k").is_none(), "{name}");
    }
}

fn streamed(chunks: &'static [&'static str]) -> Body {
    let chunks = chunks.iter().map(|chunk| Ok::<_, std::io::Error>(Bytes::from_static(chunk.as_bytes())));
    Body::from_stream(stream::iter(chunks), None)
}

/// Computes the checksum of its bytes itself, as it says.
#[derive(Debug)]
struct Sums(Option<u64>);

#[async_trait]
impl Source for Sums {
    fn length(&self) -> Option<u64> {
        Some(9)
    }

    async fn open(&self, _: Range<u64>) -> Result<Body, SourceError> {
        Ok(streamed(&["1234", "56789"]))
    }

    async fn open_summed(&self, range: Range<u64>) -> Result<SummedBody, SourceError> {
        let slot = Crc64Slot::new();
        if let Some(crc64) = self.0 {
            slot.fill(crc64);
        }
        Ok(SummedBody::new(self.open(range).await?, slot))
    }
}

#[tokio::test]
async fn the_checksum_a_source_computes_is_the_one_that_counts() {
    let world = World::new().await;
    let put = |crc64| world.uploader().put_object(bucket(), "k", Content::source(Arc::new(Sums(crc64))));

    let error = put(None).await.unwrap_err();
    let Error::Source(SourceError::Failed(cause)) = &error else { panic!("{error:?}") };
    assert!(cause.to_string().contains("CRC-64"), "{cause}");
    assert_eq!(error.object_state(), ObjectState::NotStored);
    assert!(world.object("k").is_none());

    let right = Crc64::of(b"123456789");
    assert_eq!(put(Some(right)).await.unwrap().object.crc64, Some(right));

    let error = put(Some(7)).await.unwrap_err();
    let Error::Corrupted { expected, actual, .. } = error else { panic!("{error:?}") };
    assert_eq!((expected, actual), (7, right));
}

#[tokio::test]
async fn a_source_that_panics_is_an_error_and_is_not_tried_again() {
    let world = World::new().await;
    let panics = || {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"abc"))]);
        Body::from_stream(first.chain(stream::poll_fn(|_| panic!("out of cheese"))), None)
    };
    for len in [Some(6), None] {
        let source = Content::source(Arc::new(Says(len, panics)));
        let error = world.uploader().put_object(bucket(), "k", source).await.unwrap_err();
        let Error::Source(SourceError::Failed(cause)) = &error else { panic!("{error:?}") };
        assert!(cause.to_string().contains("out of cheese"), "{cause}");
        assert_eq!(error.object_state(), ObjectState::NotStored);
    }
    let put = world.uploader().put_object(bucket(), "k", pattern(600_000));
    let error = put.on_progress(|_| panic!("no paper")).await.unwrap_err();
    assert!(matches!(error, Error::Source(SourceError::Failed(_))), "{error:?}");
    assert!(world.object("k").is_none());
    // The uploader bears it.
    world.uploader().put_object(bucket(), "k", pattern(10)).await.unwrap();
}

#[tokio::test]
async fn a_source_that_fails_is_told_with_its_own_words() {
    let world = World::new().await;
    let fails = || {
        let chunks = [Ok(Bytes::from_static(b"abc")), Err(std::io::Error::other("the disk is on fire"))];
        Body::from_stream(stream::iter(chunks), None)
    };
    for len in [Some(6), None] {
        let error = world.uploader().put_object(bucket(), "k", says(len, fails)).await.unwrap_err();
        let Error::Source(SourceError::Failed(cause)) = &error else { panic!("{error:?}") };
        assert_eq!(cause.to_string(), "the disk is on fire");
    }
    assert!(world.object("k").is_none());
    assert!(world.requests(Operation::PutObject).len() <= 2, "never repeated");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_stalls_is_given_up() {
    #[derive(Debug)]
    struct NeverOpens;
    #[async_trait]
    impl Source for NeverOpens {
        fn length(&self) -> Option<u64> {
            Some(7)
        }
        async fn open(&self, _: Range<u64>) -> Result<Body, SourceError> {
            std::future::pending().await
        }
    }
    let never = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>(), None);
    let half = || {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"abc"))]);
        Body::from_stream(first.chain(stream::pending()), None)
    };
    let world = World::new().await;
    let uploader = world.in_process().retry(Arc::new(NoRetry)).build().unwrap();
    for (name, source, md5, phase) in [
        ("never opens", Content::source(Arc::new(NeverOpens)), false, Phase::Start),
        ("never opens for its MD5", Content::source(Arc::new(NeverOpens)), true, Phase::Start),
        ("stalls for its MD5", says(Some(7), half), true, Phase::Start),
        ("gives nothing", says(Some(7), never), false, Phase::SendIdle),
        ("gives some", says(Some(7), half), false, Phase::SendIdle),
        ("gives some of an unknown length", says(None, half), false, Phase::SendIdle),
        ("is empty and does not end", says(Some(0), never), false, Phase::FirstByte),
    ] {
        let mut put = uploader.put_object(bucket(), "k", source);
        if md5 {
            put = put.compute_content_md5();
        }
        let error = put.await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { phase: at, .. } if at == phase), "{name}: {error:?}");
    }
    assert!(world.object("k").is_none());
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused_at_once() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let dangling = directory.path().join("dangling");
    std::os::unix::fs::symlink("/nowhere", &dangling).unwrap();
    for path in
        [directory.path(), &fifo, Path::new("/dev/zero"), Path::new("/dev/null"), &dangling, Path::new("")]
    {
        let error = world.uploader().put_object(bucket(), "k", path).await.unwrap_err();
        let told = matches!(error, Error::Source(SourceError::NotAFile { .. } | SourceError::Io { .. }));
        assert!(told, "{}: {error:?}", path.display());
    }
    assert!(world.emulator.journal().is_empty());
    // They go up as streams, for as long as they are said to be.
    let zeros = tokio::fs::File::open("/dev/zero").await.unwrap();
    let zeros = StreamSource::from_reader(tokio::io::AsyncReadExt::take(zeros, 300_000), Some(300_000));
    world.uploader().put_object(bucket(), "k", zeros).await.unwrap();
    assert_eq!(world.object("k").unwrap().body, vec![0; 300_000]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_says_it_is_empty_and_is_not_stores_nothing() {
    let world = World::new().await;
    let error = world.uploader().put_object(bucket(), "k", Path::new("/proc/version")).await.unwrap_err();
    assert!(matches!(error, Error::Source(SourceError::Grew { expected: 0, .. })), "{error:?}");
    let error =
        world.uploader().put_object(bucket(), "k", Path::new("/sys/kernel/mm/transparent_hugepage/enabled"));
    // Such a file says it has a page.
    if Path::new("/sys/kernel/mm/transparent_hugepage/enabled").exists() {
        let error = error.await.unwrap_err();
        assert!(matches!(error, Error::Source(SourceError::Shrank { .. })), "{error:?}");
    }
    assert!(world.object("k").is_none());
}

#[tokio::test]
async fn names_that_are_no_unicode_are_files_like_others() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9 \n\x01.png"));
    std::fs::write(&path, pattern(10)).unwrap();
    world.uploader().put_object(bucket(), "k", &path).await.unwrap();
    let stored = world.object("k").unwrap();
    assert_eq!((stored.body, stored.content_type.as_str()), (pattern(10).into(), "image/png"));
}

#[tokio::test]
async fn a_file_that_is_truncated_rewritten_or_replaced_during_the_upload_is_never_torn() {
    type Spoil = fn(&Path);
    let truncate: Spoil =
        |path| std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(300_000).unwrap();
    let empty: Spoil = |path| std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap();
    let rewrite: Spoil = |path| std::fs::write(path, vec![0; 3 << 20]).unwrap();
    let replace: Spoil = |path| {
        let other = path.with_extension("other");
        std::fs::write(&other, vec![0; 3 << 20]).unwrap();
        std::fs::rename(other, path).unwrap();
    };
    let delete: Spoil = |path| std::fs::remove_file(path).unwrap();
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    // What was opened is what goes up, wherever its name points to.
    for (name, spoil, stored) in [
        ("truncate", truncate, false),
        ("empty", empty, false),
        ("rewrite", rewrite, false),
        ("replace", replace, true),
        ("delete", delete, true),
    ] {
        let path = directory.path().join(name);
        std::fs::write(&path, pattern(3 << 20)).unwrap();
        // So that the modification time moves.
        let old = std::fs::File::options().write(true).open(&path).unwrap();
        old.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
        let spoiled = path.clone();
        let put = world.uploader().put_object(bucket(), name, &path).on_progress(move |progress| {
            if progress.transferred == 256 * 1024 {
                spoil(&spoiled);
            }
        });
        let result = put.await;
        assert_eq!(result.is_ok(), stored, "{name}: {result:?}");
        if let Err(error) = result {
            assert!(matches!(error, Error::Source(_)), "{name}: {error:?}");
        }
        let there = world.object(name).map(|object| object.body == pattern(3 << 20));
        assert_eq!(there, stored.then_some(true), "{name}");
    }
}
