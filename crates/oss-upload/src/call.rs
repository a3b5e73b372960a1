//! One request to OSS and its repetition: credentials, body, date and signature are fresh for every attempt.

mod answer;
mod attempt;
mod ledger;

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use oss_signing::{BucketName, Credentials, ObjectKey};
use tokio::time::Instant;
use tracing::Instrument;

pub(crate) use self::answer::Answer;
pub(crate) use self::ledger::Ledger;
use crate::content_md5::ContentMd5;
use crate::credentials;
use crate::error::{Error, stores_object};
use crate::gate::{Gate, Place};
use crate::limits::TimeLimits;
use crate::operation::Operation;
use crate::progress::Meter;
use crate::retry::Failure;
use crate::server_error::ServerError;
use crate::source::{Source, SourceError};
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
    /// When the first attempt may have begun.
    pub(crate) began: Instant,
    /// Attempts made of the same request before this call.
    pub(crate) attempts_before: u32,
    /// What every attempt must pass, if the request is one of many.
    pub(crate) gate: Option<&'a Gate>,
    /// Whether a request that may have been carried out is safe to repeat.
    pub(crate) repeat_when_lost: bool,
    /// Whether a request that was carried out, but with other bytes, is safe to repeat.
    pub(crate) repeat_when_corrupted: bool,
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
            began: Instant::now(),
            attempts_before: 0,
            gate: None,
            repeat_when_lost: true,
            repeat_when_corrupted: true,
        }
    }

    /// Makes the request, and makes it again as often as the retry policy has it.
    ///
    /// # Cancellation
    ///
    /// Dropping the future drops the attempt under way; the server may or may not have carried it out.
    pub(crate) async fn execute(&self, ledger: &Ledger) -> Result<Answer, Error> {
        let mut lost = None;
        let result = self.repeat(ledger, &mut lost).await;
        // How the last attempt ended does not undo what an earlier one may have done.
        result.map_err(|error| match lost {
            Some(lost) => error.after(self.operation, lost),
            None => error,
        })
    }

    /// Puts into `lost` the last attempt that may have stored the object in spite of its error and was repeated.
    async fn repeat(&self, ledger: &Ledger, lost: &mut Option<Error>) -> Result<Answer, Error> {
        let (mut attempts, mut clock_corrected, mut refreshed) = (self.attempts_before, false, false);
        let mut altered = false;
        let mut earlier: Option<Error> = None;
        loop {
            let credentials = match &self.target {
                Target::Resource { engine, .. } => {
                    credentials::ask(&*engine.credentials, self.operation, &self.limits).await?
                }
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
            let error = match (result, earlier.take()) {
                (Ok(answer), _) => {
                    self.wire.retry.succeeded();
                    return Ok(answer);
                }
                // The stream is used up; what the caller wants to know is why it was needed again.
                (Err(Error::Source(SourceError::NotReopenable)), earlier)
                    if attempts > self.attempts_before + 1 =>
                {
                    return Err(lost.take().or(earlier).unwrap_or(SourceError::NotReopenable.into()));
                }
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
                // Content that arrived altered may arrive whole the next time; twice altered, the digest is of other
                // content.
                let altered_again = error.has_code("InvalidDigest") && std::mem::replace(&mut altered, true);
                let safe = !altered_again && self.may_repeat(&error);
                let Some(wait) = safe.then(|| self.wait(&error, attempts)).flatten() else {
                    return Err(error);
                };
                tracing::warn!(operation = %self.operation, attempts, ?wait, error = error.with_causes(), "repeating");
                tokio::time::sleep(wait).await;
            }
            match may_have_stored(&error) {
                true => *lost = Some(error),
                false => earlier = Some(error),
            }
        }
    }

    /// How long the policy has one wait before a failed attempt is repeated, and never less than OSS asks for.
    pub(crate) fn wait(&self, error: &Error, attempts: u32) -> Option<Duration> {
        let elapsed = self.began.elapsed();
        let failure = Failure { operation: self.operation, attempts, elapsed, error };
        let wait = error.is_transient().then(|| self.wire.retry.wait(&failure)).flatten()?;
        Some(wait.max(error.server().and_then(ServerError::pause).unwrap_or_default()))
    }

    /// Whether a repetition is safe; whether it may help, [`wait`](Self::wait) asks.
    fn may_repeat(&self, error: &Error) -> bool {
        match error {
            Error::Corrupted { .. } => self.repeat_when_corrupted,
            _ if error.lost_answer() => self.repeat_when_lost,
            _ => true,
        }
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
            Target::Resource { engine, .. } => {
                credentials::refuse(&*engine.credentials, refused, &self.limits).await
            }
            Target::Presigned(_) => false,
        }
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

/// Whether the object may be stored, or is stored altered, although this error came of it.
fn may_have_stored(error: &Error) -> bool {
    error.lost_answer() || matches!(error, Error::Corrupted { operation, .. } if stores_object(*operation))
}

fn is_credentials_refusal(error: &Error) -> bool {
    ["SecurityTokenExpired", "InvalidSecurityToken", "InvalidAccessKeyId"]
        .iter()
        .any(|code| error.has_code(code))
}

/// The longest a Complete may take to answer: OSS puts the parts together before it does.
pub(crate) fn complete_time(parts: usize) -> Duration {
    // Reports speak of five minutes for a 34 GB object of 5,600 parts.
    Duration::from_secs(120) + Duration::from_millis(100) * u32::try_from(parts).unwrap_or(10_000)
}
