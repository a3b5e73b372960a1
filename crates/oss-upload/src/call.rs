//! One request to OSS and its repetition: credentials, body, date and signature are fresh for every attempt.

use std::future::poll_fn;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body::Body as _;
use oss_signing::{BucketName, Credentials, ObjectKey, Resource};
use oss_transport::{Body, Request, Response};
use tokio::time::Instant;
use tracing::Instrument;

use crate::content_md5::{self, ContentMd5};
use crate::error::Error;
use crate::flow::{Flow, metered};
use crate::gate::{Gate, Place};
use crate::limits::{Phase, TimeLimits};
use crate::operation::Operation;
use crate::progress::Meter;
use crate::retry::Failure;
use crate::server_error::ServerError;
use crate::source::{Source, SourceError};
use crate::uploaded::{REQUEST_ID, Report, crc64, text};
use crate::uploader::{Engine, Wire};

/// A request as often as it has to be made.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) operation: Operation,
    pub(crate) method: Method,
    pub(crate) wire: &'a Wire,
    pub(crate) target: Target<'a>,
    /// Query parameters of a resource.
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload<'a>,
    pub(crate) content_md5: ContentMd5,
    pub(crate) limits: TimeLimits,
    pub(crate) meter: Option<Meter>,
    /// What every attempt must pass, if the request is one of many.
    pub(crate) gate: Option<&'a Gate>,
    /// Whether a request that was or may have been carried out is safe to repeat.
    pub(crate) repeat_when_lost: bool,
}

/// Where a request goes, and who signs it.
#[derive(Debug)]
pub(crate) enum Target<'a> {
    Resource {
        engine: &'a Engine,
        bucket: &'a BucketName,
        key: Option<&'a ObjectKey>,
    },
    /// A URL that somebody signed beforehand.
    Presigned(&'a Uri),
}

#[derive(Debug)]
pub(crate) enum Payload<'a> {
    None,
    Bytes(Bytes),
    Source { source: &'a dyn Source, range: Range<u64> },
}

/// An answer with a 2xx status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The URL asked for, without its query, which may hold a signature.
    pub(crate) location: String,
    /// CRC-64 of the request body.
    pub(crate) sent_crc64: u64,
    /// Bytes of the request body.
    pub(crate) sent: u64,
}

/// What all requests of one upload add up to.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    requests: AtomicU32,
    bytes: AtomicU64,
    /// Requests that carried a part.
    parts: AtomicU32,
    /// CRC-64 of the last request body that was taken whole, also if no answer came.
    last_crc64: AtomicU64,
}

impl Ledger {
    pub(crate) fn report(&self) -> Report {
        Report {
            requests: self.requests.load(Ordering::Acquire),
            bytes_sent: self.bytes.load(Ordering::Acquire),
            ..Report::default()
        }
    }

