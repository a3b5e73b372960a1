//! What the wrapper costs: PUTs through `ReqwestTransport` beside the same PUTs through a bare `reqwest::Client`.
//!
//! ```text
//! cargo bench -p oss-transport --bench put [-- large|puts]
//! ```
//!
//! The sink is a bare hyper server in a process of its own, so that the processor time shown is the client's alone.
//! Both sides take turns, and the median of the turns is shown. Processor time is read from `/proc` (Linux only).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench ends by panicking"
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use oss_transport::{Body, ReqwestTransport, Transport};

const LARGE: u64 = 1 << 30;
const TURNS: usize = 9;
const PARTS: [&str; 2] = ["large", "puts"];

fn main() {
    let arguments = std::env::args().collect::<Vec<_>>();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if arguments.iter().any(|argument| argument == "--sink") {
        return runtime.block_on(sink::serve());
    }
    // `cargo test --benches` runs this without `--bench`: then it only has to work.
    let small = !arguments.iter().any(|argument| argument == "--bench");
    let sink = Sink::start();
    runtime.block_on(async {
        let wanted = |part: &str| {
            !arguments.iter().any(|argument| PARTS.contains(&argument.as_str()) && argument != part)
        };
        if wanted("large") {
            large(&sink.url, if small { 1 << 20 } else { LARGE }, if small { 1 } else { TURNS }).await;
        }
        if wanted("puts") {
            puts(&sink.url, if small { 1000 } else { 100_000 }, if small { 1 } else { TURNS }).await;
        }
    });
}

