//! `put_object` against the emulator: what is stored, what the application server hears, what the uploader is told.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::{World, bucket, pattern, verify};
use oss_emulator::{Fault, Operation};
use oss_signing::Credentials;
use oss_upload::{
    CallbackOutcome, Content, Crc64, Error, ObjectAcl, ObjectOptions, ObjectState, SourceError, StreamSource,
};

#[tokio::test]
async fn a_put_with_a_callback_is_stored_called_back_and_answered() {
    let world = World::new().await;
    let data = pattern(700_000);
    let uploaded = world
        .uploader()
        .put_object(bucket(), "files/hello #1 ünïcode%?.txt", data.clone())
        .callback(world.callback("/ok"))
        .await
        .unwrap();

    let stored = world.object("files/hello #1 ünïcode%?.txt").unwrap();
    assert_eq!(stored.body, data);
    assert_eq!(uploaded.object.size, 700_000);
    assert_eq!(uploaded.object.crc64, Some(Crc64::of(&data)));
    assert_eq!(uploaded.object.etag.as_deref(), Some(stored.etag.as_str()));
    assert!(uploaded.object.request_id.is_some());
    let CallbackOutcome::Answered(answer) = &uploaded.callback else { panic!("{:?}", uploaded.callback) };
    assert_eq!(&answer.body[..], br#"{"Status":"OK"}"#);
    assert_eq!(answer.content_type.as_deref(), Some("application/json"));

    let received = world.received().await;
    assert_eq!(received.len(), 1);
    let verified = verify(&world.verifier("/ok?user=put_object"), &received[0]).unwrap();
    let form: BTreeMap<String, String> = verified.form().unwrap();
    let expected = [
        ("bucket", "examplebucket"),
        ("object", "files/hello #1 ünïcode%?.txt"),
        ("etag", stored.etag.as_str()),
        ("size", "700000"),
        ("uid", "a b&c"),
    ];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[tokio::test]
async fn a_failed_callback_is_an_error_that_carries_the_stored_object() {
    let world = World::new().await;
    let data = pattern(1000);
    let error = world
        .uploader()
        .put_object(bucket(), "files/hello", data.clone())
        .callback(world.callback("/fail"))
        .await
        .unwrap_err();

    assert_eq!(error.object_state(), ObjectState::Stored);
    let Error::CallbackFailed(failed) = &error else { panic!("{error:?}") };
    let stored = world.object("files/hello").expect("the object is stored all the same");
    assert_eq!(stored.body, data);
    assert_eq!(failed.object().etag.as_deref(), Some(stored.etag.as_str()));
    assert_eq!(failed.object().crc64, Some(Crc64::of(&data)));
    assert_eq!(failed.failure.status, 203);
    assert_eq!(failed.failure.code, "CallbackFailed");
    assert_eq!(failed.failure.application_status, Some(500));
    assert_eq!(failed.failure.ec.as_deref(), Some("0007-00000203"));
    assert_eq!(failed.failure.request_id, failed.object().request_id);
    assert!(error.to_string().contains("is stored"), "{error}");
    // Nothing is repeated.
    assert_eq!(world.requests(Operation::PutObject).len(), 1);
    assert_eq!(world.received().await.len(), 1);

    let uploaded = error.ignore_callback_failure().unwrap();
    assert!(matches!(uploaded.callback, CallbackOutcome::Failed(_)));
}

#[tokio::test]
async fn a_tampered_callback_is_refused_by_the_verifier() {
    let world = World::new().await;
    let put = world.uploader().put_object(bucket(), "files/hello", Bytes::from_static(b"x"));
    put.callback(world.callback("/ok")).await.unwrap();
    let verifier = world.verifier("/ok?user=put_object");
    let genuine = world.received().await.remove(0);
    verify(&verifier, &genuine).unwrap();

    let mut body = genuine.body.clone();
    *body.last_mut().unwrap() ^= 1;
    let tampered = wiremock::Request { body, ..genuine.clone() };
    assert!(verify(&verifier, &tampered).is_err());

    let mut headers = genuine.headers.clone();
    let signature = headers["authorization"].to_str().unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let signature = format!("{other}{}", &signature[1..]);
    headers.insert("authorization", signature.parse().unwrap());
    assert!(verify(&verifier, &wiremock::Request { headers, ..genuine.clone() }).is_err());

    // The official key has signed nothing of this.
    let official = oss_callback::Verifier::official().expect_target("/ok?user=put_object").unwrap();
    assert!(verify(&official, &genuine).is_err());
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_nothing_is_stored() {
    let world = World::new().await;
    let secret = "Wr0ng5ecretThatNothingElseSays";
    let credentials = Credentials::new(oss_emulator::DEFAULT_ACCESS_KEY_ID, secret);
    let uploader = world.builder_with(credentials).build().unwrap();
    let error = uploader.put_object(bucket(), "files/hello", Bytes::from_static(b"x")).await.unwrap_err();
    let refusal = error.server().unwrap();
    assert_eq!((refusal.status().as_u16(), refusal.code()), (403, "SignatureDoesNotMatch"));
    assert_eq!(error.object_state(), ObjectState::NotStored);
    assert!(world.object("files/hello").is_none());
    assert_eq!(world.requests(Operation::PutObject).len(), 1);
    assert!(!format!("{error:?} {error}").contains(secret), "{error:?}");
}

#[tokio::test]
async fn files_of_every_size_arrive_as_they_are() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    for len in [0, 1, 1024, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 1_000_003] {
        let (data, path) = (pattern(len), directory.path().join(format!("{len}.bin")));
        std::fs::write(&path, &data).unwrap();
        let uploaded = world.uploader().put_object(bucket(), format!("{len}"), &path).await.unwrap();
        assert_eq!(uploaded.object.size, len as u64);
        assert_eq!(world.object(&len.to_string()).unwrap().body, data, "{len} bytes");
        assert_eq!(uploaded.report.bytes_sent, len as u64);
    }
}

#[tokio::test]
async fn options_arrive() {
    let world = World::new().await;
    let options = ObjectOptions::new()
        .cache_control("no-cache")
        .metadata("author", "me")
        .acl(ObjectAcl::PublicRead)
        .tag("a", "1 2");
    let put = world.uploader().put_object(bucket(), "page.html", Bytes::from_static(b"<p>"));
    put.options(options).await.unwrap();
    let stored = world.object("page.html").unwrap();
    assert_eq!(stored.content_type, "text/html");
    assert_eq!(stored.headers["cache-control"], "no-cache");
    assert_eq!(stored.metadata["author"], "me");
    assert_eq!(stored.tags, [("a".to_owned(), "1 2".to_owned())]);
    let head = world.uploader().head_object(bucket(), "page.html").await.unwrap();
    assert_eq!(head.object.size, 3);
    world.uploader().delete_object(bucket(), "page.html").await.unwrap();
    let error = world.uploader().head_object(bucket(), "page.html").await.unwrap_err();
    assert_eq!(error.server().unwrap().code(), "NoSuchKey");
}

#[tokio::test]
async fn what_passes_is_repeated_and_what_does_not_is_not() {
    for (fault, requests, stored) in [
        (Fault::on(Operation::PutObject).times(2).answer(500, "InternalError"), 3, true),
        (Fault::on(Operation::PutObject).times(1).throttle(Duration::from_millis(1)), 2, true),
        (Fault::on(Operation::PutObject).times(1).reset_request_after(100_000), 2, true),
        (Fault::on(Operation::PutObject).times(1).drop_answer(), 2, true),
        (Fault::on(Operation::PutObject).times(1).wrong_crc(), 2, true),
        (Fault::on(Operation::PutObject).always().answer(403, "AccessDenied"), 1, false),
        (Fault::on(Operation::PutObject).always().answer(500, "InternalError"), 8, false),
    ] {
        let what = format!("{fault:?}");
        let world = World::with(|builder| builder.fault(fault)).await;
        let result = world.uploader().put_object(bucket(), "k", pattern(400_000)).await;
        assert_eq!(result.is_ok(), stored, "{what}: {result:?}");
        assert_eq!(world.requests(Operation::PutObject).len(), requests, "{what}");
        if stored {
            assert_eq!(world.object("k").unwrap().body, pattern(400_000), "{what}");
        }
    }
}

#[tokio::test]
async fn a_lost_answer_with_a_callback_is_looked_after_and_not_called_twice() {
    let world = World::with(|b| b.fault(Fault::on(Operation::PutObject).times(1).drop_answer())).await;
    let put = world.uploader().put_object(bucket(), "k", pattern(1000)).callback(world.callback("/ok"));
    let uploaded = put.await.unwrap();
    assert!(matches!(uploaded.callback, CallbackOutcome::Unknown), "{:?}", uploaded.callback);
    assert_eq!(uploaded.object.crc64, Some(Crc64::of(&pattern(1000))));
    assert_eq!(world.requests(Operation::PutObject).len(), 1);
    assert_eq!(world.received().await.len(), 1, "the application server was called once");
}

#[tokio::test]
async fn a_lost_answer_that_cannot_be_looked_after_is_said_to_be_unknown() {
    let world = World::with(|b| {
        b.fault(Fault::on(Operation::PutObject).times(1).drop_answer())
            .fault(Fault::on(Operation::HeadObject).always().answer(403, "AccessDenied"))
    })
    .await;
    let put = world.uploader().put_object(bucket(), "k", pattern(10)).callback(world.callback("/ok"));
    let error = put.await.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!(error.object_state(), ObjectState::Unknown);
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_once() {
    let world = World::with(|builder| builder.clock_offset_millis(20 * 60 * 1000)).await;
    world.uploader().put_object(bucket(), "k", pattern(10)).await.unwrap();
    assert_eq!(world.requests(Operation::PutObject).len(), 2);
    let uploader = world.uploader();
    uploader.put_object(bucket(), "a", pattern(10)).await.unwrap();
    uploader.put_object(bucket(), "b", pattern(10)).await.unwrap();
    assert_eq!(world.requests(Operation::PutObject).len(), 5, "the uploader remembers the offset");
}

#[tokio::test]
async fn a_source_that_is_not_what_it_said_stores_nothing() {
    let world = World::new().await;
    let stream = |chunks: &'static [&'static [u8]]| {
        futures_util::stream::iter(
            chunks.iter().map(|chunk| Ok::<_, std::io::Error>(Bytes::from_static(chunk))),
        )
    };
    for (len, chunks) in [(5, &[b"abcd" as &[u8]][..]), (3, &[b"abcd"]), (4, &[b"ab", b"cd", b"e"])] {
        let source = Content::from(StreamSource::new(stream(chunks), Some(len)));
        let error = world.uploader().put_object(bucket(), "k", source).await.unwrap_err();
        let told = matches!(error, Error::Source(SourceError::Shrank { .. } | SourceError::Grew { .. }));
        assert!(told, "{len}: {error:?}");
        assert!(world.object("k").is_none(), "{len}");
    }
    let unknown = Content::from(StreamSource::new(stream(&[b"ab", b"", b"cd"]), None));
    let uploaded = world.uploader().put_object(bucket(), "k", unknown).await.unwrap();
    assert_eq!(uploaded.object.size, 4);
    assert_eq!(world.object("k").unwrap().body, "abcd");
}

#[tokio::test]
async fn a_file_that_is_written_to_during_the_upload_is_not_stored() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("growing");
    std::fs::write(&path, pattern(3 << 20)).unwrap();
    let writer = path.clone();
    let put = world.uploader().put_object(bucket(), "k", &path).on_progress(move |progress| {
        if progress.transferred == 256 * 1024 {
            use std::io::Write;
            std::fs::OpenOptions::new().append(true).open(&writer).unwrap().write_all(b"more").unwrap();
        }
    });
    let error = put.await.unwrap_err();
    assert!(matches!(error, Error::Source(SourceError::Grew { .. })), "{error:?}");
    assert!(world.object("k").is_none());
}

#[tokio::test]
async fn progress_is_monotone_over_repeated_attempts_and_ends_at_the_size() {
    let fault = Fault::on(Operation::PutObject).times(2).reset_request_after(600_000);
    let world = World::with(|builder| builder.fault(fault)).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let put = world.uploader().put_object(bucket(), "k", pattern(1_500_000));
    put.on_progress(move |progress| sink.lock().unwrap().push(progress)).await.unwrap();
    let told = told.lock().unwrap();
    assert!(told.windows(2).all(|pair| pair[0].transferred <= pair[1].transferred), "{told:?}");
    assert_eq!(told.last().unwrap().transferred, 1_500_000);
    assert_eq!(told.last().unwrap().total, Some(1_500_000));
}

#[tokio::test]
async fn arguments_are_checked_before_anything_is_sent() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let sparse = directory.path().join("sparse");
    std::fs::File::create(&sparse).unwrap().set_len(5 * 1024 * 1024 * 1024 + 1).unwrap();
    let uploader = world.uploader();
    let too_large = uploader.put_object(bucket(), "k", &sparse).await.unwrap_err();
    assert!(matches!(too_large, Error::InvalidArgument { argument: "content", .. }), "{too_large:?}");
    let bad_key = uploader.put_object(bucket(), "/k", Bytes::new()).await.unwrap_err();
    assert!(matches!(bad_key, Error::Name(_)), "{bad_key:?}");
    let missing = uploader.put_object(bucket(), "k", directory.path().join("none")).await.unwrap_err();
    assert!(matches!(missing, Error::Source(SourceError::Io { .. })), "{missing:?}");
    let a_directory = uploader.put_object(bucket(), "k", directory.path()).await.unwrap_err();
    assert!(matches!(a_directory, Error::Source(SourceError::NotAFile { .. })), "{a_directory:?}");
    assert!(world.emulator.journal().is_empty());
}

