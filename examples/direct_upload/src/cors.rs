//! The CORS rule that a bucket needs before a page may upload to it.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request};
use oss::signing::{BucketName, Credentials, Endpoint, Resource, Signer};
use oss::transport::{Body, ReqwestTransport, Transport};

use crate::clock;
use crate::scene::Failure;

/// One origin, the two methods the page uses, and what it reads of the answers. The page sets no header of its own, so none
/// is allowed.
pub(crate) fn rule(origin: &str) -> String {
    format!(
        "<CORSConfiguration><CORSRule><AllowedOrigin>{origin}</AllowedOrigin><AllowedMethod>POST</AllowedMethod>\
         <AllowedMethod>PUT</AllowedMethod><ExposeHeader>x-oss-request-id</ExposeHeader>\
         <MaxAgeSeconds>600</MaxAgeSeconds></CORSRule><ResponseVary>true</ResponseVary></CORSConfiguration>"
    )
}

/// Sets the rule on the emulated bucket, so that the page meets what it will meet in earnest.
pub(crate) async fn set(
    endpoint: &Endpoint,
    bucket: &BucketName,
    signer: &dyn Signer,
    credentials: &Credentials,
    origin: &str,
) -> Result<(), Failure> {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::PUT;
    head.uri = endpoint.url(Some(bucket), None, &[("cors", "")])?;
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    signer.sign(&mut head, Resource::bucket(bucket.as_str()), credentials, clock::now())?;
    let body = Body::from(bytes::Bytes::from(rule(origin)));
    let response = ReqwestTransport::new()?.send(Request::from_parts(head, body)).await?;
    if response.status().is_success() {
        Ok(())
    } else {
        Err(format!("the bucket's CORS rule could not be set: status {}", response.status()).into())
    }
}
