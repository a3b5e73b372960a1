//! A request from a stranger to the emulator, in process.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use oss_emulator::{Acl, Emulator, EmulatorBuilder, Fault};
use oss_transport::{Body, Request, Transport};

/// An answer that takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Given, because making one takes longer than a request.
const CALLBACK_KEY: &str = include_str!("../../crates/oss-emulator/tests/keys/pkcs8.pem");

/// Everybody may write to one bucket, so that code behind the signature is reached too.
fn emulator() -> EmulatorBuilder {
    Emulator::builder()
        .bucket_with_acl("open", Acl::PublicReadWrite)
        .bucket("closed")
        .sink()
        .callback_key_pem(CALLBACK_KEY)
        // A callback is read, and none is sent: a fuzzer must not call strangers.
        .fault(Fault::on_any().always().fail_callback("Error status : -1.", "0007-00000203"))
}

/// Whether the request is for the emulator's own pages, which strangers do not reach and which change how it works.
fn is_admin<T>(request: &http::Request<T>) -> bool {
    request.uri().path().trim_start_matches('/').split('/').next() == Some("-")
}

async fn ask(request: Request) {
    let emulator = emulator().start().await.expect("an emulator");
    if let Ok(response) = emulator.transport().send(request).await {
        let _ = response.into_body().read_to_end(1 << 20).await;
    }
}

// Each input has an emulator and a runtime of its own, so that it does the same whatever came before.
fuzz_target!(|data: &[u8]| {
    let Some(request) = oss_fuzz::request(data).filter(|request| !is_admin(request)) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime
        .block_on(async { tokio::time::timeout(PATIENCE, ask(request.map(Body::from))).await })
        .expect("an answer in time");
});
