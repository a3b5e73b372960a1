//! Keys and headers of every kind: they arrive as they are, or are refused by name before anything is sent. And futures, which
//! can be sent to other threads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its set-up fails"
)]

mod common;

use std::future::IntoFuture;
use std::sync::Arc;

use common::{World, bucket, pattern};
use oss_signing::Credentials;
use oss_transport::ReqwestTransport;
use oss_upload::{PresignedPut, PresignedUploader, Uploader};

#[tokio::test]
async fn every_kind_of_key_arrives_as_it_is_or_is_refused_by_name() {
    let world = World::new().await;
    let long = "k".repeat(1023);
    let arrive = [
        "dir/",
        "a#b",
        "a?b=c&d",
        "a//b",
        "a///",
        "100%",
        "%2F",
        "%zz",
        "a+b c",
        " lead",
        "trail ",
        "\u{4f60}\u{597d}/\u{1f600}",
        "a\tb",
        "a\nb",
        "a\u{1}b",
        "a\\b",
        "'\"<>&;",
        "~*()!$,:@=[]|^`{}",
        "...",
        "a/.b",
        "a..b",
        "\u{feff}",
        "\u{202e}txt",
        &long,
        "uploads",
        "x-oss-process=image",
        "callback",
    ];
    for key in arrive {
        let uploaded =
            world.uploader().put_object(bucket(), key, pattern(10)).callback(world.callback("/ok")).await;
        let uploaded = uploaded.unwrap_or_else(|error| panic!("{key:?}: {error:?}"));
        assert!(world.object(key).is_some(), "{key:?}");
        assert!(!uploaded.object.location.contains(['?', '#', ' ', '\n']), "{key:?}");
        let url = world.uploader().presign_put(bucket(), key).await.unwrap();
        let put = PresignedUploader::new(Arc::new(ReqwestTransport::new().unwrap())).put(url, pattern(11));
        put.await.unwrap_or_else(|error| panic!("{key:?} by URL: {error:?}"));
        assert_eq!(world.object(key).unwrap().body, pattern(11), "{key:?} by URL");
        let head = world.uploader().head_object(bucket(), key).await.unwrap();
        assert_eq!(head.object.size, 11, "{key:?}");
    }
    let before = world.emulator.journal().len();
    for key in ["", "/k", "\\k", "a/../b", "./a", "..", ".", &format!("{long}k")] {
        let error = world.uploader().put_object(bucket(), key, pattern(10)).await.unwrap_err();
        assert!(!error.to_string().is_empty() && world.object(key).is_none(), "{key:?}: {error:?}");
    }
    assert_eq!(world.emulator.journal().len(), before, "nothing was sent");
}

#[tokio::test]
async fn headers_of_every_kind_arrive_or_are_refused_before_anything_is_sent() {
    use oss_upload::ObjectOptions;
    let world = World::new().await;
    let put = |options| world.uploader().put_object(bucket(), "k", pattern(10)).options(options);
    put(ObjectOptions::new().metadata("author", "J\u{fc}rgen \u{4f60}\u{597d}").metadata("empty", ""))
        .await
        .unwrap();
    let stored = world.object("k").unwrap();
    assert_eq!(stored.metadata["author"], "J\u{fc}rgen \u{4f60}\u{597d}");
    let before = world.emulator.journal().len();
    for options in [
        ObjectOptions::new().metadata("a", "x\r\nx-oss-callback: eA=="),
        ObjectOptions::new().metadata("a: b\r\nc", "x"),
        ObjectOptions::new().metadata("\u{fc}", "x"),
        ObjectOptions::new().content_type("text/plain\r\n\r\nGET / HTTP/1.1"),
        ObjectOptions::new().cache_control("a\0b"),
        ObjectOptions::new().custom_header("x\r\ny", "z"),
        ObjectOptions::new().custom_header("", "z"),
        ObjectOptions::new().custom_header("Transfer-Encoding", "chunked"),
        ObjectOptions::new().custom_header("Host", "elsewhere"),
        ObjectOptions::new().custom_header("X-Oss-Callback-Var", "x"),
    ] {
        let shown = format!("{options:?}");
        let error = put(options).await.unwrap_err();
        assert!(matches!(error, oss_upload::Error::InvalidArgument { .. }), "{shown}: {error:?}");
    }
    assert_eq!(world.emulator.journal().len(), before, "nothing was sent");
}

#[test]
fn futures_can_be_sent_to_another_thread() {
    fn sent<T: Send>(_: &T) {}
    let transport = Arc::new(ReqwestTransport::new().unwrap());
    let endpoint = "http://oss-cn-hangzhou.aliyuncs.com".parse().unwrap();
    let uploader = Uploader::builder(endpoint, transport.clone(), Arc::new(Credentials::new("id", "secret")))
        .build()
        .unwrap();
    let (bucket, key) = (bucket(), String::from("k"));
    sent(&uploader.put_object(bucket.clone(), &key, pattern(1)).into_future());
    sent(&uploader.presign_put(bucket.clone(), &key).into_future());
    sent(&uploader.presign_post(bucket.clone(), &key).into_future());
    sent(&uploader.head_object(bucket.clone(), &key).into_future());
    sent(&uploader.delete_object(bucket, &key).into_future());
    let put = PresignedPut::from_url("http://h/k?OSSAccessKeyId=id&Expires=1701605532&Signature=s").unwrap();
    sent(&PresignedUploader::new(transport).put(put, pattern(1)).into_future());
}
