//! A request from a stranger to the emulator, in process.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use oss_emulator::{Acl, Emulator};
use oss_transport::{Body, Transport};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
});

/// Everybody may write to its bucket, so that code behind the signature is reached too.
static EMULATOR: LazyLock<(Emulator, Arc<dyn Transport>)> = LazyLock::new(|| {
    let builder = Emulator::builder().bucket_with_acl("open", Acl::PublicReadWrite).bucket("closed").sink();
    let emulator = RUNTIME.block_on(builder.journal_capacity(8).start()).expect("an emulator");
    let transport: Arc<dyn Transport> = Arc::new(emulator.transport());
    (emulator, transport)
});

fuzz_target!(|data: &[u8]| {
    let Some(request) = oss_fuzz::request(data) else { return };
    let (_, transport) = &*EMULATOR;
    RUNTIME.block_on(async {
        if let Ok(response) = transport.send(request.map(Body::from)).await {
            let _ = response.into_body().read_to_end(1 << 20).await;
        }
    });
});
