//! An application server that takes callbacks and does all that one should: it verifies the signature, asks whether the
//! upload is its own, works once however often the callback comes, and answers so that OSS passes the answer on.
//!
//! ```text
//! cargo run --example callback_server
//! ```
//!
//! shows it with an emulated OSS in this process: an upload that is allowed, its callback replayed and altered by an
//! eavesdropper, and an upload with a token for another folder. The exit status is 0 only if all goes as it should.
//!
//! ```text
//! cargo run --example callback_server -- ADDRESS URL BUCKET
//! ```
//!
//! listens on ADDRESS until it is stopped, believes OSS alone, and prints two headers with which an upload to
//! `user/42/…` in BUCKET calls it under URL, which must be where OSS reaches ADDRESS.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRef, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Router, http};
use examples::{Failure, finish};
use oss::callback::{
    BodyTemplate, BodyType, CallbackRejection, Claim, Custom, Freshness, KeyPattern, MemoryReplayGuard,
    Reply, TokenKey, Variable, VerifiedCallback, Verifier,
};
use oss::{Callback, CallbackOutcome, Client, Error};
use oss_emulator::Emulator;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    finish(match arguments.as_slice() {
        [] => demonstrate().await,
        [address, url, bucket] => serve_oss(address, url, bucket).await,
        _ => Err("give nothing, or ADDRESS URL BUCKET".into()),
    })
}

/// What OSS is asked to send.
#[derive(Debug, Deserialize)]
struct Upload {
    bucket: String,
    object: String,
    size: u64,
    request: String,
    token: String,
}

/// Allows `user` one hour of uploads to a folder of their own: what the server gives to whoever may upload.
fn allow(tokens: &TokenKey, url: &str, bucket: &str, user: &str, test: bool) -> Result<Callback, Failure> {
    let folder = KeyPattern::prefix(format!("user/{user}/"));
    let token = tokens.mint(bucket, &folder, user, now() + Duration::from_secs(3600))?;
    let body = BodyTemplate::json()
        .field("bucket", Variable::Bucket)
        .field("object", Variable::Object)
        .field("size", Variable::Size)
        .field("request", Variable::ReqId)
        .field("token", Custom::new("token", token));
    Ok(Callback::builder(url).body(body).allow_private_addresses(test).build()?)
}

#[derive(Clone)]
struct App {
    verifier: Arc<Verifier>,
    tokens: TokenKey,
    recent: Freshness,
    seen: Arc<MemoryReplayGuard>,
    /// The queue of slow work: OSS waits five seconds for the answer and no longer.
    work: mpsc::UnboundedSender<Upload>,
}

impl FromRef<App> for Arc<Verifier> {
    fn from_ref(app: &App) -> Self {
        Self::clone(&app.verifier)
    }
}

/// Every refusal is one word for the stranger; the reason goes into the server's own log.
async fn on_upload(
    State(app): State<App>,
    callback: Result<VerifiedCallback<Upload>, CallbackRejection>,
) -> Result<Reply, Reply> {
    let VerifiedCallback { payload: upload, .. } = callback.map_err(|rejection| {
        log(&rejection);
        rejection.reply()
    })?;
    // OSS signs for everyone. That the upload is one of ours only the token says, so it comes before all else.
    let checked = app.tokens.check(&upload.token, &upload.bucket, &upload.object, now());
    let granted = checked.map_err(|error| {
        log(&error);
        Reply::refuse(StatusCode::FORBIDDEN, "not_allowed")
    })?;
    // If the guard cannot tell, the callback is refused: OSS reports it to the uploader, and the object stays.
    let claim = app.recent.admit(&*app.seen, &upload.request, now()).await.map_err(|error| {
        log(&error);
        Reply::refuse(StatusCode::SERVICE_UNAVAILABLE, "not_now")
    })?;
    let reply = Reply::json(&json!({ "user": granted.user_data, "stored": upload.object }));
    println!("  server      {claim:?}: user {} stored {} bytes", granted.user_data, upload.size);
    // The second time is answered as the first was, and nothing is done twice.
    if claim == Claim::First {
        // The receiver is only gone when the program ends.
        let _ = app.work.send(upload);
    }
    reply.map_err(|_| Reply::refuse(StatusCode::INTERNAL_SERVER_ERROR, "no_reply"))
}

/// An error says what was refused, and its causes why.
fn log(error: &dyn std::error::Error) {
    println!("  server      refused: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        println!("              because: {error}");
        cause = error.source();
    }
}

const PATH: &str = "/oss/callback";

fn application(
    verifier: Verifier,
    tokens: TokenKey,
) -> Result<(Router, mpsc::UnboundedReceiver<Upload>), Failure> {
    // The content type is not signed; the template is JSON, and nothing else is read.
    let verifier = verifier.expect_target(PATH)?.expect_body_type(BodyType::Json);
    let (work, queue) = mpsc::unbounded_channel();
    let app = App {
        verifier: Arc::new(verifier),
        tokens,
        recent: Freshness::within(Duration::from_secs(15 * 60)),
        seen: Arc::new(MemoryReplayGuard::new(100_000)),
        work,
    };
    Ok((Router::new().route(PATH, post(on_upload)).with_state(app), queue))
}

