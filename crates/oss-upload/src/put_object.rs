use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use oss_callback::Callback;
use oss_signing::{BucketName, ObjectKey};

use crate::call::{Answer, Call, Ledger, Payload};
use crate::callback_failure::{CallbackFailed, CallbackFailure};
use crate::clock::Moment;
use crate::content_md5::ContentMd5;
use crate::error::Error;
use crate::look::{Began, Seen, Wanted};
use crate::operation::Operation;
use crate::options::{FORBID_OVERWRITE, ObjectOptions, guess_content_type};
use crate::progress::{Progress, Reporter, Stage, Tally};
use crate::server_error::ServerError;
use crate::source::{Content, Source, SourceError};
use crate::uploaded::{CallbackAnswer, CallbackOutcome, Report, StoredObject, Uploaded, stored_mut};
use crate::uploader::Engine;

/// An upload with one request. Awaiting it sends it.
///
/// The content is at most 5 GB ([`PutObject::LIMIT`]); OSS replaces an object of the same key. The CRC-64 of the bytes
/// sent is compared with the one OSS computed, also when the callback fails.
///
/// # Repetition
///
/// A failed attempt is repeated as the uploader's [`RetryPolicy`](crate::RetryPolicy) has it, if the content can be
/// read again. A put **with a callback** whose answer was lost (the connection broke or the time ran out after the
/// whole request was sent, or OSS answered 500) may have called the application server already. It is not repeated
/// blindly: the uploader looks for the object, and if it is not there, looks again when it is time to repeat the put,
/// two seconds later at least, since OSS may still be at work on it. If it is there with the bytes sent, the upload is
/// done with [`CallbackOutcome::Unknown`]; if there is none, or one from before the put, and the policy allows it, the put
/// is repeated; if that cannot be told, or the repetition fails, or a newer object has other bytes, the error is
/// [`Error::OutcomeUnknown`].
/// [`resend_when_unsure`](Self::resend_when_unsure) repeats without looking. The same holds for a put that
/// [forbids overwriting](ObjectOptions::forbid_overwrite), whose repetition would be refused because of its own object.
///
/// # Errors
///
/// [`Error::CallbackFailed`] if the object is stored and its callback failed. For every other error
/// [`Error::object_state`] says whether the object is stored.
///
/// # Cancellation
///
/// Dropping the future ends the request; OSS stores an object only if it has received all of it, so the object is
/// stored whole or not at all. If the drop comes after the last byte was sent, it may be stored.
#[derive(Debug)]
#[must_use = "an upload does nothing until it is awaited"]
pub struct PutObject {
    engine: Arc<Engine>,
    bucket: BucketName,
    key: String,
    content: Content,
    options: ObjectOptions,
    callback: Option<Callback>,
    content_md5: ContentMd5,
    reporter: Option<Reporter>,
    resend_when_unsure: bool,
}

impl PutObject {
    /// The most bytes one PUT may have: 5 GB, which OSS counts as 5 · 1024³.
    pub const LIMIT: u64 = 5 * 1024 * 1024 * 1024;

    pub(crate) fn new(engine: Arc<Engine>, bucket: BucketName, key: String, content: Content) -> Self {
        Self {
            engine,
            bucket,
            key,
            content,
            options: ObjectOptions::new(),
            callback: None,
            content_md5: ContentMd5::Unsaid,
            reporter: None,
            resend_when_unsure: false,
        }
    }

    /// Lets OSS call the application server when the object is stored.
    pub fn callback(mut self, callback: Callback) -> Self {
        self.callback = Some(callback);
        self
    }

    /// Sets what the object is stored with.
    pub fn options(mut self, options: ObjectOptions) -> Self {
        self.options = options;
        self
    }

    /// Sends `Content-MD5` with this digest: OSS refuses content that has another with 400 `InvalidDigest` and stores
    /// nothing. For a digest that is known from elsewhere; the CRC-64 is compared in any case.
    pub fn content_md5(mut self, digest: [u8; 16]) -> Self {
        self.content_md5 = ContentMd5::Given(digest);
        self
    }

    /// Computes `Content-MD5` by reading the content once more before each attempt, at about 0.6 GB/s. A stream, which
    /// can be read once, fails with [`SourceError::NotReopenable`](crate::SourceError::NotReopenable).
    pub fn compute_content_md5(mut self) -> Self {
        self.content_md5 = ContentMd5::Computed;
        self
    }

    /// Tells how far the upload is: after each chunk, on the task that sends it, so the function must be quick.
    pub fn on_progress(mut self, tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.reporter = Some(Reporter::new(tell));
        self
    }