/// One body of `size` bytes in frames of several sizes.
async fn large(url: &str, size: u64, turns: usize) {
    println!(
        "| {size} bytes in one PUT | bare GB/s | wrapped GB/s | ratio | bare CPU s/GB | wrapped CPU s/GB |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    let (bare, wrapped) = (bare_client(), transport());
    for frame in [16 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20] {
        let piece = Bytes::from(vec![0x5a; frame]);
        let mut costs = (Vec::new(), Vec::new());
        for _ in 0..turns {
            costs.0.push(measure(async { put_bare(&bare, url, frames(&piece, size), size).await }).await);
            costs
                .1
                .push(measure(async { put_wrapped(&wrapped, url, frames(&piece, size), size).await }).await);
        }
        print_large(&format!("frames of {} KiB", frame >> 10), size, costs);
    }
    let whole = Bytes::from(vec![0x5a; usize::try_from(size / 4).unwrap()]);
    let mut costs = (Vec::new(), Vec::new());
    for _ in 0..turns {
        costs.0.push(
            measure(async {
                for _ in 0..4 {
                    check(bare.put(url).body(whole.clone()).send().await.unwrap().status());
                }
            })
            .await,
        );
        costs.1.push(
            measure(async {
                for _ in 0..4 {
                    let request = http::Request::put(url).body(Body::from(whole.clone())).unwrap();
                    check(wrapped.send(request).await.unwrap().status());
                }
            })
            .await,
        );
    }
    print_large("bytes in memory, 4 PUTs", size, costs);
}

/// Many PUTs of 4 KiB at several concurrencies.
async fn puts(url: &str, count: usize, turns: usize) {
    println!();
    println!("| {count} PUTs of 4 KiB | bare /s | wrapped /s | ratio | bare CPU µs | wrapped CPU µs |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let content = Bytes::from(vec![0x5a; 4096]);
    let (bare, wrapped) = (Arc::new(bare_client()), Arc::new(transport()));
    let url: Arc<str> = url.into();
    for concurrency in [1, 32, 256] {
        let count = if concurrency == 1 { count / 5 } else { count };
        let mut costs = (Vec::new(), Vec::new());
        for _ in 0..turns {
            let put = {
                let (bare, url, content) = (bare.clone(), url.clone(), content.clone());
                move || {
                    let (bare, url, content) = (bare.clone(), url.clone(), content.clone());
                    async move {
                        let response = bare.put(&*url).body(content).send().await.unwrap();
                        check(response.status());
                        response.bytes().await.unwrap();
                    }
                }
            };
            costs.0.push(measure(spread(concurrency, count, put)).await);
            let put = {
                let (wrapped, url, content) = (wrapped.clone(), url.clone(), content.clone());
                move || {
                    let (wrapped, url, content) = (wrapped.clone(), url.clone(), content.clone());
                    async move {
                        let request = http::Request::put(&*url).body(Body::from(content)).unwrap();
                        let response = wrapped.send(request).await.unwrap();
                        check(response.status());
                        response.into_body().read_to_end(1 << 20).await.unwrap();
                    }
                }
            };
            costs.1.push(measure(spread(concurrency, count, put)).await);
        }
        let (bare, wrapped) = (median(costs.0), median(costs.1));
        let rate = |cost: Cost| count as f64 / cost.wall.as_secs_f64();
        let each = |cost: Cost| cost.cpu.as_secs_f64() * 1e6 / count as f64;
        println!(
            "| {concurrency} at a time | {:.0} | {:.0} | {:.2} | {:.1} | {:.1} |",
            rate(bare),
            rate(wrapped),
            rate(wrapped) / rate(bare),
            each(bare),
            each(wrapped)
        );
    }
}

/// Does `count` pieces of work on `concurrency` tasks.
async fn spread<F, Fut>(concurrency: usize, count: usize, work: F)
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let tasks = (0..concurrency).map(|_| {
        let work = work.clone();
        tokio::spawn(async move {
            for _ in 0..count / concurrency {
                work().await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

fn frames(
    piece: &Bytes,
    size: u64,
) -> impl futures_core::Stream<Item = Result<Bytes, std::io::Error>> + Send + Sync + 'static {
    let count = size / piece.len() as u64;
    let piece = piece.clone();
    stream::iter((0..count).map(move |_| Ok(piece.clone())))
}

async fn put_bare(
    client: &reqwest::Client,
    url: &str,
    frames: impl futures_core::Stream<Item = Result<Bytes, std::io::Error>> + Send + Sync + 'static,
    size: u64,
) {
    use futures_util::TryStreamExt as _;

    let body = reqwest::Body::wrap(StreamBody::new(frames.map_ok(http_body::Frame::data)));
    check(client.put(url).header("content-length", size).body(body).send().await.unwrap().status());
}

async fn put_wrapped(
    transport: &ReqwestTransport,
    url: &str,
    frames: impl futures_core::Stream<Item = Result<Bytes, std::io::Error>> + Send + Sync + 'static,
    size: u64,
) {
    let request = http::Request::put(url).body(Body::from_stream(frames, Some(size))).unwrap();
    check(transport.send(request).await.unwrap().status());
}

fn check(status: http::StatusCode) {
    assert_eq!(status, 200);
}

fn transport() -> ReqwestTransport {
    ReqwestTransport::builder().system_proxy(false).build().unwrap()
}

fn bare_client() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().http1_only();
    #[cfg(feature = "rustls")]
    let client = client.tls_backend_preconfigured(
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth(),
    );
    client.build().unwrap()
}

#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

async fn measure(work: impl Future<Output = ()>) -> Cost {
    let (cpu, start) = (cpu_time(), Instant::now());
    work.await;
    Cost { wall: start.elapsed(), cpu: cpu_time().saturating_sub(cpu) }
}

/// The processor time of this process so far; zero where there is no `/proc`.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold spaces; user and system time are fields 14 and 15, in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by_key(|cost| cost.wall);
    let wall = costs[costs.len() / 2].wall;
    costs.sort_by_key(|cost| cost.cpu);
    Cost { wall, cpu: costs[costs.len() / 2].cpu }
}

fn print_large(name: &str, size: u64, (bare, wrapped): (Vec<Cost>, Vec<Cost>)) {
    let (bare, wrapped) = (median(bare), median(wrapped));
    let gigabytes = size as f64 / 1e9;
    let rate = |cost: Cost| gigabytes / cost.wall.as_secs_f64();
    let cpu = |cost: Cost| cost.cpu.as_secs_f64() / gigabytes;
    println!(
        "| {name} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
        rate(bare),
        rate(wrapped),
        rate(wrapped) / rate(bare),
        cpu(bare),
        cpu(wrapped)
    );
}

/// The sink's process; killed when dropped.
struct Sink {
    process: Child,
    url: String,
}

impl Sink {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg("--sink")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bench can start itself as the sink");
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { process, url: url.trim().to_owned() }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

mod sink {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Empty};
    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;

    /// Reads every body and answers 200.
    pub(super) async fn serve() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}/bucket/key", listener.local_addr().unwrap());
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            socket.set_nodelay(true).unwrap();
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service_fn(swallow)),
            );
        }
    }

    async fn swallow(
        mut request: http::Request<Incoming>,
    ) -> Result<http::Response<Empty<Bytes>>, Infallible> {
        while let Some(Ok(_frame)) = request.body_mut().frame().await {}
        Ok(http::Response::new(Empty::new()))
    }
}
