//! Uploads a file with `put_object` and again with `resumable_upload`, each with a callback, and shows all three sides:
//! what OSS stored, what the application server was told and could verify, and what the uploader got as an answer. Then
//! it uploads once more to an application server that fails, and shows that the object is stored all the same.
//!
//! ```text
//! cargo run --release --example upload_with_callback -- FILE
//! ```
//!
//! Without further settings everything runs in this process: an emulated OSS and an application server. With
//! `OSS_ENDPOINT`, `OSS_REGION`, `OSS_BUCKET`, `OSS_CALLBACK_URL`, `OSS_ACCESS_KEY_ID` and `OSS_ACCESS_KEY_SECRET` set it
//! uploads to that bucket. If `OSS_CALLBACK_LISTEN` (an address and port) is set too, this process is the application
//! server behind `OSS_CALLBACK_URL` and shows what it was told; otherwise that server is somebody else's. A temporary key
//! has its token in `OSS_SESSION_TOKEN`.
//!
//! The exit status is 0 only if every step did what it says.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::routing::post;
use examples::{Failure, Place, finish, needed, or_unknown, variable};
use oss::callback::{Reply, ReplyError, VerifiedCallback, Verifier};
use oss::{Bucket, Callback, CallbackOutcome, Error, Uploaded};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

#[tokio::main]
async fn main() -> ExitCode {
    let file = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("README.md"), PathBuf::from);
    finish(run(&file).await)
}

async fn run(file: &Path) -> Result<(), Failure> {
    let mut scene = Scene::open().await?;
    let name = file.file_name().ok_or("FILE names no file")?.to_string_lossy().into_owned();

    println!("\nput_object {}/files/{name}", scene.bucket.name());
    let callback = scene.callback(&scene.callback_url, "put_object")?;
    let uploaded = scene.bucket.put_object(format!("files/{name}"), file).callback(callback).await?;
    scene.show(&uploaded).await?;

    println!("\nresumable_upload {}/files/{name}.resumable", scene.bucket.name());
    let callback = scene.callback(&scene.callback_url, "resumable_upload")?;
    let upload = scene.bucket.resumable_upload(format!("files/{name}.resumable"), file).callback(callback);
    let uploaded = upload.await?;
    scene.show(&uploaded).await?;

    println!("\nput_object {}/files/{name}.failing, whose application server fails", scene.bucket.name());
    let callback = scene.callback(&scene.failing_url, "failing")?;
    match scene.bucket.put_object(format!("files/{name}.failing"), file).callback(callback).await {
        Err(Error::CallbackFailed(failed)) => {
            println!("  error       {}", failed.failure);
            println!("  stored      {}", facts(&failed.uploaded));
            let head = scene.bucket.head_object(format!("files/{name}.failing")).await?;
            if head.object.crc64 != failed.object().crc64 || head.object.size != failed.object().size {
                return Err("OSS does not have the object the error speaks of".into());
            }
            println!("  confirmed   OSS has the object, {} bytes", head.object.size);
        }
        Err(error) => return Err(error.into()),
        Ok(_) => return Err("the callback was to fail and did not".into()),
    }
    scene.place.close().await;
    Ok(())
}

/// What the application server is told, as the callback's body template has it.
#[derive(Debug, Deserialize, Serialize)]
struct Upload {
    bucket: String,
    object: String,
    etag: String,
    size: u64,
    crc64: u64,
    operation: String,
}

const BODY: &str =
    "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}&crc64=${crc64}&operation=${operation}";

/// What the application server in this process was told.
type Told = mpsc::UnboundedReceiver<Upload>;

/// An OSS, an application server, and the way from one to the other.
struct Scene {
    bucket: Bucket,
    callback_url: String,
    failing_url: String,
    /// `None` if the application server is elsewhere.
    told: Option<Told>,
    place: Place,
}

impl Scene {
    async fn open() -> Result<Self, Failure> {
        let place = Place::from_env().await?;
        println!("OSS at {}", place.endpoint);
        let (callback_url, failing_url, told) = match &place.emulator {
            Some(emulator) => {
                let verifier = Verifier::trusting_none()
                    .trust(emulator.callback_key_url(), emulator.callback_public_key_pem())?;
                let (address, told) = serve(([127, 0, 0, 1], 0).into(), verifier, "/callback").await?;
                println!("application server at http://{address}");
                (format!("http://{address}/callback"), format!("http://{address}/fail"), Some(told))
            }
            None => Self::behind(needed("OSS_CALLBACK_URL")?).await?,
        };
        let bucket = place.client().build()?.bucket(place.bucket.as_str())?;
        Ok(Self { bucket, callback_url, failing_url, told, place })
    }

