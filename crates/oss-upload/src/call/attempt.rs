use std::pin::{Pin, pin};

use futures_util::future::{Either, select};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use oss_signing::{Credentials, Resource};
use oss_transport::{Body, Request, TransportError};

use super::{Answer, Call, Ledger, Payload, Target};
use crate::body::next_data;
use crate::content_md5::{self, ContentMd5};
use crate::error::Error;
use crate::flow::{Flow, metered};
use crate::source::{SourceError, SummedBody};
use crate::uploaded::{REQUEST_ID, text};

impl Call<'_> {
    /// Makes the request once, as long as it moves.
    pub(super) async fn attempt(&self, credentials: &Credentials, ledger: &Ledger) -> Result<Answer, Error> {
        let flow = Flow::start(self.declared_len() != Some(0), self.limits.clone());
        let sent = {
            let exchange = pin!(async {
                let request = self.request(&flow, credentials).await?;
                let location = without_query(request.uri());
                let sent = self.wire.transport.send(request).await;
                sent.map(|response| (response, location))
                    .map_err(|source| self.transport_error(&flow, source))
            });
            self.while_moving(&flow, exchange).await
        };
        let result = match sent {
            Ok((response, location)) => self.receive(&flow, response, location).await,
            Err(error) => Err(error),
        };
        ledger.sent(flow.sent(), flow.is_sent().then(|| flow.crc64()));
        match &result {
            Ok(answer) => tracing::debug!(
                status = answer.status.as_u16(),
                request_id = text(&answer.headers, &REQUEST_ID),
                sent = answer.sent,
                "answered"
            ),
            Err(error) => tracing::debug!(error = error.with_causes(), sent = flow.sent(), "failed"),
        }
        result
    }

    /// Takes a step of the attempt, unless nothing moves for longer than the limit of its phase.
    pub(super) async fn while_moving<T>(
        &self,
        flow: &Flow,
        step: Pin<&mut impl Future<Output = Result<T, Error>>>,
    ) -> Result<T, Error> {
        match select(step, pin!(flow.stands_still())).await {
            Either::Left((result, _)) => result,
            Either::Right(((phase, limit), _)) => {
                Err(Error::TimedOut { operation: self.operation, phase, limit })
            }
        }
    }

    /// The length of the request body, if it is known.
    fn declared_len(&self) -> Option<u64> {
        match &self.payload {
            Payload::None => Some(0),
            Payload::Bytes(bytes) => Some(bytes.len() as u64),
            Payload::Source { source, range } => source.length().map(|_| range.end - range.start),
        }
    }

    async fn open(&self) -> Result<Body, SourceError> {
        match &self.payload {
            Payload::None => Ok(Body::empty()),
            Payload::Bytes(bytes) => Ok(Body::from(bytes.clone())),
            Payload::Source { source, range } => source.open(range.clone()).await,
        }
    }

    async fn open_summed(&self) -> Result<SummedBody, SourceError> {
        match &self.payload {
            Payload::Source { source, range } => source.open_summed(range.clone()).await,
            Payload::None | Payload::Bytes(_) => self.open().await.map(SummedBody::from),
        }
    }

    /// Computed anew for each attempt, so that it is of the bytes that attempt reads.
    async fn content_md5(&self, flow: &Flow) -> Result<Option<HeaderValue>, Error> {
        let digest = match self.content_md5 {
            ContentMd5::Unsaid => return Ok(None),
            ContentMd5::Given(digest) => digest,
            ContentMd5::Computed => content_md5::digest(self.open().await?, flow).await?,
        };
        content_md5::value(digest).map(Some)
    }

    /// Opens the source, puts the flow around it, and signs.
    async fn request(
        &self,
        flow: &std::sync::Arc<Flow>,
        credentials: &Credentials,
    ) -> Result<Request, Error> {
        let content_md5 = self.content_md5(flow).await?;
        let (SummedBody { body, crc64 }, len) = (self.open_summed().await?, self.declared_len());
        let body = match (&self.wire.bandwidth, &self.payload) {
            (Some(bandwidth), Payload::Source { .. }) => bandwidth.pace(body, flow),
            _ => body,
        };
        let body = match len {
            // No transport asks such a body for bytes, so whether there are any is asked here.
            Some(0) => nothing_in(body).await?,
            _ => metered(body, len, crc64, flow, self.meter.clone()),
        };
        self.signed(credentials, content_md5, body)
    }

    fn signed(
        &self,
        credentials: &Credentials,
        content_md5: Option<HeaderValue>,
        body: Body,
    ) -> Result<Request, Error> {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = self.method.clone();
        match &self.target {
            Target::Presigned(url) => {
                parts.uri = Uri::clone(url);
                parts.headers = self.headers.clone();
            }
            Target::Resource { engine, bucket, key } => {
                parts.uri = engine.endpoint.url(Some(bucket), *key, self.query)?;
                // Room for what signing and the transport add, so that the map does not grow under them.
                parts.headers = HeaderMap::with_capacity(self.headers.len() + ADDED_HEADERS);
                parts.headers.extend(self.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
                if let Some(value) = content_md5 {
                    parts.headers.insert(CONTENT_MD5, value);
                }
                let resource = match key {
                    Some(key) => Resource::object(bucket.as_str(), key.as_str()),
                    None => Resource::bucket(bucket.as_str()),
                };
                let operation = self.operation;
                engine
                    .signer
                    .sign(&mut parts, resource, credentials, self.wire.clock.now())
                    .map_err(|source| Error::Sign { operation, source })?;
            }
        }
        Ok(Request::from_parts(parts, body))
    }

    /// What went wrong is the source's failure rather than the connection's, if the source failed.
    fn transport_error(&self, flow: &Flow, source: TransportError) -> Error {
        match flow.take_source_error() {
            Some(error) => Error::Source(error),
            None => Error::Transport { operation: self.operation, source },
        }
    }
}

/// The body of a source that said it has no bytes.
async fn nothing_in(mut body: Body) -> Result<Body, SourceError> {
    while let Some(data) = next_data(&mut body).await {
        if !data.map_err(SourceError::from_body)?.is_empty() {
            return Err(SourceError::Grew { expected: 0 });
        }
    }
    Ok(Body::empty())
}

/// What may be told of a URL: a query can hold a signature.
fn without_query(url: &Uri) -> String {
    let (scheme, authority) =
        (url.scheme_str().unwrap_or_default(), url.authority().map_or("", |a| a.as_str()));
    [scheme, "://", authority, url.path()].concat()
}

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
/// Headers that signing adds, and those of the transport.
const ADDED_HEADERS: usize = 6;
