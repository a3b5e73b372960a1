//! Signing a URL that somebody else will send.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, Uri};
use oss_signing::{BucketName, ObjectKey, Resource};

use crate::credentials;
use crate::error::Error;
use crate::operation::Operation;
use crate::uploader::Engine;

impl Engine {
    /// Signs a PUT to an object, and says which is the last second the URL can be used in. Nothing is sent.
    pub(crate) async fn presign_url(
        &self,
        operation: Operation,
        (bucket, key): (&BucketName, &ObjectKey),
        query: &[(&str, &str)],
        headers: HeaderMap,
        expires_in: Duration,
    ) -> Result<(Uri, SystemTime), Error> {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = Method::PUT;
        parts.uri = self.endpoint.url(Some(bucket), Some(key), query)?;
        parts.headers = headers;
        let credentials = credentials::ask(&*self.credentials, operation, &self.wire.limits).await?;
        let now = self.wire.clock.now();
        let resource = Resource::object(bucket.as_str(), key.as_str());
        self.signer
            .presign(&mut parts, resource, &credentials, now, expires_in)
            .map_err(|source| Error::Sign { operation, source })?;
        Ok((parts.uri, now + Duration::from_secs(expires_in.as_secs())))
    }
}
