//! The time limits of one attempt.

use std::fmt;
use std::time::Duration;

/// How long one attempt may stand still. An attempt that moves is never ended, however long it lasts, unless
/// [`total`](TimeLimits::total) is set.
///
/// The limits are the uploader's own and hold for every transport; `None` switches one off.
///
/// | phase | from | until | default |
/// | --- | --- | --- | --- |
/// | [`credentials`](TimeLimits::credentials) | the provider is asked for credentials | it answers | 60 s |
/// | [`start`](TimeLimits::start) | the source is asked for the body | the transport asks for the body's first byte | 20 s |
/// | [`send_idle`](TimeLimits::send_idle) | the transport takes a chunk of the body | it takes the next; the source may be what is slow | 60 s |
/// | [`first_byte`](TimeLimits::first_byte) | the body has been taken whole (or there is none) | the answer's headers arrive | 60 s |
/// | [`receive_idle`](TimeLimits::receive_idle) | the headers, or a piece of the answer, arrive | the next piece arrives | 30 s |
/// | [`total`](TimeLimits::total) | the source is asked for the body | the answer is complete | none |
/// | [`source_idle`](TimeLimits::source_idle) | bytes of a stream are waited for, to make a part of them, or of any source, to compare it | they come | 15 min |
///
/// No request of that part is under way while `source_idle` counts, so it is long: a pipe may be silent for minutes. The
/// part that is waited for holds its memory meanwhile, and other uploads may wait for that memory; `None` lets them wait
/// for ever.
///
/// An upload with a callback gets [`callback`](TimeLimits::callback) more for its first byte, since OSS gives the
/// application server five seconds a URL. Completing a multipart upload gets more still, scaled by the number of parts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeLimits {
    /// Until the credentials provider answers.
    pub credentials: Option<Duration>,
    /// Until the transport asks for the body's first byte: opening the source, connecting, TLS, and waiting for a connection.
    pub start: Option<Duration>,
    /// Between two chunks of the request body.
    pub send_idle: Option<Duration>,
    /// Between the end of the request body and the answer's headers.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the answer's body.
    pub receive_idle: Option<Duration>,
    /// For the attempt as a whole.
    pub total: Option<Duration>,
    /// Between two chunks of a source that is read here, before a part is sent or to compare it, and not by a transport.
    pub source_idle: Option<Duration>,
    /// What a callback adds to `first_byte`: 25 s, five URLs of five seconds each.
    pub callback: Duration,
}

impl TimeLimits {
    pub(crate) fn of(&self, phase: Phase) -> Option<Duration> {
        match phase {
            Phase::Start => self.start,
            Phase::SendIdle => self.send_idle,
            Phase::FirstByte => self.first_byte,
            Phase::ReceiveIdle => self.receive_idle,
            Phase::Total => self.total,
            Phase::Credentials => self.credentials,
            Phase::SourceIdle => self.source_idle,
        }
    }

    pub(crate) fn with_longer_first_byte(&self, extra: Duration) -> Self {
        Self { first_byte: self.first_byte.map(|limit| limit.saturating_add(extra)), ..self.clone() }
    }
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            credentials: Some(Duration::from_secs(60)),
            start: Some(Duration::from_secs(20)),
            send_idle: Some(Duration::from_secs(60)),
            first_byte: Some(Duration::from_secs(60)),
            receive_idle: Some(Duration::from_secs(30)),
            total: None,
            source_idle: Some(Duration::from_secs(15 * 60)),
            callback: Duration::from_secs(25),
        }
    }
}

/// Takes a step, unless it takes longer than the limit, which is given back then.
pub(crate) async fn within<T>(limit: Option<Duration>, step: impl Future<Output = T>) -> Result<T, Duration> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, step).await.map_err(|_elapsed| limit),
        None => Ok(step.await),
    }
}

/// What an attempt was doing when its time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Opening the source, connecting, or waiting for a connection.
    Start,
    /// Sending the body.
    SendIdle,
    /// Waiting for the answer after the body.
    FirstByte,
    /// Reading the answer.
    ReceiveIdle,
    /// Anything; the limit was for the whole attempt.
    Total,
    /// Waiting for the credentials provider.
    Credentials,
    /// Waiting for the source, before anything of the part was sent.
    SourceIdle,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Start => "for the source to open and the connection to be made (limit `start`)",
            Phase::SendIdle => {
                "for the source to give, or the connection to take, more of the body (limit `send_idle`)"
            }
            Phase::FirstByte => "for the answer after the body was sent (limit `first_byte`)",
            Phase::ReceiveIdle => "for more of the answer (limit `receive_idle`)",
            Phase::Credentials => "for the credentials provider (limit `credentials`)",
            Phase::SourceIdle => "for the source to give more (limit `source_idle`)",
            Phase::Total => "for the whole attempt (limit `total`)",
        })
    }
}