    /// Repeats a put whose answer was lost without looking whether the object is stored, although the application
    /// server may then be called twice. An answer that came is never a reason to repeat, also if it says that other bytes
    /// were stored. For keys that may not be read (`oss:GetObject` is needed to look).
    pub fn resend_when_unsure(mut self) -> Self {
        self.resend_when_unsure = true;
        self
    }

    /// The length of the content, which one PUT must be able to carry.
    pub(crate) fn checked_length(source: &dyn Source) -> Result<Option<u64>, Error> {
        let len = source.length();
        match len {
            Some(bytes) if bytes > Self::LIMIT => {
                let limit = Self::LIMIT;
                let reason =
                    format!("has {bytes} bytes; a put takes at most {limit} (5 GB), use resumable_upload");
                Err(Error::invalid("content", reason))
            }
            _ => Ok(len),
        }
    }

    async fn send(self) -> Result<Uploaded, Error> {
        let key = ObjectKey::try_from(self.key.as_str())?;
        let source = self.content.open().await?;
        let put = Put {
            engine: &self.engine,
            bucket: &self.bucket,
            key: &key,
            source: &*source,
            content_type: guess_content_type(self.content.file_name(), key.as_str()),
            options: &self.options,
            callback: self.callback.as_ref(),
            content_md5: self.content_md5,
            reporter: self.reporter.as_ref(),
            resend_when_unsure: self.resend_when_unsure,
        };
        put.run().await
    }
}

impl IntoFuture for PutObject {
    type Output = Result<Uploaded, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// A put whose arguments are in order; also how a resumable upload stores a small source.
pub(crate) struct Put<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) bucket: &'a BucketName,
    pub(crate) key: &'a ObjectKey,
    pub(crate) source: &'a dyn Source,
    pub(crate) content_type: &'static str,
    pub(crate) options: &'a ObjectOptions,
    pub(crate) callback: Option<&'a Callback>,
    pub(crate) content_md5: ContentMd5,
    pub(crate) reporter: Option<&'a Reporter>,
    pub(crate) resend_when_unsure: bool,
}

impl Put<'_> {
    pub(crate) async fn run(&self) -> Result<Uploaded, Error> {
        let mut call = Call::new(self.engine, Operation::PutObject, Method::PUT, self.bucket, Some(self.key));
        call.headers = self.options.put_headers(Some(self.content_type))?;
        call.content_md5 = self.content_md5;
        if let Some(callback) = self.callback {
            call.headers.extend(callback.encode().headers());
        }
        let (callback, resend) = (self.callback.is_some(), self.resend_when_unsure);
        let tally = prepare(&mut call, self.source, callback, resend, self.reporter)?;
        let ledger = Ledger::default();
        reported(self.execute(&mut call, &ledger).await, &ledger, tally.as_ref())
    }

    async fn execute(&self, call: &mut Call<'_>, ledger: &Ledger) -> Result<Uploaded, Error> {
        let (began, mut earlier) = (Moment::now(), None::<Error>);
        loop {
            let error = match call.execute(ledger).await {
                Ok(answer) => return read_put(answer, self.callback.is_some()),
                Err(error) => error,
            };
            let lost = match (error, earlier) {
                (error, _) if error.lost_answer() && !call.repeat_when_lost => error,
                (error, None) => return Err(error),
                // The stream is used up; what the caller wants to know is why it was needed again.
                (Error::Source(SourceError::NotReopenable), Some(lost)) => {
                    return Err(unknown(NOT_THERE, lost));
                }
                // The object in the way may be this put's own.
                (error, Some(lost)) if error.has_code("FileAlreadyExists") => {
                    return match self.look(began, ledger).await {
                        Ok(Seen::Stored(object)) => Ok(self.found(object, &lost)),
                        Ok(Seen::NotStored(_)) => Err(error),
                        _ => Err(error.after(Operation::PutObject, lost)),
                    };
                }
                (error, Some(lost)) => return Err(error.after(Operation::PutObject, lost)),
            };
            let (reason, wait) = match self.look_twice(call, began, ledger, &lost).await {
                Ok((Seen::Stored(object), _)) => return Ok(self.found(object, &lost)),
                Ok((Seen::NotStored(reason), Some(wait))) => (reason, wait),
                Ok((Seen::NotStored(reason) | Seen::Another(reason) | Seen::Unproven(reason), _)) => {
                    return Err(unknown(&reason, lost));
                }
                Err(failed) => {
                    return Err(unknown(&format!("looking for it failed: {}", failed.with_causes()), lost));
                }
            };
            tracing::warn!(lost = lost.with_causes(), reason, ?wait, "repeating");
            earlier = Some(lost);
        }
    }

    /// Looks for the object, and if it is not there, looks again when it is time to repeat the put: OSS, or a proxy, may
    /// have all of the request and still be at work on it. Answers also how long the policy had it wait, if it has the
    /// put repeated.
    async fn look_twice(
        &self,
        call: &mut Call<'_>,
        began: Moment,
        ledger: &Ledger,
        lost: &Error,
    ) -> Result<(Seen, Option<Duration>), Error> {
        let seen = self.look(began, ledger).await?;
        if !matches!(seen, Seen::NotStored(_)) {
            return Ok((seen, None));
        }
        call.attempts_before = ledger.requests();
        let wait = call.wait(lost, call.attempts_before);
        tokio::time::sleep(wait.unwrap_or_default().max(GRACE)).await;
        Ok((self.look(began, ledger).await?, wait))
    }

    fn found(&self, object: StoredObject, lost: &Error) -> Uploaded {
        tracing::warn!(lost = lost.with_causes(), "the answer was lost, but the object is stored");
        let callback = CallbackOutcome::unheard(self.callback.is_some());
        Uploaded { object, callback, report: Report::default() }
    }

    /// Looks for the object of a put whose answer was lost.
    async fn look(&self, began: Moment, ledger: &Ledger) -> Result<Seen, Error> {
        let Some(size) = self.source.length() else {
            return Ok(Seen::Unproven("the source did not tell its length".into()));
        };
        let (bucket, key, crc64) = (self.bucket, self.key, ledger.last_crc64());
        let (common, began) = (&self.options.payer_headers(), Began::Here(began));
        (Wanted { bucket, key, common, size, crc64: Some(crc64), began }).look(self.engine).await
    }
}