async fn serve_oss(address: &str, url: &str, bucket: &str) -> Result<(), Failure> {
    let tokens = secret()?;
    let callback = allow(&tokens, url, bucket, "42", false)?;
    if callback.request_targets() != [PATH] {
        return Err(format!("URL must end with {PATH}").into());
    }
    let (app, mut queue) = application(Verifier::official(), tokens)?;
    tokio::spawn(async move { while queue.recv().await.is_some() {} });
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    for (name, value) in callback.encode().headers() {
        println!("{name}: {}", value.to_str()?);
    }
    Ok(axum::serve(listener, app).await?)
}

/// A secret for the life of this process. A real one is kept, so that a restart does not void the tokens given out.
fn secret() -> Result<TokenKey, Failure> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    Ok(TokenKey::new(secret)?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the libraries take the time as an argument; here is where it comes from"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

async fn demonstrate() -> Result<(), Failure> {
    let emulator = Emulator::builder().bucket("examplebucket").start().await?;
    let verifier =
        Verifier::trusting_none().trust(emulator.callback_key_url(), emulator.callback_public_key_pem())?;
    let tokens = secret()?;
    let (app, mut queue) = application(verifier, tokens.clone())?;
    let overheard = Overheard::default();
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let app = overheard.clone().listen_in(app);
    tokio::spawn(async { axum::serve(listener, app).await });
    let client = Client::builder(emulator.endpoint())
        .region(emulator.region())
        .credentials(oss::signing::Credentials::new(
            oss_emulator::DEFAULT_ACCESS_KEY_ID,
            oss_emulator::DEFAULT_ACCESS_KEY_SECRET,
        ))
        .build()?;
    let bucket = client.bucket("examplebucket")?;
    let callback = allow(&tokens, &format!("http://{address}{PATH}"), bucket.name().as_str(), "42", true)?;

    println!("\nuser 42 uploads to user/42/");
    let uploaded =
        bucket.put_object("user/42/photo.jpg", b"a photo".as_slice()).callback(callback.clone()).await?;
    let CallbackOutcome::Answered(answer) = &uploaded.callback else {
        return Err("the callback was to be answered".into());
    };
    println!("  uploader    got {}", String::from_utf8_lossy(&answer.body));

    println!("\nan eavesdropper sends the same callback again");
    expect(overheard.replay(address, |body| body).await?, 200)?;

    println!("\nthe eavesdropper alters the size");
    expect(overheard.replay(address, |body| body.replace(r#""size":7"#, r#""size":8"#)).await?, 403)?;

    println!("\nuser 42 uploads to user/7/ with the same token");
    match bucket.put_object("user/7/photo.jpg", b"a photo".as_slice()).callback(callback).await {
        Err(Error::CallbackFailed(failed)) => println!("  uploader    {}", failed.failure),
        other => return Err(format!("the callback was to fail: {other:?}").into()),
    }

    let first = queue.try_recv()?;
    if first.object != "user/42/photo.jpg" || queue.try_recv().is_ok() {
        return Err("the work was to be done once".into());
    }
    println!("\nthe work was done once, for {}", first.object);
    emulator.shutdown().await;
    Ok(())
}

fn expect(status: u16, expected: u16) -> Result<(), Failure> {
    println!("  eavesdropper got {status}");
    if status == expected { Ok(()) } else { Err(format!("the answer was to be {expected}").into()) }
}

/// Somebody between OSS and the server, who keeps a copy of the first callback.
#[derive(Clone, Default)]
struct Overheard(Arc<Mutex<Option<(http::request::Parts, Bytes)>>>);

impl Overheard {
    fn listen_in(self, app: Router) -> Router {
        app.layer(from_fn(move |request: Request, next: Next| self.clone().pass_on(request, next)))
    }

    async fn pass_on(self, request: Request, next: Next) -> Response {
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, 64 * 1024).await else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        if let Ok(mut kept) = self.0.lock() {
            kept.get_or_insert_with(|| (head.clone(), body.clone()));
        }
        next.run(Request::from_parts(head, Body::from(body))).await
    }

    /// Sends the copy, its body changed, and returns the status of the answer.
    async fn replay(&self, to: SocketAddr, change: impl Fn(String) -> String) -> Result<u16, Failure> {
        let kept = self.0.lock().map_err(|_| "the copy is lost")?.clone();
        let (head, body) = kept.ok_or("nothing was overheard")?;
        let mut message = format!("POST {} HTTP/1.1\r\n", head.uri).into_bytes();
        for (name, value) in &head.headers {
            message.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        message.extend(b"\r\n");
        message.extend(change(String::from_utf8(body.to_vec())?).into_bytes());
        let mut connection = TcpStream::connect(to).await?;
        connection.write_all(&message).await?;
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).await?;
        Ok(std::str::from_utf8(&answer)?.trim_start_matches("HTTP/1.1 ").parse()?)
    }
}
