//! Signs requests with `oss-signing` alone and sends them with somebody else's HTTP client, here bare hyper: PUT, HEAD,
//! GET by a presigned URL, DELETE.
//!
//! ```text
//! cargo run --example sign_only
//! ```
//!
//! Without further settings OSS runs in this process. With `OSS_ENDPOINT`, `OSS_REGION`, `OSS_BUCKET`,
//! `OSS_ACCESS_KEY_ID` and `OSS_ACCESS_KEY_SECRET` set it is that bucket. The client below speaks no TLS, so the endpoint
//! must then begin with `http://`; use a bucket that allows that, or another client.
//!
//! The exit status is 0 only if every step did what it says.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use examples::{Failure, Place, finish};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use oss_signing::{Endpoint, ObjectKey, Resource, Signer, V4Signer};
use tokio::net::TcpStream;

#[tokio::main]
async fn main() -> ExitCode {
    finish(run().await)
}

async fn run() -> Result<(), Failure> {
    let place = Place::from_env().await?;
    let endpoint: Endpoint = place.endpoint.parse()?;
    if endpoint.scheme().as_str() != "http" {
        return Err(
            format!("this client speaks no TLS; give http://{} as OSS_ENDPOINT", endpoint.host()).into()
        );
    }
    let key: ObjectKey = "files/照片 a+b.txt".parse()?;
    let url = endpoint.url(Some(&place.bucket), Some(&key), &[])?;
    let resource = Resource::object(place.bucket.as_str(), key.as_str());
    let signer = V4Signer::new(place.region.clone());
    println!("{url}");

    let head = request(Method::PUT, &url, &[("content-type", "text/plain"), ("x-oss-meta-by", "sign_only")])?;
    let answer = send(signed(&signer, head, resource, &place)?, CONTENT).await?;
    expect(&answer, "PUT", StatusCode::OK)?;

    let head = request(Method::HEAD, &url, &[])?;
    let answer = send(signed(&signer, head, resource, &place)?, "").await?;
    expect(&answer, "HEAD", StatusCode::OK)?;
    if answer.headers().get("x-oss-meta-by").is_none_or(|value| value != "sign_only") {
        return Err("the metadata that was sent is not there".into());
    }

    // The signature in the query: whoever has this URL needs no key, here for a minute.
    let mut head = request(Method::GET, &url, &[])?;
    signer.presign(&mut head, resource, &place.credentials, now(), Duration::from_secs(60))?;
    let answer = send(head, "").await?;
    expect(&answer, "GET by a presigned URL", StatusCode::OK)?;
    if answer.body() != CONTENT {
        return Err("other bytes came back than were sent".into());
    }

    // What is changed after signing is refused.
    let mut head =
        signed(&signer, request(Method::PUT, &url, &[("x-oss-meta-by", "me")])?, resource, &place)?;
    head.headers.insert("x-oss-meta-by", "another".try_into()?);
    expect(&send(head, "").await?, "PUT changed after signing", StatusCode::FORBIDDEN)?;

    let head = request(Method::DELETE, &url, &[])?;
    let answer = send(signed(&signer, head, resource, &place)?, "").await?;
    expect(&answer, "DELETE", StatusCode::NO_CONTENT)?;
    place.close().await;
    Ok(())
}

fn request(method: Method, url: &Uri, headers: &[(&str, &str)]) -> Result<Parts, Failure> {
    let builder = Request::builder().method(method).uri(url);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    Ok(builder.body(())?.into_parts().0)
}

/// Signs last, when nothing else is changed any more.
fn signed(
    signer: &dyn Signer,
    mut head: Parts,
    resource: Resource<'_>,
    place: &Place,
) -> Result<Parts, Failure> {
    signer.sign(&mut head, resource, &place.credentials, now())?;
    Ok(head)
}

/// The HTTP client: it knows nothing of OSS.
async fn send(mut head: Parts, body: &'static str) -> Result<Response<Bytes>, Failure> {
    let authority = head.uri.authority().ok_or("the URL has no host")?.clone();
    let socket = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    head.headers.insert(header::HOST, authority.as_str().try_into()?);
    // hyper sends as the target what the URI holds: path and query alone, untouched.
    head.uri = head.uri.path_and_query().ok_or("the URL has no path")?.clone().into();
    let answer = sender.send_request(Request::from_parts(head, Full::new(Bytes::from(body)))).await?;
    let (head, body) = answer.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

fn expect(answer: &Response<Bytes>, step: &str, expected: StatusCode) -> Result<(), Failure> {
    println!("{:<26} {}", step, answer.status());
    if answer.status() == expected {
        return Ok(());
    }
    Err(format!("{step} was to be answered {expected}: {}", String::from_utf8_lossy(answer.body())).into())
}

#[allow(
    clippy::disallowed_methods,
    reason = "the program is where the clock is read; the signer is told the time"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

const CONTENT: &str = "hello, signed\n";
