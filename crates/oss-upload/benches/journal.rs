//! What a checkpoint costs: the journal of 10,000 parts, the decision of a run that finds 9,999 of them done, and the
//! CRC-64 of the whole from those of the parts.
//!
//! Run with `cargo bench -p oss-upload --bench journal`. Each figure stands beside the limit it is to be compared with.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench stops where its set-up fails")]
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body::Body as _;
use oss_signing::{BucketName, Credentials, Region};
use oss_transport::{Body, Request, Transport, TransportError, transport_fn};
use oss_upload::{CheckpointId, CheckpointStore, Crc64Append, Durability, FileCheckpoints, Record, Uploader};

const PARTS: u16 = 10_000;
const PART: u64 = 100 * 1024;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    runtime.block_on(journal(directory.path()));
    runtime.block_on(resume(directory.path()));
    combine();
}

fn row(name: &str, value: impl std::fmt::Display) {
    println!("{name:<64}{value:>16}");
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// Appending a record for each part, beside writing the same bytes to a file one by one.
async fn journal(directory: &Path) {
    let place = directory.join("journal");
    let store = FileCheckpoints::new(&place);
    let id = CheckpointId::new("https://oss-cn-hangzhou.aliyuncs.com", "examplebucket", "key", "/source");
    let mut checkpoint = store.open(&id).await.unwrap();
    let orphan = Record::orphan("0004B999EF518A1FE585B0C9360DC4C8");
    checkpoint.append(&orphan, Durability::Synced).await.unwrap();
    let began = Instant::now();
    for number in 1..=PARTS {
        let etag = "\"3349DC700140D7F86A0784842780****\"";
        let record = Record::part(number, PART, etag, u64::from(number) << 50);
        checkpoint.append(&record, Durability::Buffered).await.unwrap();
    }
    let appended = began.elapsed();
    let mut path = std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path());
    let path = path.find(|path| path.extension().is_some_and(|e| e == "journal")).unwrap();
    let bytes = std::fs::read(&path).unwrap();

    let mut bare = File::create(directory.join("bare")).unwrap();
    let began = Instant::now();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        bare.write_all(line).unwrap();
    }
    let written = began.elapsed();
    row("journal of 10,000 parts, appended record by record", millis(appended));
    row("  the same bytes written to a file line by line", millis(written));
    row("  bytes", bytes.len());
}

/// From the start of a run to its first part, with 9,999 of 10,000 parts done.
async fn resume(directory: &Path) {
    let source = directory.join("source");
    // Sparse, so that the reading costs as little as it can.
    File::create(&source).unwrap().set_len(u64::from(PARTS) * PART).unwrap();
    let server = Arc::new(Server::default());
    let answering = Arc::clone(&server);
    let transport = transport_fn(move |request| answer(Arc::clone(&answering), request));
    let uploader = uploader(Arc::new(transport), directory);
    let bucket: BucketName = "examplebucket".parse().unwrap();
    let upload = || uploader.resumable_upload(bucket.clone(), "key", source.as_path()).part_size(PART);
    let began = Instant::now();
    upload().await.unwrap_err();
    row("run of 9,999 parts of 100 KiB into a transport that drains them", millis(began.elapsed()));

    server.state.lock().unwrap().first_part = None;
    let began = Instant::now();
    upload().await.unwrap_err();
    let first = server.state.lock().unwrap().first_part.unwrap();
    row("resume of 9,999 of 10,000: time to the first part", millis(first - began));
}

fn uploader(transport: Arc<dyn Transport>, directory: &Path) -> Uploader {
    let credentials = Arc::new(Credentials::new("id", "secret"));
    Uploader::builder("http://127.0.0.1:1".parse().unwrap(), transport, credentials)
        .region(Region::try_from("cn-hangzhou").unwrap())
        .checkpoints(Arc::new(FileCheckpoints::new(directory.join("checkpoints"))))
        .build()
        .unwrap()
}

/// An OSS without a network: it keeps the parts' facts, and refuses the last one.
#[derive(Debug, Default)]
struct Server {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    parts: std::collections::BTreeMap<u16, u64>,
    first_part: Option<Instant>,
}

async fn answer(server: Arc<Server>, request: Request) -> Result<Response<Body>, TransportError> {
    let (head, mut body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let value = |name: &str| {
        let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        pair.and_then(|value| value.parse::<u16>().ok())
    };
    let part = value("partNumber");
    if part.is_some() {
        server.state.lock().unwrap().first_part.get_or_insert_with(Instant::now);
    }
    let mut size = 0;
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        size += frame?.into_data().map_or(0, |data| data.len() as u64);
    }
    let response = Response::builder().header("x-oss-request-id", "0");
    let (status, text) = match (&head.method, part) {
        (&Method::PUT, Some(PARTS)) => {
            (StatusCode::FORBIDDEN, "<Error><Code>AccessDenied</Code></Error>".into())
        }
        (&Method::PUT, Some(number)) => {
            server.state.lock().unwrap().parts.insert(number, size);
            return Ok(response.header("ETag", etag(number)).body(Body::empty()).unwrap());
        }
        (&Method::POST, _) => (StatusCode::OK, "<R><UploadId>U</UploadId></R>".into()),
        _ => (StatusCode::OK, page(&server, value("part-number-marker").unwrap_or_default())),
    };
    Ok(response.status(status).body(Body::from(Bytes::from(text))).unwrap())
}

/// A page of ListParts.
fn page(server: &Server, after: u16) -> String {
    let state = server.state.lock().unwrap();
    let mut xml = String::from("<ListPartsResult>");
    let mut last = after;
    for (number, size) in state.parts.range(after + 1..).take(1000) {
        let etag = etag(*number);
        write!(
            xml,
            "<Part><PartNumber>{number}</PartNumber><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        )
        .unwrap();
        write!(xml, "<ETag>{etag}</ETag><HashCrc64ecma>1</HashCrc64ecma><Size>{size}</Size></Part>").unwrap();
        last = *number;
    }
    let more = state.parts.range(last + 1..).next().is_some();
    write!(xml, "<NextPartNumberMarker>{last}</NextPartNumberMarker><IsTruncated>{more}</IsTruncated>")
        .unwrap();
    xml + "</ListPartsResult>"
}

fn etag(number: u16) -> String {
    format!("\"{number:032X}\"")
}

/// The CRC-64 of 10,000 parts from theirs, beside the same with an operator that is built anew for each.
fn combine() {
    let began = Instant::now();
    let append = Crc64Append::new(8 << 20);
    let ours = (0..u64::from(PARTS)).fold(0, |crc, part| append.append(crc, part));
    let cached = began.elapsed();
    let began = Instant::now();
    let algorithm = crc_fast::CrcAlgorithm::Crc64Xz;
    let theirs =
        (0..u64::from(PARTS)).fold(0, |crc, part| crc_fast::checksum_combine(algorithm, crc, part, 8 << 20));
    let anew = began.elapsed();
    assert_eq!(ours, theirs);
    row("CRC-64 of 10,000 parts combined, operator built once", millis(cached));
    row("  crc-fast's own combine, operator built each time", millis(anew));
}
