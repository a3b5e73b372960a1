//! What an upload can fail with.

use std::time::Duration;

use oss_signing::{NameError, SignError, UrlError};
use oss_transport::TransportError;

use crate::callback_failure::CallbackFailed;
use crate::checkpoint::CheckpointError;
use crate::credentials::CredentialsError;
use crate::limits::Phase;
use crate::operation::Operation;
use crate::server_error::ServerError;
use crate::source::SourceError;
use crate::uploaded::Uploaded;

/// Why an upload did not end well.
///
/// [`object_state`](Error::object_state) answers the first question, whether the object is stored. One variant means
/// that it is: [`CallbackFailed`](Error::CallbackFailed).
///
/// ```
/// use oss_upload::{Error, Uploaded};
///
/// fn report(result: Result<Uploaded, Error>) {
///     match result {
///         Ok(uploaded) => println!("stored and called back: {:?}", uploaded.callback),
///         Err(Error::CallbackFailed(failed)) => println!("stored, not called back: {}", failed.failure),
///         Err(error) => println!("{error}; the object is {:?}", error.object_state()),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument cannot be used. Nothing was sent.
    #[error("{argument} {reason}")]
    #[non_exhaustive]
    InvalidArgument {
        /// The argument's name in this crate.
        argument: &'static str,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// A bucket name, object key or region is not one. Nothing was sent.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The request's URL cannot be built. Nothing was sent.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The bytes to upload could not be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There are no credentials to sign with.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The request could not be signed. Nothing was sent.
    #[error("{operation} could not be signed")]
    #[non_exhaustive]
    Sign {
        /// What was asked for.
        operation: Operation,
        /// Why not.
        source: SignError,
    },
    /// The request could not be carried out; the transport's error says how far it came.
    #[error("{operation} got no answer")]
    #[non_exhaustive]
    Transport {
        /// What was asked for.
        operation: Operation,
        /// What happened to the connection.
        source: TransportError,
    },
    /// Nothing moved for longer than a time limit allows.
    #[error("{operation} was given up after waiting {} s {phase}", limit.as_secs_f32())]
    #[non_exhaustive]
    TimedOut {
        /// What was asked for.
        operation: Operation,
        /// What it waited for.
        phase: Phase,
        /// The limit that was reached.
        limit: Duration,
    },
    /// OSS, or a proxy before it, refused the request.
    #[error(transparent)]
    Server(Box<ServerError>),
    /// **The object is stored**; only its callback failed. Never a reason to upload again.
    #[error(transparent)]
    CallbackFailed(Box<CallbackFailed>),
    /// The object OSS stored is not the bytes that were sent, as the checksums show.
    #[error(
        "{operation} stored other bytes than were sent: CRC-64 here {expected}, at OSS {actual}; upload again, and suspect memory or a middle box if it happens again"
    )]
    #[non_exhaustive]
    Corrupted {
        /// What stored the object or part.
        operation: Operation,
        /// CRC-64/XZ of the bytes sent.
        expected: u64,
        /// CRC-64/XZ OSS computed.
        actual: u64,
    },
    /// OSS's answer lacks what it must have, or cannot be read.
    #[error("the answer to {operation} cannot be used: {reason}")]
    #[non_exhaustive]
    MalformedAnswer {
        /// What was asked for.
        operation: Operation,
        /// What is missing or wrong.
        reason: String,
    },
    /// The answer to the request that stores the object was lost, and looking for the object did not settle whether it
    /// is stored.
    #[error("the answer to {operation} was lost and it is not known whether the object is stored: {reason}")]
    #[non_exhaustive]
    OutcomeUnknown {
        /// The request whose answer was lost.
        operation: Operation,
        /// What was seen when looking.
        reason: String,
        /// How the answer was lost.
        #[source]
        lost: Box<Error>,
    },
    /// An upload without a checkpoint failed, and its parts could not be removed from OSS.
    #[error(
        "the upload failed, and its parts are left at OSS under the upload id {upload_id}, since aborting it failed too ({abort}); abort it with `MultipartUpload::abort` or `sweep_uploads`"
    )]
    #[non_exhaustive]
    LeftBehind {
        /// The id of the upload that is still open.
        upload_id: String,
        /// Why it could not be aborted.
        abort: Box<Error>,
        /// Why the upload failed.
        #[source]
        cause: Box<Error>,
    },
    /// The checkpoint cannot be used, or has passed to another holder, who may complete the upload:
    /// [`object_state`](Self::object_state) tells the two apart.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Whether the object an upload was to store is stored.
