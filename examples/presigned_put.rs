//! Signs a PUT with its callback on one side, and sends it from another that has no key: with `PresignedUploader`, and,
//! if you like, with curl.
//!
//! ```text
//! cargo run --example presigned_put -- FILE           sign, send, show all three sides
//! cargo run --example presigned_put -- FILE --curl    then keep OSS running, so that the curl line can be tried
//! ```
//!
//! Without further settings OSS and the application server run in this process. With `OSS_ENDPOINT`, `OSS_REGION`,
//! `OSS_BUCKET`, `OSS_ACCESS_KEY_ID`, `OSS_ACCESS_KEY_SECRET` and `OSS_CALLBACK_URL` set, the URL is for that bucket, and
//! the application server is the one behind `OSS_CALLBACK_URL`.
//!
//! The exit status is 0 only if every step did what it says.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use examples::{Failure, Place, finish, needed};
use oss::callback::{Reply, ReplyError, VerifiedCallback, Verifier};
use oss::{Bucket, Callback, CallbackOutcome, Error, ObjectOptions, PresignedPut};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let file = arguments.next().map_or_else(|| PathBuf::from("README.md"), PathBuf::from);
    let wait_for_curl = arguments.next().is_some_and(|argument| argument == "--curl");
    finish(run(&file, wait_for_curl).await)
}

async fn run(file: &Path, wait_for_curl: bool) -> Result<(), Failure> {
    let place = Place::from_env().await?;
    println!("OSS at {}, bucket {}", place.endpoint, place.bucket);
    let callback_url = match &place.emulator {
        Some(emulator) => {
            let verifier = Verifier::trusting_none();
            serve(verifier.trust(emulator.callback_key_url(), emulator.callback_public_key_pem())?).await?
        }
        None => needed("OSS_CALLBACK_URL")?,
    };
    let callback = Callback::builder(&callback_url)
        .query("user", "presigned")
        .body("bucket=${bucket}&object=${object}&size=${size}")
        .allow_private_addresses(place.is_local())
        .build()?;

    // The side with the key. What it hands out is the URL and the headers, nothing else.
    let bucket = place.client().build()?.bucket(place.bucket.as_str())?;
    let signed = sign(&bucket, "files/presigned", callback.clone()).await?;
    println!("\nsigned      {signed:?}");
    let url = signed.url().to_string();

    // The other side.
    send(&bucket, file, &url).await?;
    refuse(file, &url).await?;

    let for_curl = sign(&bucket, "files/presigned-by-curl", callback).await?;
    println!("\nThe same with curl:\n{}", curl(file, &for_curl));
    if wait_for_curl {
        println!("Try it in another terminal, then press Enter here.");
        tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0])).await??;
        let head = bucket.head_object("files/presigned-by-curl").await?;
        println!("stored      {} bytes by curl", head.object.size);
    }
    place.close().await;
    Ok(())
}

async fn sign(bucket: &Bucket, key: &str, callback: Callback) -> Result<PresignedPut, Error> {
    bucket
        .presign_put(key)
        .options(ObjectOptions::new().content_type(CONTENT_TYPE))
        .callback(callback)
        .expires_in(Duration::from_secs(600))
        .await
}

/// Uploads with the URL alone.
async fn send(bucket: &Bucket, file: &Path, url: &str) -> Result<(), Failure> {
    let put = PresignedPut::from_url(url)?.with_header("content-type", CONTENT_TYPE)?;
    let uploaded = match oss::presigned_uploader()?.put(put, file).await {
        Ok(uploaded) => uploaded,
        Err(Error::CallbackFailed(failed)) => return Err(format!("stored, but {}", failed.failure).into()),
        Err(error) => return Err(error.into()),
    };
    println!("stored      {} bytes at {}", uploaded.object.size, uploaded.object.location);
    let CallbackOutcome::Answered(answer) = &uploaded.callback else {
        return Err(format!("no answer of the application server: {:?}", uploaded.callback).into());
    };
    println!("answer      {}", String::from_utf8_lossy(&answer.body));
    let head = bucket.head_object("files/presigned").await?;
    if head.object.crc64 != uploaded.object.crc64 || head.content_type.as_deref() != Some(CONTENT_TYPE) {
        return Err("OSS holds another object than the one that was sent".into());
    }
    println!("confirmed   OSS has it, as {CONTENT_TYPE}");
    Ok(())
}

/// The content type is signed, so the URL does not work with another.
async fn refuse(file: &Path, url: &str) -> Result<(), Failure> {
    let put = PresignedPut::from_url(url)?.with_header("content-type", "text/html")?;
    match oss::presigned_uploader()?.put(put, file).await {
        Err(Error::Server(refusal)) if refusal.code() == "SignatureDoesNotMatch" => {
            println!("refused     as text/html: {} {}", refusal.status().as_u16(), refusal.code());
            Ok(())
        }
        Err(error) => Err(error.into()),
        Ok(_) => Err("another content type was to be refused and was not".into()),
    }
}

/// What to type in a shell. The URL has no quotes in it.
fn curl(file: &Path, put: &PresignedPut) -> String {
    let headers =
        put.headers().iter().map(|(name, value)| format!("-H '{name}: {}' ", text(value.as_bytes())));
    format!("curl -i -T '{}' {}'{}'", file.display(), headers.collect::<String>(), put.url())
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[derive(Debug, Deserialize, Serialize)]
struct Upload {
    bucket: String,
    object: String,
    size: u64,
}

/// The application server; gives the URL of its callback.
async fn serve(verifier: Verifier) -> Result<String, Failure> {
    let verifier = Arc::new(verifier.expect_target("/callback?user=presigned")?);
    let app = Router::new().route("/callback", post(on_upload)).with_state(verifier);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async { axum::serve(listener, app).await });
    Ok(format!("http://{address}/callback"))
}

async fn on_upload(VerifiedCallback { payload, .. }: VerifiedCallback<Upload>) -> Result<Reply, ReplyError> {
    println!("callback    verified: {payload:?}");
    Reply::json(&serde_json::json!({ "Status": "OK", "stored": payload.object }))
}

const CONTENT_TYPE: &str = "text/plain";
