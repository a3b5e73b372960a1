//! A server that reads every body and answers as OSS would, without storing or checking anything.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// Prints its address and serves until the process is killed.
pub async fn serve() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        let serve = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(socket), service_fn(swallow));
        tokio::spawn(serve);
    }
}

async fn swallow(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    while let Some(Ok(_frame)) = request.body_mut().frame().await {}
    let xml = match (request.method(), request.uri().query()) {
        (&Method::POST, Some("uploads")) => {
            "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
        }
        (&Method::POST, _) => "<CompleteMultipartUploadResult/>",
        _ => "",
    };
    let mut response = Response::new(Full::new(Bytes::from_static(xml.as_bytes())));
    response.headers_mut().insert("etag", http::HeaderValue::from_static("\"0\""));
    response.headers_mut().insert("x-oss-request-id", http::HeaderValue::from_static("1"));
    Ok(response)
}
