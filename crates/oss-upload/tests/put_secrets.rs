//! What a put shows of itself: in `Debug`, in errors and in the log there is no secret, and what happened is told.
//!
//! On its own, since a log of one thread does not hear of everything that other threads do at the same time.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]

mod common;

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use common::{World, bucket, pattern};
use oss_callback::Callback;
use oss_emulator::{Fault, Operation};
use oss_signing::Credentials;
use oss_transport::ReqwestTransport;
use oss_upload::{NoRetry, ObjectOptions, PresignedPut, PresignedUploader, Uploader};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes down every span and event with all its fields.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Log {
    fn line(&self, metadata: &Metadata<'_>, fields: impl FnOnce(&mut Fields<'_>)) {
        let mut text = self.0.lock().unwrap();
        write!(text, "{} {} {}", metadata.level(), metadata.target(), metadata.name()).unwrap();
        fields(&mut Fields(&mut text));
        text.push('\n');
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.line(span.metadata(), |fields| span.record(fields));
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.0.lock().unwrap()));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        self.line(event.metadata(), |fields| event.record(fields));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

const SECRET: &str = "s3cr3t-key";
const TOKEN: &str = "t0ken-of-sts";
const VARIABLE: &str = "upl0ad-ticket";
const HEADER: &str = "h3ader-value";

fn credentials() -> Credentials {
    Credentials::new(oss_emulator::DEFAULT_ACCESS_KEY_ID, SECRET).with_security_token(TOKEN)
}

fn check(what: &str, text: &str) {
    for secret in [SECRET, TOKEN, VARIABLE, HEADER, "x-oss-signature=", "Signature="] {
        assert!(!text.contains(secret), "{what} tells {secret}: {text}");
    }
}

#[tokio::test]
async fn nothing_tells_a_secret() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let faults = [
        Fault::on(Operation::PutObject).times(1).drop_answer(),
        Fault::on(Operation::PutObject).times(1).answer(500, "InternalError"),
        Fault::on(Operation::PutObject).times(1).answer(403, "SignatureDoesNotMatch"),
    ];
    let world = World::with(|builder| {
        let builder = builder.sts_credentials(oss_emulator::DEFAULT_ACCESS_KEY_ID, SECRET, TOKEN);
        faults.into_iter().fold(builder, |builder, fault| builder.fault(fault))
    })
    .await;
    let callback = Callback::builder(format!("{}/fail", world.app.uri()))
        .allow_private_addresses(true)
        .body("ticket=${x:ticket}")
        .var("x:ticket", VARIABLE)
        .build()
        .unwrap();
    let uploader: Uploader = world.builder_with(credentials()).build().unwrap();
    let options = ObjectOptions::new()
        .content_disposition(HEADER)
        .metadata("owner", HEADER)
        .tag("project", HEADER)
        .custom_header("x-token", HEADER);
    let shown = format!("{options:?}");
    for name in ["content-disposition", "owner", "project", "x-token"] {
        assert!(shown.contains(name), "{shown}");
    }
    let put = || {
        let put = uploader.put_object(bucket(), "k", pattern(10)).callback(callback.clone());
        put.options(options.clone())
    };
    let resumable = uploader.resumable_upload(bucket(), "k", pattern(10)).options(options.clone());
    check("the options of a resumable upload", &format!("{shown} {resumable:?}"));
    let initiate = uploader.initiate_multipart_upload(bucket(), "k").options(options.clone());
    check("those of a multipart upload", &format!("{initiate:?}"));
    check("the uploader", &format!("{uploader:?}"));
    check("the put", &format!("{:?}", put()));
    for _ in 0..4 {
        let result = put().await;
        check("the outcome", &format!("{result:?}"));
        if let Err(error) = &result {
            let mut cause: Option<&dyn std::error::Error> = Some(error);
            while let Some(error) = cause {
                check("an error", &format!("{error} {error:?}"));
                cause = error.source();
            }
        }
    }
    let form =
        uploader.presign_post(bucket(), "k").field("x-oss-meta-owner", HEADER).callback(callback.clone());
    check("the signing of a form", &format!("{form:?}"));
    let presign = uploader.presign_put(bucket(), "k").options(options).callback(callback.clone());
    check("the signing of a put", &format!("{presign:?}"));
    let url = presign.await.unwrap();
    check("the presigned put", &format!("{url:?}"));
    let sender =
        PresignedUploader::new(Arc::new(ReqwestTransport::new().unwrap())).with_retry(Arc::new(NoRetry));
    let text = url.url().to_string().replacen("/k?", "/other?", 1);
    let put = sender.put(PresignedPut::from_url(&text).unwrap(), pattern(10));
    check("the put by URL", &format!("{put:?}"));
    check("its outcome", &format!("{:?}", put.await));
    let text = log.0.lock().unwrap();
    check("the log", &text);
    for told in ["attempt=1", "attempt=2", "request_id=", "status=203", "repeating", "got no answer: "] {
        assert!(text.contains(told), "the log tells {told}: {text}");
    }
}
