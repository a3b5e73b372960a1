use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use http::Method;
use oss_transport::Transport;

use crate::call::{Call, Ledger, Target};
use crate::clock::Clock;
use crate::error::Error;
use crate::limits::TimeLimits;
use crate::operation::Operation;
use crate::presigned_put::PresignedPut;
use crate::progress::{Progress, Reporter};
use crate::put_object::{prepare, read_put, reported};
use crate::retry::{Backoff, RetryPolicy};
use crate::source::Content;
use crate::uploaded::Uploaded;
use crate::uploader::Wire;

/// Uploads through URLs that somebody else has signed. It needs no key, no endpoint and no region.
///
/// ```
/// # use std::sync::Arc;
/// # use oss_transport::Transport;
/// use oss_upload::{Content, Error, PresignedPut, PresignedUploader};
///
/// # async fn upload(transport: Arc<dyn Transport>, url: &str) -> Result<(), Error> {
/// let put = PresignedPut::from_url(url)?;
/// match PresignedUploader::new(transport).put(put, Content::file("photo.jpg")).await {
///     Ok(uploaded) => println!("stored: {:?}", uploaded.callback),
///     Err(Error::CallbackFailed(failed)) => println!("stored, not called back: {}", failed.failure),
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PresignedUploader {
    transport: Arc<dyn Transport>,
    retry: Arc<dyn RetryPolicy>,
    limits: TimeLimits,
}

impl PresignedUploader {
    /// Sends by this transport, with [`Backoff::default`] and [`TimeLimits::default`].
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, retry: Arc::new(Backoff::default()), limits: TimeLimits::default() }
    }

    /// Repeats failed attempts by this policy.
    #[must_use]
    pub fn with_retry(mut self, policy: Arc<dyn RetryPolicy>) -> Self {
        self.retry = policy;
        self
    }

    /// Replaces the default time limits.
    #[must_use]
    pub fn with_time_limits(mut self, limits: TimeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Stores an object by the presigned PUT. Awaiting the value sends it; see [`PutPresigned`].
    pub fn put(&self, put: PresignedPut, content: impl Into<Content>) -> PutPresigned {
        let wire = Wire {
            transport: Arc::clone(&self.transport),
            retry: Arc::clone(&self.retry),
            limits: self.limits.clone(),
            clock: Clock::default(),
            bandwidth: None,
        };
        PutPresigned { wire, put, content: content.into(), reporter: None, resend_when_unsure: false }
    }
}

/// An upload through a URL that somebody else has signed. Awaiting it sends it.
///
/// The outcome is that of [`PutObject`](crate::PutObject): the same checks, the same typed error for a failed callback. One
/// thing differs. If the answer of a put with a callback (or one that forbids overwriting) is lost, nobody can look for the
/// object with this URL, so the error is [`Error::OutcomeUnknown`].
///
/// # Errors
///
/// As [`PutObject`](crate::PutObject). A URL that has expired is refused by OSS with 403 `AccessDenied`.
///
/// # Cancellation
///
/// Dropping the future ends the request; the object is stored whole or not at all.
#[derive(Debug)]
#[must_use = "an upload does nothing until it is awaited"]
pub struct PutPresigned {
    wire: Wire,
    put: PresignedPut,
    content: Content,
    reporter: Option<Reporter>,
    resend_when_unsure: bool,
}

impl PutPresigned {
    /// Tells how far the upload is: after each chunk, on the task that sends it, so the function must be quick.
    pub fn on_progress(mut self, tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.reporter = Some(Reporter::new(tell));
        self
    }

    /// Repeats a put with a callback whose answer was lost, although the application server may then be called twice.
    pub fn resend_when_unsure(mut self) -> Self {
        self.resend_when_unsure = true;
        self
    }

    async fn send(self) -> Result<Uploaded, Error> {
        let source = self.content.open().await?;
        let (callback, operation) = (self.put.has_callback(), Operation::PutObject);
        let mut call = Call::to(&self.wire, Target::Presigned(self.put.url()), operation, Method::PUT);
        call.headers = self.put.headers().clone();
        let reporter = self.reporter.as_ref();
        let tally = prepare(&mut call, &*source, callback, self.resend_when_unsure, reporter)?;
        let ledger = Ledger::default();
        let result = match call.execute(&ledger).await {
            Ok(answer) => read_put(answer, callback),
            Err(error) if error.lost_answer() && !call.repeat_when_lost => {
                let reason = "a presigned URL does not let one look; ask whoever signed it";
                Err(Error::unknown(operation, reason, error))
            }
            Err(error) => Err(error),
        };
        reported(result, &ledger, tally.as_ref())
    }
}

impl IntoFuture for PutPresigned {
    type Output = Result<Uploaded, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