#[tokio::test]
async fn oss_checks_the_md5_that_is_said() {
    use md5::{Digest, Md5};
    let world = World::new().await;
    let data = pattern(600_000);
    let digest: [u8; 16] = Md5::digest(&data).into();
    let put = |key: &str| world.uploader().put_object(bucket(), key, data.clone());
    put("given").content_md5(digest).await.unwrap();
    put("computed").compute_content_md5().await.unwrap();
    for key in ["given", "computed"] {
        assert_eq!(world.object(key).unwrap().body, data);
    }
    let before = world.requests(Operation::PutObject).len();
    let error = put("wrong").content_md5([7; 16]).await.unwrap_err();
    assert_eq!(error.server().unwrap().code(), "InvalidDigest");
    assert_eq!(error.object_state(), ObjectState::NotStored);
    let requests = world.requests(Operation::PutObject).len() - before;
    assert_eq!(requests, 2, "it may have been the way; not more than once");
    assert!(world.object("wrong").is_none());

    let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"once"))]);
    let once = Content::from(StreamSource::new(stream, Some(4)));
    let error = world.uploader().put_object(bucket(), "once", once).compute_content_md5().await.unwrap_err();
    assert!(matches!(error, Error::Source(SourceError::NotReopenable)), "{error:?}");
}

