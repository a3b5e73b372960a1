//! An application server that takes OSS's callbacks with axum.
//!
//! ```sh
//! cargo run -p oss-callback --features axum --example receive -- [ADDRESS [KEY_URL KEY.pem]]
//! ```
//!
//! By default it listens on `127.0.0.1:8080` and believes OSS alone. With a key URL and a PEM file it also
//! believes that key, which is how to try it without OSS:
//!
//! ```sh
//! openssl genrsa -out key.pem 2048 && openssl rsa -in key.pem -pubout -out pub.pem
//! cargo run -p oss-callback --features axum --example receive -- 127.0.0.1:8080 http://localhost/key.pem pub.pem &
//! body='object=a%2Fb.jpg&size=7'
//! curl -i http://127.0.0.1:8080/oss/callback \
//!   -H "Authorization: $(printf '/oss/callback\n%s' "$body" | openssl dgst -md5 -sign key.pem | base64 -w0)" \
//!   -H "x-oss-pub-key-url: $(printf http://localhost/key.pem | base64 -w0)" \
//!   --data-raw "$body"
//! ```

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use oss_callback::{Reply, ReplyError, VerifiedCallback, Verifier};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Upload {
    object: String,
    size: u64,
}

async fn on_upload(VerifiedCallback { payload, .. }: VerifiedCallback<Upload>) -> Result<Reply, ReplyError> {
    Reply::json(&json!({ "stored": payload.object, "bytes": payload.size }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address = arguments.first().map_or("127.0.0.1:8080", String::as_str);
    let mut verifier = Verifier::official().expect_target("/oss/callback")?;
    if let [_, key_url, pem] = arguments.as_slice() {
        verifier = verifier.trust(key_url, &std::fs::read_to_string(pem)?)?;
    }
    let app = Router::new().route("/oss/callback", post(on_upload)).with_state(Arc::new(verifier));
    axum::serve(tokio::net::TcpListener::bind(address).await?, app).await?;
    Ok(())
}