    /// The application server that a real OSS is to call: in this process if `OSS_CALLBACK_LISTEN` says where.
    async fn behind(callback_url: String) -> Result<(String, String, Option<Told>), Failure> {
        let url: axum::http::Uri = callback_url.parse()?;
        let host = url.host().ok_or("OSS_CALLBACK_URL has no host")?;
        let Some(address) = variable("OSS_CALLBACK_LISTEN") else {
            // Nobody listens on the discard port, so OSS cannot deliver.
            let failing_url = format!("http://{host}:9/");
            return Ok((callback_url, failing_url, None));
        };
        let (_, told) = serve(address.parse()?, Verifier::official(), url.path()).await?;
        // Without a path the URL does not end in the "/" that is then its path.
        let origin = callback_url.strip_suffix(url.path()).unwrap_or(&callback_url);
        let failing_url = format!("{origin}/fail");
        Ok((callback_url, failing_url, Some(told)))
    }

    fn callback(&self, url: &str, user: &str) -> Result<Callback, Failure> {
        let builder = Callback::builder(url).query("user", user).body(BODY);
        Ok(builder.allow_private_addresses(self.place.is_local()).build()?)
    }

    async fn show(&mut self, uploaded: &Uploaded) -> Result<(), Failure> {
        println!("  stored      {}", facts(uploaded));
        match &mut self.told {
            None => println!("  callback    went to the application server at {}", self.callback_url),
            Some(told) => {
                let told = timeout(Duration::from_secs(5), told.recv()).await?.ok_or("no callback came")?;
                println!("  callback    verified: {}", serde_json::to_string(&told)?);
                if told.size != uploaded.object.size || Some(told.crc64) != uploaded.object.crc64 {
                    return Err("the callback speaks of another object".into());
                }
            }
        }
        let CallbackOutcome::Answered(answer) = &uploaded.callback else {
            return Err(format!("no answer of the application server: {:?}", uploaded.callback).into());
        };
        let content_type = answer.content_type.as_deref().unwrap_or("no content type");
        println!("  answer      {} ({content_type})", String::from_utf8_lossy(&answer.body));
        Ok(())
    }
}

fn facts(uploaded: &Uploaded) -> String {
    let object = &uploaded.object;
    let (etag, crc64) = (or_unknown(object.etag.as_deref()), or_unknown(object.crc64));
    let how = match uploaded.report.parts_sent + uploaded.report.parts_resumed {
        0 => "one PUT".to_owned(),
        parts => format!("{parts} parts"),
    };
    format!("{} bytes by {how}, ETag {etag}, CRC-64 {crc64}", object.size)
}

/// The application server: three lines of handler, and one that fails.
async fn serve(address: SocketAddr, verifier: Verifier, path: &str) -> Result<(SocketAddr, Told), Failure> {
    let (tell, told) = mpsc::unbounded_channel();
    let verifier = Arc::new(verifier.expect_path(path)?);
    let app = Router::new()
        .route(path, post(on_upload))
        .route("/fail", post(async || StatusCode::INTERNAL_SERVER_ERROR))
        .with_state(App { verifier, tell });
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async { axum::serve(listener, app).await });
    Ok((address, told))
}

#[derive(Clone)]
struct App {
    verifier: Arc<Verifier>,
    tell: mpsc::UnboundedSender<Upload>,
}

impl FromRef<App> for Arc<Verifier> {
    fn from_ref(app: &App) -> Self {
        Arc::clone(&app.verifier)
    }
}

async fn on_upload(
    State(app): State<App>,
    VerifiedCallback { payload, .. }: VerifiedCallback<Upload>,
) -> Result<Reply, ReplyError> {
    let reply = Reply::json(&serde_json::json!({ "Status": "OK", "stored": payload.object }));
    // The receiver is only gone when the program ends.
    let _ = app.tell.send(payload);
    reply
}
