//! What `put_object` costs beside a bare `reqwest::Client` that sends the same bytes.
//!
//! ```text
//! cargo bench -p oss-upload --bench put
//! ```
//!
//! Ours signs each request (V4), reads the file off the async threads, computes CRC-64, watches its time limits and reads
//! the answer; the bare client has the same reads and none of the rest. `curl -T`, where there is one, shows what a
//! program in C does. The two take turns; medians are shown, and of the ratio the median of the turns.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a bench ends by panicking, and its parts are private"
)]

mod bed;

use std::future::Future;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use bytes::Bytes;

use bed::{Cost, FileTable, Pairs, Sink, median, of_bare};

const LARGE: u64 = 1 << 30;
const SMALL: usize = 4096;

fn main() {
    let Some(real) = bed::play(run_client) else { return };
    let sink = Sink::start();
    let (size, turns) = if real { (LARGE, 41) } else { (1 << 20, 1) };
    large(&sink.url, size, turns);
    small(&sink.url, if real { 60_000 } else { 600 }, if real { 11 } else { 1 });
}

async fn run_client(arguments: Vec<String>) {
    let [kind, url, what, concurrency] = &arguments[..] else { panic!("{arguments:?}") };
    match kind.as_str() {
        "file-ours" => put_file_ours(url, Path::new(what)).await,
        "file-bare" => put_file_bare(url, Path::new(what)).await,
        "small-ours" => put_small_ours(url, what.parse().unwrap(), concurrency.parse().unwrap()).await,
        "small-bare" => put_small_bare(url, what.parse().unwrap(), concurrency.parse().unwrap()).await,
        other => panic!("no client {other}"),
    }
}

/// One file in one PUT.
fn large(url: &str, size: u64, turns: usize) {
    let file = bed::sparse_file(size);
    let path = file.path().to_str().unwrap();
    let pairs = Pairs::run(turns, &["file-bare", url, path, "1"], &["file-ours", url, path, "1"]);
    let curl: Vec<Cost> = (0..turns).map_while(|_| curl_upload(url, path)).collect();
    let table = FileTable::begin(&format!("a file of {size} bytes in one PUT"), size, &pairs.bare);
    table.row("put_object", &pairs.ours);
    if !curl.is_empty() {
        table.row("curl -T, with the start of the program", &curl);
    }
}

/// Many small objects.
fn small(url: &str, count: usize, turns: usize) {
    println!("\n| PUTs of 4 KiB | bare /s | put_object /s | of bare | bare CPU µs | CPU µs |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for concurrency in [1, 32, 256] {
        let count = if concurrency == 1 { count / 6 } else { count } / concurrency * concurrency;
        let (number, at_once) = (count.to_string(), concurrency.to_string());
        let (bare, ours) = (["small-bare", url, &number, &at_once], ["small-ours", url, &number, &at_once]);
        let pairs = Pairs::run(turns, &bare, &ours);
        let (bare, ours) = (median(&pairs.bare), median(&pairs.ours));
        let rate = |cost: Cost| count as f64 / cost.wall.as_secs_f64();
        let each = |cost: Cost| cost.cpu.as_secs_f64() * 1e6 / count as f64;
        println!(
            "| {concurrency} at a time | {:.0} | {:.0} | {:.2} | {:.1} | {:.1} |",
            rate(bare),
            rate(ours),
            of_bare(&pairs.bare, &pairs.ours),
            each(bare),
            each(ours)
        );
    }
}

async fn put_file_ours(url: &str, path: &Path) {
    let uploader = bed::uploader(url).build().unwrap();
    bed::report(async { uploader.put_object(bed::bucket(), "key", path).await.map(drop).unwrap() }).await;
}

async fn put_file_bare(url: &str, path: &Path) {
    use oss_upload::Source as _;
    let client = bed::bare_client();
    bed::report(async {
        let source = oss_upload::FileSource::open(path).await.unwrap();
        let size = source.length().unwrap();
        let body = reqwest::Body::wrap(source.open(0..size).await.unwrap());
        let put = client.put(format!("{url}/examplebucket/key")).header("content-length", size).body(body);
        finish(put.send().await.unwrap()).await;
    })
    .await;
}

async fn put_small_ours(url: &str, count: usize, concurrency: usize) {
    let uploader = bed::uploader(url).build().unwrap();
    let content = Bytes::from(vec![0x5a; SMALL]);
    let put = move || {
        let (uploader, content) = (uploader.clone(), content.clone());
        async move { uploader.put_object(bed::bucket(), "key", content).await.map(drop).unwrap() }
    };
    bed::report(spread(concurrency, count, put)).await;
}

async fn put_small_bare(url: &str, count: usize, concurrency: usize) {
    let (client, url) = (bed::bare_client(), format!("{url}/examplebucket/key"));
    let content = Bytes::from(vec![0x5a; SMALL]);
    let put = move || {
        let put = client.put(&url).body(content.clone());
        async move { finish(put.send().await.unwrap()).await }
    };
    bed::report(spread(concurrency, count, put)).await;
}

async fn finish(response: reqwest::Response) {
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap();
}

/// Does `count` pieces of work on `concurrency` tasks.
async fn spread<F, Fut>(concurrency: usize, count: usize, work: F)
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let tasks: Vec<_> = (0..concurrency)
        .map(|_| {
            let work = work.clone();
            tokio::spawn(async move {
                for _ in 0..count / concurrency {
                    work().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// `None` where there is no curl.
fn curl_upload(url: &str, path: &str) -> Option<Cost> {
    let start = Instant::now();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--noproxy", "*", "--upload-file", path]);
    let status = curl.arg(format!("{url}/examplebucket/key")).stdout(Stdio::null()).status().ok()?;
    status.success().then(|| Cost { wall: start.elapsed(), cpu: Default::default(), peak: 0 })
}