    fn count(&self, operation: Operation) {
        self.requests.fetch_add(1, Ordering::AcqRel);
        if let Operation::UploadPart(_) = operation {
            self.parts.fetch_add(1, Ordering::AcqRel);
        }
    }

    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Acquire)
    }

    /// Requests that carried a part, repeated ones included.
    pub(crate) fn part_requests(&self) -> u32 {
        self.parts.load(Ordering::Acquire)
    }

    pub(crate) fn last_crc64(&self) -> u64 {
        self.last_crc64.load(Ordering::Acquire)
    }
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        engine: &'a Engine,
        operation: Operation,
        method: Method,
        bucket: &'a BucketName,
        key: Option<&'a ObjectKey>,
    ) -> Self {
        Self::to(&engine.wire, Target::Resource { engine, bucket, key }, operation, method)
    }

    pub(crate) fn to(wire: &'a Wire, target: Target<'a>, operation: Operation, method: Method) -> Self {
        Self {
            operation,
            method,
            wire,
            target,
            query: &[],
            headers: HeaderMap::new(),
            payload: Payload::None,
            content_md5: ContentMd5::Unsaid,
            limits: wire.limits.clone(),
            meter: None,
            gate: None,
            repeat_when_lost: true,
        }
    }

    /// Makes the request, and makes it again as often as the retry policy has it.
    ///
    /// # Cancellation
    ///
    /// Dropping the future drops the attempt under way; the server may or may not have carried it out.
    pub(crate) async fn execute(&self, ledger: &Ledger) -> Result<Answer, Error> {
        let started = Instant::now();
        let (mut attempts, mut clock_corrected, mut refreshed) = (0u32, false, false);
        let mut earlier: Option<Error> = None;
        loop {
            let credentials = match &self.target {
                Target::Resource { engine, .. } => engine.credentials.credentials().await?,
                Target::Presigned(_) => Credentials::anonymous(),
            };
            attempts += 1;
            let place = match self.gate {
                Some(gate) => Some(gate.enter().await),
                None => None,
            };
            ledger.count(self.operation);
            let span = tracing::debug_span!("oss_request", operation = %self.operation, attempt = attempts);
            let result = self.attempt(&credentials, ledger).instrument(span).await;
            leave(place, &result);
            let error = match (result, earlier) {
                (Ok(answer), _) => {
                    self.wire.retry.succeeded();
                    return Ok(answer);
                }
                // The stream is used up; what the caller wants to know is why it was needed again.
                (Err(Error::Source(SourceError::NotReopenable)), Some(earlier)) => return Err(earlier),
                (Err(error), _) => error,
            };
            if !clock_corrected && self.corrects_clock(&error) {
                clock_corrected = true;
            } else if !refreshed
                && is_credentials_refusal(&error)
                && self.gets_others_than(&credentials).await
            {
                refreshed = true;
            } else {
                let failure = Failure {
                    operation: self.operation,
                    attempts,
                    elapsed: started.elapsed(),
                    error: &error,
                };
                let Some(wait) =
                    self.may_repeat(&error, attempts).then(|| self.wire.retry.wait(&failure)).flatten()
                else {
                    return Err(error);
                };
                let wait = wait.max(error.server().and_then(ServerError::pause).unwrap_or_default());
                tracing::warn!(operation = %self.operation, attempts, ?wait, %error, "repeating");
                tokio::time::sleep(wait).await;
            }
            earlier = Some(error);
        }
    }

    fn may_repeat(&self, error: &Error, attempts: u32) -> bool {
        // Content that arrived altered may arrive whole the next time; twice altered, the digest is of other content.
        if error.has_code("InvalidDigest") && attempts > 1 {
            return false;
        }
        let carried_out =
            error.lost_answer() || matches!(error, Error::Corrupted { .. }) || self.is_unsure(error);
        error.is_transient() && (self.repeat_when_lost || !carried_out)
    }

    /// A Complete that OSS itself ends with a 5xx may go on all the same.
    fn is_unsure(&self, error: &Error) -> bool {
        self.operation == Operation::CompleteMultipartUpload
            && error
                .server()
                .is_some_and(|refusal| refusal.status().is_server_error() && !refusal.is_throttling())
    }

    fn corrects_clock(&self, error: &Error) -> bool {
        match error.server() {
            Some(_) if matches!(self.target, Target::Presigned(_)) => false,
            Some(refusal) if refusal.code() == "RequestTimeTooSkewed" => match refusal.server_time() {
                Some(time) => {
                    self.wire.clock.correct(time);
                    tracing::warn!(
                        "this machine's clock is off by more than 15 minutes; signing with the server's"
                    );
                    true
                }
                None => false,
            },
            _ => false,
        }
    }

    /// Whether the provider has other credentials than those OSS refused.
    async fn gets_others_than(&self, refused: &Credentials) -> bool {
        match &self.target {
            Target::Resource { engine, .. } => engine.credentials.refused(refused).await,
            Target::Presigned(_) => false,
        }
    }

    async fn attempt(&self, credentials: &Credentials, ledger: &Ledger) -> Result<Answer, Error> {
        let content_md5 = self.content_md5().await?;
        let (body, len) = self.open().await?;
        let flow = Flow::start(len != Some(0), self.limits.clone());
        let body = match (&self.wire.bandwidth, &self.payload) {
            (Some(bandwidth), Payload::Source { .. }) => bandwidth.pace(body, &flow),
            _ => body,
        };
        let body = match len {
            Some(0) => body,
            _ => metered(body, len, &flow, self.meter.clone()),
        };
        let request = self.request(credentials, content_md5, body)?;
        let location = without_query(request.uri());
        let exchange = async {
            let sent = self.wire.transport.send(request).await;
            let response = sent.map_err(|source| self.transport_error(&flow, source))?;
            self.receive(&flow, response, location).await
        };
        let result = match select(pin!(exchange), pin!(flow.stands_still())).await {
            Either::Left((result, _)) => result,
            Either::Right(((phase, limit), _)) => {
                Err(Error::TimedOut { operation: self.operation, phase, limit })
            }
        };
        ledger.bytes.fetch_add(flow.sent(), Ordering::AcqRel);
        if flow.is_sent() {
            ledger.last_crc64.store(flow.crc64(), Ordering::Release);
        }
        match &result {
            Ok(answer) => tracing::debug!(
                status = answer.status.as_u16(),
                request_id = text(&answer.headers, &REQUEST_ID),
                sent = answer.sent,
                "answered"
            ),
            Err(error) => tracing::debug!(%error, sent = flow.sent(), "failed"),
        }
        result
    }

    /// Computed anew for each attempt, so that it is of the bytes that attempt reads.
    async fn content_md5(&self) -> Result<Option<HeaderValue>, Error> {
        let digest = match self.content_md5 {
            ContentMd5::Unsaid => return Ok(None),
            ContentMd5::Given(digest) => digest,
            ContentMd5::Computed => content_md5::digest(self.open().await?.0).await?,
        };
        content_md5::value(digest).map(Some)
    }

    async fn open(&self) -> Result<(Body, Option<u64>), SourceError> {
        match &self.payload {
            Payload::None => Ok((Body::empty(), Some(0))),
            Payload::Bytes(bytes) => Ok((Body::from(bytes.clone()), Some(bytes.len() as u64))),
            Payload::Source { source, range } => {
                let body = source.open(range.clone()).await?;
                Ok((body, source.length().map(|_| range.end - range.start)))
            }
        }
    }

    fn request(
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
    fn transport_error(&self, flow: &Flow, source: oss_transport::TransportError) -> Error {
        match flow.take_source_error() {
            Some(error) => Error::Source(error),
            None => Error::Transport { operation: self.operation, source },
        }
    }

    async fn receive(&self, flow: &Flow, response: Response, location: String) -> Result<Answer, Error> {
        let all_sent = flow.is_sent();
        flow.enter(Phase::ReceiveIdle);
        let (parts, body) = response.into_parts();
        let body = self.read(flow, body).await;
        if !parts.status.is_success() {
            // A refusal is told also if its text broke off; the status decides.
            let body = body.unwrap_or_default();
            return Err(ServerError::from_answer(self.operation, parts.status, &parts.headers, &body).into());
        }
        if !all_sent {
            let reason = format!("status {} came before the whole body was sent", parts.status.as_u16());
            return Err(Error::MalformedAnswer { operation: self.operation, reason });
        }
        let body = body?;
        let (sent_crc64, sent) = (flow.crc64(), flow.sent());
        if let (Payload::Source { .. }, Some(actual)) = (&self.payload, crc64(&parts.headers))
            && actual != sent_crc64
        {
            return Err(Error::Corrupted { operation: self.operation, expected: sent_crc64, actual });
        }
        Ok(Answer { status: parts.status, headers: parts.headers, body, location, sent_crc64, sent })
    }

    async fn read(&self, flow: &Flow, mut body: Body) -> Result<Bytes, Error> {
        let mut whole = BytesMut::new();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame = frame.map_err(|source| Error::Transport { operation: self.operation, source })?;
            flow.touch();
            let Ok(data) = frame.into_data() else { continue };
            if whole.len() + data.len() > ANSWER_LIMIT {
                let reason = format!("it is longer than {ANSWER_LIMIT} bytes");
                return Err(Error::MalformedAnswer { operation: self.operation, reason });
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    }
}

/// Gives a place at the gate back and tells what the attempt says of OSS's load.
fn leave(place: Option<Place<'_>>, result: &Result<Answer, Error>) {
    let Some(place) = place else { return };
    match result {
        Ok(_) => place.succeeded(),
        Err(error) => {
            if let Some(refusal) = error.server().filter(|refusal| refusal.is_throttling()) {
                place.throttled(refusal.pause());
            }
        }
    }
}

/// What may be told of a URL: a query can hold a signature.
fn without_query(url: &Uri) -> String {
    let (scheme, authority) =
        (url.scheme_str().unwrap_or_default(), url.authority().map_or("", |a| a.as_str()));
    [scheme, "://", authority, url.path()].concat()
}

fn is_credentials_refusal(error: &Error) -> bool {
    ["SecurityTokenExpired", "InvalidSecurityToken", "InvalidAccessKeyId"]
        .iter()
        .any(|code| error.has_code(code))
}

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
/// Headers that signing adds, and those of the transport.
const ADDED_HEADERS: usize = 6;

/// An application server may answer at most 3 MB by OSS's page on callbacks, and a listing of 1,000 parts has less
/// than 1 MB.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// The longest a Complete may take to answer: OSS puts the parts together before it does.
pub(crate) fn complete_time(parts: usize) -> Duration {
    // Reports speak of five minutes for a 34 GB object of 5,600 parts.
    Duration::from_secs(120) + Duration::from_millis(100) * u32::try_from(parts).unwrap_or(10_000)
}
