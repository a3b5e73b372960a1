//! PUTs that are signed by one and sent by another.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]
#![allow(clippy::disallowed_methods, reason = "a test compares with the wall clock")]

mod common;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::{World, bucket, pattern, verify};
use oss_emulator::{Fault, Operation};
use oss_signing::{Credentials, V1Signer};
use oss_transport::ReqwestTransport;
use oss_upload::{
    CallbackOutcome, Crc64, Error, NoRetry, ObjectOptions, ObjectState, PresignedPut, PresignedUploader,
    Uploader,
};

fn sender() -> PresignedUploader {
    PresignedUploader::new(Arc::new(ReqwestTransport::new().unwrap())).with_retry(Arc::new(NoRetry))
}

fn signers(world: &World) -> [(&'static str, Uploader); 2] {
    let v1 = world.builder().signer(Arc::new(V1Signer::new())).build().unwrap();
    [("V4", world.uploader()), ("V1", v1)]
}

#[tokio::test]
async fn a_presigned_put_is_stored_called_back_and_answered() {
    let world = World::new().await;
    for (version, signer) in signers(&world) {
        let key = format!("files/{version} #1 ünïcode%?.txt");
        let put = signer.presign_put(bucket(), &key).callback(world.callback("/ok")).await.unwrap();
        assert!(put.has_callback());
        let left = put.expires_at().duration_since(SystemTime::now()).unwrap();
        assert!(left > Duration::from_secs(890) && left <= Duration::from_secs(900), "{version}: {left:?}");

        // The other side has the text of the URL and nothing else.
        let received = PresignedPut::from_url(&put.url().to_string()).unwrap();
        assert!(received.has_callback());
        let data = pattern(700_000);
        let uploaded = sender().put(received, data.clone()).await.unwrap();
        assert_eq!(world.object(&key).unwrap().body, data);
        assert_eq!(uploaded.object.crc64, Some(Crc64::of(&data)));
        assert!(!uploaded.object.location.contains('?'), "{}", uploaded.object.location);
        let CallbackOutcome::Answered(answer) = uploaded.callback else { panic!("{:?}", uploaded.callback) };
        assert_eq!(&answer.body[..], br#"{"Status":"OK"}"#);
    }
    let received = world.received().await;
    assert_eq!(received.len(), 2);
    for request in &received {
        verify(&world.verifier("/ok?user=put_object"), request).unwrap();
    }
}

#[tokio::test]
async fn a_failed_callback_of_a_presigned_put_is_the_same_error() {
    let world = World::new().await;
    let put = world.uploader().presign_put(bucket(), "k").callback(world.callback("/fail")).await.unwrap();
    let error = sender().put(put, pattern(10)).await.unwrap_err();
    let Error::CallbackFailed(failed) = &error else { panic!("{error:?}") };
    assert_eq!(failed.object().crc64, Some(Crc64::of(&pattern(10))));
    assert_eq!(failed.failure.application_status, Some(500));
    assert_eq!(world.object("k").unwrap().body, pattern(10));
}

#[tokio::test]
async fn the_headers_of_the_options_are_signed_and_have_to_be_sent() {
    let world = World::new().await;
    for (version, signer) in signers(&world) {
        let options = ObjectOptions::new().content_type("image/png").metadata("author", "me");
        let put = signer.presign_put(bucket(), version).options(options).await.unwrap();
        let bare = PresignedPut::from_url(&put.url().to_string()).unwrap();
        let refused = sender().put(bare.clone(), pattern(10)).await.unwrap_err();
        assert_eq!(refused.server().unwrap().code(), "SignatureDoesNotMatch", "{version}");
        let with_headers = bare.with_header("content-type", "image/png").unwrap();
        let with_headers = with_headers.with_header("x-oss-meta-author", "me").unwrap();
        sender().put(with_headers, pattern(10)).await.unwrap();
        let stored = world.object(version).unwrap();
        assert_eq!((stored.content_type.as_str(), stored.metadata["author"].as_str()), ("image/png", "me"));
        sender().put(put, pattern(10)).await.unwrap();
    }
}

#[tokio::test]
async fn an_expired_or_altered_url_stores_nothing() {
    let world = World::with(|builder| builder.clock_offset_millis(14 * 60 * 1000)).await;
    for (version, signer) in signers(&world) {
        let put = signer.presign_put(bucket(), "k").expires_in(Duration::from_secs(60)).await.unwrap();
        let error = sender().put(put, pattern(10)).await.unwrap_err();
        assert_eq!(error.server().unwrap().status().as_u16(), 403, "{version}: {error:?}");
        let put = signer.presign_put(bucket(), "k").await.unwrap();
        let altered = put.url().to_string().replacen("/k?", "/other?", 1);
        let error = sender().put(PresignedPut::from_url(&altered).unwrap(), pattern(10)).await.unwrap_err();
        assert_eq!(error.server().unwrap().code(), "SignatureDoesNotMatch", "{version}");
    }
    assert!(world.object("k").is_none() && world.object("other").is_none());
}

#[tokio::test]
async fn a_lost_answer_is_repeated_only_without_a_callback() {
    let fault = || Fault::on(Operation::PutObject).times(1).drop_answer();
    let transport = || Arc::new(ReqwestTransport::new().unwrap());
    for callback in [false, true] {
        let world = World::with(|builder| builder.fault(fault())).await;
        let signer = world.uploader();
        let mut presign = signer.presign_put(bucket(), "k");
        if callback {
            presign = presign.callback(world.callback("/ok"));
        }
        let put = presign.await.unwrap();
        let result = PresignedUploader::new(transport()).put(put, pattern(10)).await;
        if callback {
            let error = result.unwrap_err();
            assert_eq!(error.object_state(), ObjectState::Unknown, "{error:?}");
            assert!(!format!("{error:?}").contains("x-oss-signature"), "{error:?}");
            assert_eq!(world.received().await.len(), 1);
        } else {
            result.unwrap();
            assert_eq!(world.requests(Operation::PutObject).len(), 2);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_signed_is_refused() {
    let world = World::new().await;
    let too_long = world.uploader().presign_put(bucket(), "k").expires_in(Duration::from_secs(604_801)).await;
    assert!(matches!(too_long, Err(Error::Sign { .. })), "{too_long:?}");
    let anonymous = world.builder_with(Credentials::anonymous()).build().unwrap();
    let refused = anonymous.presign_put(bucket(), "k").await;
    assert!(matches!(refused, Err(Error::Sign { .. })), "{refused:?}");
    let bad_key = world.uploader().presign_put(bucket(), "").await;
    assert!(matches!(bad_key, Err(Error::Name(_))), "{bad_key:?}");
    assert!(world.emulator.journal().is_empty());
}
