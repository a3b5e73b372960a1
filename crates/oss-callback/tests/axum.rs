//! The extractor behind a real HTTP server, spoken to over a raw socket.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a server that does not answer is a failed test")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oss_callback::{Reply, ReplyError, VerifiedCallback, Verifier};
use serde::Deserialize;
use support::{KEY_URL, authorization, verifier};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[derive(Deserialize)]
struct Upload {
    object: String,
    size: u64,
}

async fn on_upload(VerifiedCallback { payload, .. }: VerifiedCallback<Upload>) -> Result<Reply, ReplyError> {
    Reply::json(&serde_json::json!({ "stored": payload.object, "size": payload.size }))
}

const FORM: &str = "object=a%2Fb.jpg&size=7";

fn app(verifier: Verifier) -> Router {
    Router::new().route("/cb", post(on_upload)).with_state(Arc::new(verifier))
}

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// The head of a genuine callback without its last empty line; lines can be added.
fn head(target: &str, body: &str, length: Option<usize>) -> String {
    let mut head = format!(
        "POST {target} HTTP/1.1\r\nHost: app.example\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Authorization: {}\r\nx-oss-pub-key-url: {}\r\n",
        authorization(target, body.as_bytes()),
        STANDARD.encode(KEY_URL),
    );
    if let Some(length) = length {
        head.push_str(&format!("Content-Length: {length}\r\n"));
    }
    head
}

fn request(target: &str, body: &str) -> String {
    format!("{}\r\n{body}", head(target, body, Some(body.len())))
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// Reads one answer and leaves the connection open.
async fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let split = loop {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "closed before an answer");
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = String::from_utf8(bytes[..split].to_vec()).unwrap().to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    while bytes.len() < split + length {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "closed in the middle of an answer");
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: String::from_utf8(bytes[split..].to_vec()).unwrap() }
}

async fn ask(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    read(&mut stream).await
}

#[tokio::test]
async fn genuine_callbacks_are_answered_on_one_connection() {
    let address = serve(app(verifier().expect_target("/cb").unwrap())).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        stream.write_all(request("/cb", FORM).as_bytes()).await.unwrap();
        let answer = read(&mut stream).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"size":7,"stored":"a/b.jpg"}"#));
        assert!(answer.head.contains("content-type: application/json\r\n"), "{}", answer.head);
        assert!(answer.head.contains("content-length: 29\r\n"), "{}", answer.head);
        assert!(!answer.head.contains("transfer-encoding"), "{}", answer.head);
    }
}