/// Gives a put that has its headers the content, time for its callback, and leave to be repeated.
pub(crate) fn prepare<'a>(
    call: &mut Call<'a>,
    source: &'a dyn Source,
    callback: bool,
    resend_when_unsure: bool,
    reporter: Option<&Reporter>,
) -> Result<Option<Tally>, Error> {
    let len = PutObject::checked_length(source)?;
    let tally = reporter.map(|reporter| reporter.start(len));
    call.payload = Payload::Source { source, range: 0..len.unwrap_or(u64::MAX) };
    call.meter = tally.as_ref().map(Tally::meter);
    if callback {
        call.limits = call.limits.with_longer_first_byte(call.limits.callback);
    }
    // A second put might call the application server again, or be refused because of the object the first stored.
    if callback || call.headers.contains_key(FORBID_OVERWRITE) {
        call.repeat_when_lost = resend_when_unsure;
        call.repeat_when_corrupted = false;
    }
    Ok(tally)
}

/// Reads the answer to a put.
pub(crate) fn read_put(answer: Answer, callback_requested: bool) -> Result<Uploaded, Error> {
    let object = StoredObject::from_answer(&answer, answer.sent);
    read_stored(Operation::PutObject, object, callback_requested, answer)
}

/// Adds to an outcome what was done for it, and tells the progress of an object that is stored.
pub(crate) fn reported(
    mut result: Result<Uploaded, Error>,
    ledger: &Ledger,
    tally: Option<&Tally>,
) -> Result<Uploaded, Error> {
    if let Some(uploaded) = stored_mut(&mut result) {
        uploaded.report = ledger.report();
        if let Some(tally) = tally {
            tally.stage(Stage::Stored);
        }
    }
    result
}

/// Tells an answer that the object is stored from one that says so too, but not of its callback.
pub(crate) fn read_stored(
    operation: Operation,
    object: StoredObject,
    callback_requested: bool,
    answer: Answer,
) -> Result<Uploaded, Error> {
    let report = Report::default();
    if answer.status == StatusCode::NON_AUTHORITATIVE_INFORMATION {
        let refusal = ServerError::from_answer(operation, answer.status, &answer.headers, &answer.body);
        if callback_requested || refusal.code() == "CallbackFailed" {
            let failure = CallbackFailure::from_answer(refusal);
            let callback = CallbackOutcome::Failed(failure.clone());
            let uploaded = Uploaded { object, callback, report };
            return Err(Error::CallbackFailed(Box::new(CallbackFailed { uploaded, failure })));
        }
    }
    let callback = if callback_requested {
        CallbackOutcome::Answered(CallbackAnswer::new(&answer.headers, answer.body))
    } else {
        CallbackOutcome::NotRequested
    };
    Ok(Uploaded { object, callback, report })
}

fn unknown(reason: &str, lost: Error) -> Error {
    Error::unknown(Operation::PutObject, reason, lost)
}

/// How long a put whose answer was lost may still be under way before it counts as not carried out.
const GRACE: Duration = Duration::from_secs(2);

/// What was seen before a put was repeated.
const NOT_THERE: &str =
    "the object was not there, and the put could not be repeated, since its stream was consumed";
