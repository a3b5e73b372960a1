//! A server, or somebody in its place, that answers every request of an upload with the same bytes.
#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use oss_signing::{Credentials, Endpoint};
use oss_transport::{Body, Request, transport_fn};
use oss_upload::{MemoryCheckpoints, NoRetry, Uploader};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
});

const CONTENT: Bytes = Bytes::from_static(&[7; 300 << 10]);

fuzz_target!(|data: &[u8]| {
    let Some(answer) = oss_fuzz::response(data) else { return };
    let transport = transport_fn(move |request: Request| {
        let answer = answer.clone();
        async move {
            request.into_body().read_to_end(1 << 20).await?;
            Ok(answer.map(Body::from))
        }
    });
    let endpoint: Endpoint = "https://oss-cn-hangzhou.aliyuncs.com".parse().expect("an endpoint");
    let credentials = Arc::new(Credentials::new("id", "secret"));
    let uploader = Uploader::builder(endpoint, Arc::new(transport), credentials)
        .retry(Arc::new(NoRetry))
        .checkpoints(Arc::new(MemoryCheckpoints::new()))
        .build()
        .expect("an uploader");
    let bucket = || "examplebucket".parse().expect("a bucket's name");
    RUNTIME.block_on(async {
        let _ = uploader.put_object(bucket(), "key", CONTENT).await;
        // The second finds the checkpoint of the first, where it left one, and lists parts.
        for _ in 0..2 {
            let upload = uploader.resumable_upload(bucket(), "key", CONTENT);
            let _ = upload.part_size(100 << 10).single_put_limit(0).await;
        }
    });
});