#[tokio::test]
async fn an_altered_body_is_refused_and_nothing_is_told() {
    let address = serve(app(verifier())).await;
    let answer = ask(address, &request("/cb", FORM).replace("size=7", "size=8")).await;
    assert_eq!((answer.status, answer.body.as_str()), (403, r#"{"error":"not_a_trusted_callback"}"#));
}

#[tokio::test]
async fn a_body_of_another_shape_is_refused_and_nothing_is_told() {
    let address = serve(app(verifier())).await;
    for body in ["object=s3cret", "object=s3cret&size=x", "object=a&size=1&size=2", "%"] {
        let answer = ask(address, &request("/cb", body)).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (422, r#"{"error":"unexpected_payload"}"#),
            "{body}"
        );
    }
    let text = request("/cb", FORM).replace("application/x-www-form-urlencoded", "text/plain");
    let answer = ask(address, &text).await;
    assert_eq!((answer.status, answer.body.as_str()), (415, r#"{"error":"unsupported_media_type"}"#));
}

#[tokio::test]
async fn a_chunked_body_needs_leave() {
    let chunked = format!(
        "{}Transfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        head("/cb", FORM, None),
        &FORM[..5],
        FORM.len() - 5,
        &FORM[5..],
    );
    let answer = ask(serve(app(verifier())).await, &chunked).await;
    assert_eq!((answer.status, answer.body.as_str()), (411, r#"{"error":"length_required"}"#));
    let lenient = verifier().allow_missing_content_length(true);
    assert_eq!(ask(serve(app(lenient.clone())).await, &chunked).await.status, 200);
    let answer = ask(serve(app(lenient.body_limit(FORM.len() - 1))).await, &chunked).await;
    assert_eq!((answer.status, answer.body.as_str()), (413, r#"{"error":"body_too_large"}"#));
}

#[tokio::test]
async fn an_endless_chunked_body_is_cut_at_the_limit() {
    let address = serve(app(verifier().allow_missing_content_length(true))).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{}Transfer-Encoding: chunked\r\n\r\n", head("/cb", FORM, None));
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", "a".repeat(4096));
    // 17 chunks are past the limit of 64 KiB; the body never ends.
    for _ in 0..17 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    assert_eq!(read(&mut stream).await.status, 413);
}

#[tokio::test]
async fn an_oversized_body_is_refused_before_it_is_sent() {
    let address = serve(app(verifier())).await;
    let only_head = format!("{}\r\n", head("/cb", FORM, Some(65_537)));
    let answer = ask(address, &only_head).await;
    assert_eq!((answer.status, answer.body.as_str()), (413, r#"{"error":"body_too_large"}"#));
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_given_up() {
    let address = serve(app(verifier())).await;
    let half = format!("{}\r\n{}", head("/cb", FORM, Some(FORM.len())), &FORM[..5]);
    // The clock stands still and jumps when nothing else can happen, which is when the body does not come.
    let before = tokio::time::Instant::now();
    let answer = ask(address, &half).await;
    assert_eq!((answer.status, answer.body.as_str()), (408, r#"{"error":"body_too_slow"}"#));
    let waited = before.elapsed().as_secs();
    assert!((5..7).contains(&waited), "{waited}");
}

#[tokio::test]
async fn a_callback_over_http_1_0_is_answered() {
    // As OSS spoke in 2015; newer ones say `Connection: close` with HTTP/1.1.
    let address = serve(app(verifier())).await;
    for (version, line) in [("HTTP/1.0", ""), ("HTTP/1.1", "Connection: close\r\n")] {
        let head = head("/cb", FORM, Some(FORM.len())).replacen("HTTP/1.1", version, 1);
        let answer = ask(address, &format!("{head}{line}\r\n{FORM}")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"size":7,"stored":"a/b.jpg"}"#));
        assert!(answer.head.contains("content-length: 29\r\n"), "{}", answer.head);
    }
}

#[tokio::test]
async fn the_unread_body_of_a_refused_request_is_not_taken_for_a_request() {
    let address = serve(app(verifier().expect_target("/cb").unwrap())).await;
    let smuggled = request("/cb", FORM);
    let refused = [
        // Refused before the body is read, and refused for what the body is.
        head("/other", &smuggled, Some(smuggled.len())).replacen("/other", "/cb?", 1),
        head("/cb", FORM, Some(smuggled.len())),
    ];
    for head in refused {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{head}\r\n{smuggled}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answers = Vec::new();
        stream.read_to_end(&mut answers).await.unwrap();
        let answers = String::from_utf8(answers).unwrap();
        assert!(answers.starts_with("HTTP/1.1 403"), "{answers}");
        assert_eq!(answers.matches("HTTP/1.1").count(), 1, "{answers}");
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_never_handled() {
    let address = serve(app(verifier())).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let half = format!("{}\r\n{}", head("/cb", FORM, Some(FORM.len())), &FORM[..5]);
    stream.write_all(half.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_header_given_twice_is_refused() {
    let address = serve(app(verifier())).await;
    for line in [
        format!("Authorization: {}", authorization("/cb", FORM.as_bytes())),
        format!("x-oss-pub-key-url: {}", STANDARD.encode(KEY_URL)),
        "Content-Type: application/json".to_owned(),
    ] {
        let text = format!("{}{line}\r\n\r\n{FORM}", head("/cb", FORM, Some(FORM.len())));
        let answer = ask(address, &text).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (400, r#"{"error":"malformed_callback"}"#),
            "{line}"
        );
    }
    // Two lengths that differ never get past the server. (Equal ones it makes one, as RFC 9110, 8.6, allows.)
    let text =
        format!("{}Content-Length: {}\r\n\r\n{FORM}", head("/cb", FORM, Some(FORM.len())), FORM.len() + 1);
    assert_eq!(ask(address, &text).await.status, 400);
    let both = format!(
        "{}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{FORM}\r\n0\r\n\r\n",
        head("/cb", FORM, Some(FORM.len())),
        FORM.len()
    );
    assert_ne!(ask(address, &both).await.status, 200);
}

#[tokio::test]
async fn a_get_is_refused() {
    let address = serve(app(verifier())).await;
    assert_eq!(ask(address, &request("/cb", FORM).replacen("POST", "GET", 1)).await.status, 405);
    let any = Router::new().route("/cb", axum::routing::any(on_upload)).with_state(Arc::new(verifier()));
    let answer = ask(serve(any).await, &request("/cb", FORM).replacen("POST", "GET", 1)).await;
    assert_eq!((answer.status, answer.body.as_str()), (405, r#"{"error":"method_not_allowed"}"#));
}

#[tokio::test]
async fn a_nested_router_sees_the_original_target() {
    let target = "/api/v3/cb?token=a%20b";
    let strict = verifier().expect_target(target).unwrap();
    let nested = Router::new().nest("/api", Router::new().nest("/v3", app(strict.clone())));
    assert_eq!(ask(serve(nested).await, &request(target, FORM)).await.status, 200);
    let service = Router::new().nest_service("/api/v3", app(strict));
    assert_eq!(ask(serve(service).await, &request(target, FORM)).await.status, 200);
}

#[tokio::test]
async fn a_layer_restores_the_target_that_a_proxy_rewrote() {
    use axum::extract::Request;
    async fn original(mut request: Request) -> Request {
        if let Some(target) = request.headers().get("x-original-uri").cloned() {
            let target = target.to_str().unwrap().to_owned();
            request.extensions_mut().insert(oss_callback::ExternalTarget(target));
        }
        request
    }
    let strict = verifier().expect_target("/public/cb?x=1").unwrap();
    let app = app(strict).layer(axum::middleware::map_request(original));
    let address = serve(app).await;
    let rewritten = request("/public/cb?x=1", FORM).replacen("/public/cb?x=1", "/cb", 1);
    assert_eq!(ask(address, &rewritten).await.status, 403);
    for (original, status) in [("/public/cb?x=1", 200), ("/public/cb?x=2", 403), ("/cb", 403)] {
        let line = format!("HTTP/1.1\r\nX-Original-URI: {original}\r\n");
        assert_eq!(
            ask(address, &rewritten.replacen("HTTP/1.1\r\n", &line, 1)).await.status,
            status,
            "{original}"
        );
    }
}

/// A key source that knows the test key as the second official one.
#[cfg(feature = "key-source")]
struct Fetched(std::sync::Mutex<Vec<String>>);

#[cfg(feature = "key-source")]
#[async_trait::async_trait]
impl oss_callback::KeySource for Fetched {
    async fn fetch(&self, url: &str) -> Result<Vec<u8>, oss_callback::KeySourceError> {
        self.0.lock().unwrap().push(url.to_owned());
        Ok(support::KEY_PEM.into())
    }
}

#[cfg(feature = "key-source")]
#[tokio::test]
async fn a_key_is_fetched_only_for_a_request_that_is_good_otherwise() {
    let source = Arc::new(Fetched(std::sync::Mutex::default()));
    let verifier = Verifier::official().key_source(source.clone()).expect_target("/cb").unwrap();
    let any = axum::routing::any(on_upload);
    let app = Router::new().route("/cb", any.clone()).route("/other", any).with_state(Arc::new(verifier));
    let address = serve(app).await;
    let second = STANDARD.encode("http://gosspublic.alicdn.com/callback_pub_key_v2.pem");
    let good = request("/cb", FORM).replace(&STANDARD.encode(KEY_URL), &second);
    for (bad, status) in [
        (good.replacen("POST", "PUT", 1), 405),
        (good.replacen("/cb", "/other", 1), 403),
        (good.replacen("Authorization: ", "Authorization: OSS ", 1), 400),
        (good.replacen("Content-Length: ", "Content-Length: 99999", 1), 413),
        (
            request("/cb", FORM)
                .replace(&STANDARD.encode(KEY_URL), &STANDARD.encode("https://evil.example/")),
            403,
        ),
    ] {
        assert_eq!(ask(address, &bad).await.status, status, "{bad}");
    }
    assert!(source.0.lock().unwrap().is_empty());
    for _ in 0..2 {
        assert_eq!(ask(address, &good).await.status, 200);
    }
    assert_eq!(*source.0.lock().unwrap(), ["https://gosspublic.alicdn.com/callback_pub_key_v2.pem"]);
}

#[tokio::test]
async fn the_verifier_is_a_part_of_the_applications_state() {
    #[derive(Clone)]
    struct App {
        verifier: Arc<Verifier>,
    }
    impl FromRef<App> for Arc<Verifier> {
        fn from_ref(app: &App) -> Self {
            Self::clone(&app.verifier)
        }
    }
    let app = Router::new().route("/cb", post(on_upload)).with_state(App { verifier: Arc::new(verifier()) });
    assert_eq!(ask(serve(app).await, &request("/cb", FORM)).await.status, 200);
}

#[tokio::test]
async fn a_reply_that_oss_would_not_take_is_an_error_without_its_reason() {
    async fn too_much(_: VerifiedCallback<Upload>) -> Result<Reply, ReplyError> {
        Reply::json(&vec!["x".repeat(2_000_000)])
    }
    let app = Router::new().route("/cb", post(too_much)).with_state(Arc::new(verifier()));
    let answer = ask(serve(app).await, &request("/cb", FORM)).await;
    assert_eq!((answer.status, answer.body.as_str()), (500, r#"{"error":"no_reply"}"#));
}