///
/// There is no fourth answer, so that a `match` can be made to handle each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectState {
    /// This upload did not store it. An object that was there before is still there.
    NotStored,
    /// It is stored.
    Stored,
    /// The answer was lost: it may be stored. Look with `head_object`, or upload again if the callback bears it.
    Unknown,
}

impl Error {
    /// Whether the object is stored in spite of this error.
    #[must_use]
    pub fn object_state(&self) -> ObjectState {
        match self {
            Self::CallbackFailed(_) => ObjectState::Stored,
            Self::Corrupted { operation, .. } if stores_object(*operation) => ObjectState::Stored,
            // Whoever has the lease now goes on with the upload.
            Self::OutcomeUnknown { .. } | Self::Checkpoint(CheckpointError::Lost { .. }) => {
                ObjectState::Unknown
            }
            Self::LeftBehind { cause, .. } => cause.object_state(),
            _ if self.lost_answer() => ObjectState::Unknown,
            _ => ObjectState::NotStored,
        }
    }

    /// OSS's refusal, if that is what this is.
    #[must_use]
    pub fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Server(error) => Some(error),
            Self::LeftBehind { cause, .. } => cause.server(),
            _ => None,
        }
    }

    /// The failed callback, if that is what this is.
    #[must_use]
    pub fn callback_failed(&self) -> Option<&CallbackFailed> {
        match self {
            Self::CallbackFailed(failed) => Some(failed),
            _ => None,
        }
    }

    /// Takes "stored, callback failed" for a success, as whoever does not depend on the callback may.
    ///
    /// ```
    /// # use oss_upload::{Error, Uploaded};
    /// fn only_the_object_counts(result: Result<Uploaded, Error>) -> Result<Uploaded, Error> {
    ///     result.or_else(Error::ignore_callback_failure)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Any other error, as it was.
    pub fn ignore_callback_failure(self) -> Result<Uploaded, Self> {
        match self {
            Self::CallbackFailed(failed) => Ok(failed.uploaded),
            other => Err(other),
        }
    }

    /// Whether the same request may succeed if it is sent again. Says nothing of whether that is safe.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        use oss_transport::TransportErrorKind as Kind;
        match self {
            Self::Server(error) => error.is_transient(),
            Self::TimedOut { phase, .. } => *phase != Phase::Total,
            Self::Transport { source, .. } => {
                !matches!(source.kind(), Kind::Body | Kind::Tls | Kind::TooLarge | Kind::InvalidRequest)
            }
            Self::MalformedAnswer { .. } => true,
            Self::Corrupted { .. } => true,
            _ => false,
        }
    }

    /// Whether the request may have been carried out although this error came of it.
    pub(crate) fn lost_answer(&self) -> bool {
        let (operation, lost) = match self {
            Self::Transport { operation, source } => (*operation, source.kind().may_have_been_processed()),
            Self::TimedOut { operation, phase, .. } => {
                (*operation, matches!(phase, Phase::FirstByte | Phase::ReceiveIdle | Phase::Total))
            }
            Self::Server(error) => (error.operation(), error.may_come_after_the_work()),
            Self::MalformedAnswer { operation, .. } => (*operation, true),
            _ => return false,
        };
        lost && stores_object(operation)
    }

    /// This error, of an attempt of `operation` that came after one that may have stored the object.
    pub(crate) fn after(self, operation: Operation, lost: Self) -> Self {
        if self.object_state() != ObjectState::NotStored {
            return self;
        }
        let reason = format!("the repetition failed: {}", self.with_causes());
        Self::OutcomeUnknown { operation, reason, lost: Box::new(lost) }
    }

    /// The message and those of all causes, in one line for a log.
    pub(crate) fn with_causes(&self) -> String {
        std::iter::successors(std::error::Error::source(self), |cause| cause.source())
            .fold(self.to_string(), |line, cause| format!("{line}: {cause}"))
    }

    /// The answer to the request that stores the object was lost, and looking did not settle it.
    pub(crate) fn unknown(operation: Operation, reason: impl Into<String>, lost: Self) -> Self {
        Self::OutcomeUnknown { operation, reason: reason.into(), lost: Box::new(lost) }
    }

    pub(crate) fn invalid(argument: &'static str, reason: impl Into<String>) -> Self {
        Self::InvalidArgument { argument, reason: reason.into() }
    }

    pub(crate) fn has_code(&self, code: &str) -> bool {
        self.server().is_some_and(|error| error.code() == code)
    }
}

impl From<ServerError> for Error {
    fn from(error: ServerError) -> Self {
        Self::Server(Box::new(error))
    }
}

