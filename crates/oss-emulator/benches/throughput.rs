//! How fast uploads go in, beside a bare hyper server that throws the bodies away.
//!
//! Client and server share the machine and the runtime in every row, so only the differences between rows say
//! something about the emulator. The promise: the sink store takes at least 0.7 times what the bare server takes.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails has nothing to report")]
#![allow(clippy::disallowed_methods, reason = "a client signs with the time of day")]

use std::time::SystemTime;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use oss_emulator::Emulator;
use oss_signing::{Credentials, Resource, Signer, V4Signer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

const BUCKET: &str = "examplebucket";
const PUT: usize = 64 << 20;
const PART: usize = 8 << 20;
const PARTS: usize = 8;
const SMALL: usize = 4096;
const SMALL_PUTS: usize = 200;
const CONNECTIONS: usize = 4;

fn main() {
    divan::main();
}

/// What takes the uploads.
#[derive(Clone, Copy, Debug)]
enum Server {
    BareHyper,
    Sink,
    Memory,
    Disk,
}

const SERVERS: [Server; 4] = [Server::BareHyper, Server::Sink, Server::Memory, Server::Disk];

/// A server with open connections to it.
struct Bed {
    runtime: Runtime,
    address: String,
    connections: Vec<SendRequest<Full<Bytes>>>,
    emulator: Option<Emulator>,
    _folder: tempfile::TempDir,
}

impl Bed {
    fn new(server: Server) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let builder = Emulator::builder().bucket(BUCKET).journal_capacity(1000);
        let (address, emulator, connections) = runtime.block_on(async {
            let emulator = match server {
                Server::BareHyper => None,
                Server::Sink => Some(builder.sink()),
                Server::Memory => Some(builder),
                Server::Disk => Some(builder.data_dir(folder.path())),
            };
            let emulator = match emulator {
                Some(builder) => Some(builder.start().await.unwrap()),
                None => None,
            };
            let address = match &emulator {
                Some(emulator) => emulator.endpoint().strip_prefix("http://").unwrap().to_owned(),
                None => bare_hyper().await,
            };
            let mut connections = Vec::new();
            for _ in 0..CONNECTIONS {
                let stream = TcpStream::connect(&address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (sender, connection) =
                    hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
                tokio::spawn(connection);
                connections.push(sender);
            }
            (address, emulator, connections)
        });
        Self { runtime, address, connections, emulator, _folder: folder }
    }

    fn request(&self, method: &str, key: &str, query: &str, body: Bytes) -> Request<Full<Bytes>> {
        let (mut parts, body) = Request::builder()
            .method(method)
            .uri(format!("/{BUCKET}/{key}{query}"))
            .header("host", &self.address)
            .header("content-length", body.len())
            .body(Full::new(body))
            .unwrap()
            .into_parts();
        V4Signer::new("cn-hangzhou".parse().unwrap())
            .sign(
                &mut parts,
                Resource::object(BUCKET, key),
                &Credentials::new("test-id", "test-secret"),
                SystemTime::now(),
            )
            .unwrap();
        Request::from_parts(parts, body)
    }

    /// Sends the requests over all connections at once, each connection one after the other.
    fn send_all(&mut self, requests: Vec<Request<Full<Bytes>>>) {
        let mut queues: Vec<Vec<_>> = (0..CONNECTIONS).map(|_| Vec::new()).collect();
        for (index, request) in requests.into_iter().enumerate() {
            queues[index % CONNECTIONS].push(request);
        }
        self.runtime.block_on(async {
            let tasks: Vec<_> = std::mem::take(&mut self.connections)
                .into_iter()
                .zip(queues)
                .map(|(mut sender, queue)| {
                    tokio::spawn(async move {
                        for request in queue {
                            send(&mut sender, request).await;
                        }
                        sender
                    })
                })
                .collect();
            for task in tasks {
                self.connections.push(task.await.unwrap());
            }
        });
    }

    fn initiate(&mut self) -> String {
        let request = self.request("POST", "big", "?uploads", Bytes::new());
        let Self { runtime, connections, .. } = self;
        let answer = runtime.block_on(send(&mut connections[0], request));
        let text = std::str::from_utf8(&answer).unwrap();
        let (_, rest) = text.split_once("<UploadId>").unwrap_or(("", "0</UploadId>"));
        rest.split_once('<').unwrap().0.to_owned()
    }
}

async fn send(sender: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> Bytes {
    sender.ready().await.unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert!(response.status().is_success(), "{response:?}");
    response.into_body().collect().await.unwrap().to_bytes()
}

async fn bare_hyper() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let service = service_fn(|request: Request<Incoming>| async move {
                let mut body = request.into_body();
                while let Some(frame) = body.frame().await {
                    frame?;
                }
                Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::new())))
            });
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    address
}

#[divan::bench(args = SERVERS, sample_count = 20, sample_size = 1)]
fn put_64_mib(bencher: Bencher<'_, '_>, server: Server) {
    let mut bed = Bed::new(server);
    let body = Bytes::from(vec![7; PUT]);
    bencher.counter(BytesCount::new(PUT)).bench_local(|| {
        let request = bed.request("PUT", "big", "", body.clone());
        bed.send_all(vec![request]);
    });
}

#[divan::bench(args = SERVERS, sample_count = 20, sample_size = 1)]
fn eight_parts_of_8_mib_at_once(bencher: Bencher<'_, '_>, server: Server) {
    let mut bed = Bed::new(server);
    let body = Bytes::from(vec![7; PART]);
    let id = bed.initiate();
    bencher.counter(BytesCount::new(PART * PARTS)).bench_local(|| {
        let requests = (1..=PARTS)
            .map(|number| {
                bed.request("PUT", "big", &format!("?partNumber={number}&uploadId={id}"), body.clone())
            })
            .collect();
        bed.send_all(requests);
    });
    drop(bed.emulator.take());
}

#[divan::bench(args = SERVERS, sample_count = 20, sample_size = 1)]
fn puts_of_4_kib(bencher: Bencher<'_, '_>, server: Server) {
    let mut bed = Bed::new(server);
    let body = Bytes::from(vec![7; SMALL]);
    bencher.counter(ItemsCount::new(SMALL_PUTS)).bench_local(|| {
        let requests = (0..SMALL_PUTS)
            .map(|number| bed.request("PUT", &format!("k{number}"), "", body.clone()))
            .collect();
        bed.send_all(requests);
    });
}
