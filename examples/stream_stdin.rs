//! Uploads what comes through a pipe, of which nobody knows the length.
//!
//! ```text
//! tar c src | cargo run --example stream_stdin -- backup/src.tar
//! ```
//!
//! Input that ends within one part goes with one PUT. Longer input goes in parts, four at once, each kept in memory until
//! OSS has it; if OSS is slower than the pipe, the pipe waits. There is no checkpoint, since a pipe cannot be read again:
//! if the upload fails, its parts are removed.
//!
//! Without further settings OSS runs in this process. With `OSS_ENDPOINT`, `OSS_REGION`, `OSS_BUCKET`,
//! `OSS_ACCESS_KEY_ID` and `OSS_ACCESS_KEY_SECRET` set it is that bucket. If nothing is piped in, the example makes up
//! 20 MiB.
//!
//! The exit status is 0 only if OSS has exactly the bytes that came through the pipe.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::io::IsTerminal as _;
use std::pin::Pin;
use std::process::ExitCode;

use examples::{Failure, Place, finish, or_unknown};
use oss::upload::StreamSource;
use tokio::io::{AsyncRead, AsyncReadExt as _};

#[tokio::main]
async fn main() -> ExitCode {
    finish(run().await)
}

async fn run() -> Result<(), Failure> {
    let key = std::env::args().nth(1).unwrap_or_else(|| "files/stdin".to_owned());
    let place = Place::from_env().await?;
    let bucket = place.client().build()?.bucket(place.bucket.as_str())?;
    let input: Pin<Box<dyn AsyncRead + Send>> = if std::io::stdin().is_terminal() {
        println!("standard input is a terminal; uploading 20 MiB of made-up bytes instead");
        Box::pin(tokio::io::repeat(b'x').take(20 * PART))
    } else {
        Box::pin(tokio::io::stdin())
    };

    println!("uploading to {}/{key} at {}", place.bucket, place.endpoint);
    let source = StreamSource::from_reader(input, None);
    // The default is 8 MiB; smaller ones show more of what happens.
    let uploaded = bucket.resumable_upload(&key, source).part_size(PART).await?;
    let (object, report) = (&uploaded.object, &uploaded.report);
    println!("stored    {} bytes, CRC-64 {}", object.size, or_unknown(object.crc64));
    println!("sent      {} parts with {} requests", report.parts_sent, report.requests);

    let head = bucket.head_object(&key).await?.object;
    if head.size != object.size || head.crc64 != object.crc64 {
        return Err("OSS has another object than the one that was sent".into());
    }
    println!("confirmed OSS has it");
    place.close().await;
    Ok(())
}

const PART: u64 = 1024 * 1024;
