//! Uploads a file in parts with a progress bar that tells resumed bytes apart. Kill it with `kill -9` in the middle and
//! start it again: it goes on where it was.
//!
//! ```text
//! cargo run --release --example resumable_with_progress -- FILE [--checkpoints DIRECTORY] [--limit BYTES_PER_SECOND]
//! ```
//!
//! Without further settings the OSS is an emulated one in this process that keeps its objects on disk, so that it is
//! there again after the kill. With `OSS_ENDPOINT`, `OSS_REGION`, `OSS_BUCKET`, `OSS_ACCESS_KEY_ID` and
//! `OSS_ACCESS_KEY_SECRET` set (and `OSS_SESSION_TOKEN` if the key is a temporary one) it is that bucket: a real one, or
//! one of an emulator in another process.
//!
//! The checkpoints are in `--checkpoints`, by default in `target/resumable_with_progress` like the emulated OSS; the same
//! directory must be given to the run that goes on. `--limit` slows the upload down, to have time to kill it.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use examples::{Failure, Place, finish, or_unknown};
use indicatif::{ProgressBar, ProgressStyle};
use oss::upload::{Progress, Stage};
use oss::{CallbackOutcome, Uploaded};

#[tokio::main]
async fn main() -> ExitCode {
    finish(run().await)
}

async fn run() -> Result<(), Failure> {
    let arguments = Arguments::read()?;
    let place = Place::kept_in(&arguments.checkpoints, PORT).await?;
    let mut client = place.client();
    if let Some(limit) = arguments.limit {
        client = client.bandwidth_limit(limit);
    }
    let bucket = client.build()?.bucket(place.bucket.as_str())?;
    let name = arguments.file.file_name().ok_or("FILE names no file")?.to_string_lossy().into_owned();
    println!("process {}; kill -9 {0} and start the same command again", std::process::id());

    let bar = bar(std::fs::metadata(&arguments.file)?.len());
    let showing = bar.clone();
    let upload = bucket
        .resumable_upload(format!("files/{name}"), arguments.file.as_path())
        .part_size(1 << 20)
        .on_progress(move |progress| show(&showing, progress));
    let uploaded = upload.await?;
    bar.finish();
    report(&uploaded);
    place.close().await;
    Ok(())
}

fn bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    let template = "[{bar:40}] {bytes}/{total_bytes} {binary_bytes_per_sec} {msg}";
    // The template is checked by the compiler of nobody, so a mistake in it falls back to the plain bar.
    bar.set_style(
        ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> "),
    );
    bar
}

fn show(bar: &ProgressBar, progress: Progress) {
    if progress.resumed > 0 && bar.position() == 0 {
        bar.println(format!("resumed with {} bytes of an earlier run", progress.resumed));
        bar.set_position(progress.resumed);
        // Left out of the rate: these bytes took no time in this run.
        bar.reset_eta();
    }
    bar.set_position(progress.transferred);
    bar.set_message(match progress.stage {
        Stage::Completing => "putting the parts together",
        Stage::Stored => "stored",
        _ => "",
    });
}

fn report(uploaded: &Uploaded) {
    let report = &uploaded.report;
    println!(
        "stored   {} ({} bytes, CRC-64 {})",
        uploaded.object.location,
        uploaded.object.size,
        or_unknown(uploaded.object.crc64)
    );
    println!(
        "parts    {} sent, {} sent again, {} resumed",
        report.parts_sent, report.parts_resent, report.parts_resumed
    );
    println!("bytes    {} sent, {} saved by resuming", report.bytes_sent, report.bytes_resumed);
    if matches!(uploaded.callback, CallbackOutcome::Unknown) {
        println!("callback unknown: an earlier run completed the upload and died before it heard of it");
    }
    for restart in &report.restarts {
        println!("restart  {restart:?}");
    }
    for upload_id in &report.orphans {
        println!("orphan   {upload_id}");
    }
}

struct Arguments {
    file: PathBuf,
    checkpoints: PathBuf,
    limit: Option<NonZeroU64>,
}

impl Arguments {
    fn read() -> Result<Self, Failure> {
        let mut words = std::env::args().skip(1);
        let (mut file, mut limit) = (None, None);
        let mut checkpoints = Path::new("target").join("resumable_with_progress");
        while let Some(word) = words.next() {
            match word.as_str() {
                "--checkpoints" => {
                    checkpoints = words.next().ok_or("--checkpoints lacks its directory")?.into()
                }
                "--limit" => limit = Some(words.next().ok_or("--limit lacks its number")?.parse()?),
                _ => file = Some(PathBuf::from(word)),
            }
        }
        Ok(Self { file: file.ok_or("give the FILE to upload")?, checkpoints, limit })
    }
}

/// The same at each start, since a checkpoint belongs to an endpoint.
const PORT: u16 = 47_110;