#[tokio::test]
async fn a_dropped_upload_leaves_no_task_and_no_open_request() {
    use oss_transport::{Body, Request, TransportError, transport_fn};
    use oss_upload::Uploader;
    use tokio::runtime::Handle;
    use tokio::sync::mpsc;

    // A transport that takes one chunk of the body and holds the rest for ever.
    let (holds, mut held) = mpsc::unbounded_channel::<()>();
    let open = Arc::new(());
    let requests = Arc::downgrade(&open);
    let transport = transport_fn(move |request: Request| {
        let (holds, request_is_open) = (holds.clone(), requests.upgrade().unwrap());
        async move {
            let _request_is_open = request_is_open;
            let mut body: Body = request.into_body();
            std::future::poll_fn(|cx| http_body::Body::poll_frame(std::pin::Pin::new(&mut body), cx)).await;
            holds.send(()).unwrap();
            std::future::pending::<Result<_, TransportError>>().await
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, pattern(3 << 20)).unwrap();
    let credentials = Arc::new(Credentials::new("id", "secret"));
    let endpoint = "http://oss-cn-hangzhou.aliyuncs.com".parse().unwrap();
    let uploader = Uploader::builder(endpoint, Arc::new(transport), credentials).build().unwrap();
    let before = Handle::current().metrics().num_alive_tasks();
    {
        let mut upload =
            Box::pin(std::future::IntoFuture::into_future(uploader.put_object(bucket(), "k", &path)));
        tokio::select! {
            _ = &mut upload => panic!("nobody answers"),
            sent = held.recv() => sent.unwrap(),
        }
        assert_eq!(Arc::strong_count(&open), 2, "the request is open");
    }
    assert_eq!(Arc::strong_count(&open), 1, "the request went with the upload");
    assert_eq!(Handle::current().metrics().num_alive_tasks(), before);
}

#[tokio::test]
async fn a_reader_goes_up_with_and_without_a_length() {
    let world = World::new().await;
    let data = pattern(600_000);
    for len in [Some(600_000), None] {
        // A reader that gives small and odd pieces.
        let (mut writer, reader) = tokio::io::duplex(7001);
        let content = data.clone();
        let write = tokio::spawn(async move {
            tokio::io::AsyncWriteExt::write_all(&mut writer, &content).await.unwrap();
        });
        let source = StreamSource::from_reader(reader, len);
        let uploaded = world.uploader().put_object(bucket(), "k", source).await.unwrap();
        write.await.unwrap();
        assert_eq!(uploaded.object.crc64, Some(Crc64::of(&data)));
        assert_eq!(world.object("k").unwrap().body, data);
    }
    let source = StreamSource::from_reader(&b"short"[..], Some(6));
    let error = world.uploader().put_object(bucket(), "short", source).await.unwrap_err();
    assert!(matches!(error, Error::Source(SourceError::Shrank { expected: 6, actual: 5, .. })), "{error:?}");
}
