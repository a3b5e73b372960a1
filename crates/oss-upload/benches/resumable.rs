//! What `resumable_upload` costs beside a bare `reqwest::Client` that sends the same parts, four at a time.
//!
//! ```text
//! cargo bench -p oss-upload --bench resumable
//! ```
//!
//! Ours keeps a checkpoint on the disk, signs, computes CRC-64, lists, initiates and completes; the bare client has the
//! same reads and none of the rest. The two take turns; medians are shown, and of the ratio the median
//! of the turns.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a bench ends by panicking, and its parts are private"
)]

mod bed;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use oss_upload::{FileCheckpoints, FileSource, Source as _};

use bed::{FileTable, Pairs, Sink};

const SIZE: u64 = 4 << 30;
const PART: u64 = 8 << 20;
const AT_ONCE: NonZeroUsize = NonZeroUsize::new(4).unwrap();

fn main() {
    let Some(real) = bed::play(run_client) else { return };
    let (size, turns) = if real { (SIZE, 15) } else { (3 * PART, 1) };
    let (sink, file) = (Sink::start(), bed::sparse_file(size));
    let path = file.path().to_str().unwrap();
    let pairs = Pairs::run(turns, &["bare", &sink.url, path], &["ours", &sink.url, path]);
    let what = format!("a file of {size} bytes in parts of {PART}, {AT_ONCE} at once");
    FileTable::begin(&what, size, &pairs.bare).row("resumable_upload", &pairs.ours);
}

async fn run_client(arguments: Vec<String>) {
    let [kind, url, path] = &arguments[..] else { panic!("{arguments:?}") };
    match kind.as_str() {
        "ours" => upload_ours(url, Path::new(path)).await,
        "bare" => upload_bare(url, Path::new(path)).await,
        other => panic!("no client {other}"),
    }
}

async fn upload_ours(url: &str, path: &Path) {
    let directory = tempfile::tempdir().unwrap();
    let checkpoints = Arc::new(FileCheckpoints::new(directory.path()));
    let uploader = bed::uploader(url).checkpoints(checkpoints).build().unwrap();
    bed::report(async {
        let upload = uploader.resumable_upload(bed::bucket(), "key", path);
        upload.part_size(PART).concurrency(AT_ONCE).await.map(drop).unwrap();
    })
    .await;
}

async fn upload_bare(url: &str, path: &Path) {
    let client = bed::bare_client();
    bed::report(async {
        let source = FileSource::open(path).await.unwrap();
        let size = source.length().unwrap();
        let part = |number: u64| {
            let (client, source) = (&client, &source);
            let range = number * PART..size.min((number + 1) * PART);
            async move {
                let length = range.end - range.start;
                let body = reqwest::Body::wrap(source.open(range).await.unwrap());
                let put = client.put(format!("{url}/examplebucket/key?partNumber={number}&uploadId=1"));
                let response = put.header("content-length", length).body(body).send().await.unwrap();
                assert_eq!(response.status(), 200);
                response.bytes().await.unwrap();
            }
        };
        stream::iter(0..size.div_ceil(PART))
            .map(part)
            .buffer_unordered(AT_ONCE.get())
            .collect::<Vec<_>>()
            .await;
    })
    .await;
}