/// Whether the object is there when the operation is done.
pub(crate) fn stores_object(operation: Operation) -> bool {
    matches!(operation, Operation::PutObject | Operation::CompleteMultipartUpload)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use oss_transport::TransportErrorKind as Kind;

    use super::*;

    const PUT: Operation = Operation::PutObject;

    fn transport(operation: Operation, kind: Kind) -> Error {
        Error::Transport { operation, source: TransportError::new(kind, "test") }
    }

    fn timed_out(operation: Operation, phase: Phase) -> Error {
        Error::TimedOut { operation, phase, limit: Duration::from_secs(1) }
    }

    fn server(status: u16, xml: &'static str) -> Error {
        refusal(PUT, status, xml)
    }

    fn complete(status: u16, xml: &'static str) -> Error {
        refusal(Operation::CompleteMultipartUpload, status, xml)
    }

    fn refusal(operation: Operation, status: u16, xml: &'static str) -> Error {
        let status = StatusCode::from_u16(status).unwrap();
        ServerError::from_answer(operation, status, &HeaderMap::new(), &xml.into()).into()
    }

    #[test]
    fn each_failure_says_what_it_means_for_the_object_and_for_a_repetition() {
        use ObjectState::{NotStored, Stored, Unknown};
        let malformed = |operation| Error::MalformedAnswer { operation, reason: String::new() };
        let corrupted = |operation| Error::Corrupted { operation, expected: 1, actual: 2 };
        for (error, state, transient) in [
            (transport(PUT, Kind::Connect), NotStored, true),
            (transport(PUT, Kind::Tls), NotStored, false),
            (transport(PUT, Kind::InvalidRequest), NotStored, false),
            (transport(PUT, Kind::SendInterrupted), NotStored, true),
            (transport(PUT, Kind::ReceiveInterrupted), Unknown, true),
            (transport(PUT, Kind::Timeout), Unknown, true),
            (transport(PUT, Kind::Other), Unknown, true),
            (transport(PUT, Kind::Body), NotStored, false),
            (transport(Operation::HeadObject, Kind::Other), NotStored, true),
            (transport(Operation::CompleteMultipartUpload, Kind::Other), Unknown, true),
            (timed_out(PUT, Phase::Credentials), NotStored, true),
            (timed_out(PUT, Phase::Start), NotStored, true),
            (timed_out(Operation::CompleteMultipartUpload, Phase::SourceIdle), NotStored, true),
            (timed_out(PUT, Phase::SendIdle), NotStored, true),
            (timed_out(PUT, Phase::FirstByte), Unknown, true),
            (timed_out(PUT, Phase::ReceiveIdle), Unknown, true),
            (timed_out(PUT, Phase::Total), Unknown, false),
            (timed_out(Operation::UploadPart(1), Phase::FirstByte), NotStored, true),
            (malformed(PUT), Unknown, true),
            (malformed(Operation::HeadObject), NotStored, true),
            (corrupted(PUT), Stored, true),
            (corrupted(Operation::UploadPart(1)), NotStored, true),
            (server(403, ""), NotStored, false),
            (server(500, "<Error><Code>InternalError</Code></Error>"), Unknown, true),
            (server(503, "<Error><Code>ServiceUnavailable</Code></Error>"), NotStored, true),
            (server(503, ""), Unknown, true),
            (server(502, "<h1>Bad Gateway</h1>"), Unknown, true),
            (server(200, "<Error><Code>InternalError</Code></Error>"), Unknown, true),
            (complete(502, "<Error><Code>BadGateway</Code></Error>"), Unknown, true),
            (complete(504, "<Error><Code>GatewayTimeout</Code></Error>"), Unknown, true),
            (complete(200, "<Error><Code>AccessDenied</Code></Error>"), Unknown, false),
            (complete(503, "<Error><Code>ServiceUnavailable</Code></Error>"), NotStored, true),
            (complete(403, "<Error><Code>AccessDenied</Code></Error>"), NotStored, false),
            (server(504, "<Error><Code>GatewayTimeout</Code></Error>"), NotStored, true),
            (Error::invalid("content", "is wrong"), NotStored, false),
            (SourceError::NotReopenable.into(), NotStored, false),
            (CredentialsError::new("none").into(), NotStored, false),
        ] {
            assert_eq!((error.object_state(), error.is_transient()), (state, transient), "{error:?}");
            let after = error.after(PUT, transport(PUT, Kind::Other));
            assert_ne!(after.object_state(), NotStored, "after a lost answer: {after:?}");
        }
    }

    #[test]
    fn a_line_of_the_log_has_each_cause_once() {
        assert_eq!(transport(PUT, Kind::Connect).with_causes().matches("test").count(), 1);
    }
}
