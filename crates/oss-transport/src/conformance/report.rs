use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use http::StatusCode;

use crate::{TransportError, TransportErrorKind};

/// What a check found: one [`Outcome`] for each promise of the contract.
///
/// Its `Display` is a table with the reasons of the failures.
#[derive(Debug)]
pub struct Report {
    outcomes: Vec<Outcome>,
}

impl Report {
    pub(super) fn new(outcomes: Vec<Outcome>) -> Self {
        Self { outcomes }
    }

    /// Gives all outcomes, in the order in which they were checked.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Gives the promises that are not kept.
    pub fn failures(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes
            .iter()
            .filter(|outcome| outcome.weight == Weight::Promise && outcome.failure().is_some())
    }

    /// Says whether at least one case ran and all promises that were checked are kept.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.outcomes.is_empty() && self.failures().next().is_none()
    }

    /// Turns a failed report into an error, for `?` and `unwrap`.
    ///
    /// # Errors
    ///
    /// The report itself, if a case failed or none ran.
    pub fn into_result(self) -> Result<Self, ConformanceError> {
        if self.passed() { Ok(self) } else { Err(ConformanceError { report: self }) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in &self.outcomes {
            writeln!(f, "{outcome}")?;
        }
        let kept = self.outcomes.iter().filter(|outcome| outcome.failure().is_none()).count();
        let failed = self.failures().count();
        let notes = self.outcomes.len() - kept - failed;
        write!(f, "{kept} kept, {failed} failed, {notes} with a note")
    }
}

/// A report in which something failed; made by [`Report::into_result`].
pub struct ConformanceError {
    report: Report,
}

impl ConformanceError {
    /// Gives the report.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl fmt::Display for ConformanceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the transport does not keep its contract\n{}", self.report)
    }
}

impl fmt::Debug for ConformanceError {
    /// Prints the table, because this is what `unwrap` in a test shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ConformanceError {}

/// One promise of the contract, and whether it was kept.
///
/// Its `Display` is one line, followed by the reason if it failed.
#[derive(Debug)]
pub struct Outcome {
    pub(super) name: &'static str,
    pub(super) promise: &'static str,
    pub(super) weight: Weight,
    pub(super) result: Result<(), Failure>,
}

impl Outcome {
    /// Says whether the promise must be kept.
    #[must_use]
    pub fn weight(&self) -> Weight {
        self.weight
    }

    /// Gives the short name of the case, for [`Settings::only`](super::Settings::only).
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Gives the promise in one sentence.
    #[must_use]
    pub fn promise(&self) -> &'static str {
        self.promise
    }

    /// Gives the reason why the case failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.result.as_ref().err()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match (&self.result, self.weight) {
            (Ok(()), _) => "ok  ",
            (Err(_), Weight::Promise) => "FAIL",
            (Err(_), Weight::Advice) => "note",
        };
        write!(f, "{verdict}  {:<32} {}", self.name, self.promise)?;
        let Err(failure) = &self.result else { return Ok(()) };
        write!(f, "\n      {failure}")?;
        let mut source = failure.source();
        while let Some(error) = source {
            write!(f, "\n      caused by: {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

/// Whether a promise belongs to the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weight {
    /// The contract requires it; a failure fails the report.
    Promise,
    /// The contract wishes it, but not every HTTP library can do it; a failure is a note.
    Advice,
}

/// Why a case failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The server saw something else than it should have.
    #[error("the server saw {observed}; expected: {expected}")]
    #[non_exhaustive]
    Server {
        /// What the server should have seen.
        expected: String,
        /// What it saw.
        observed: String,
    },
    /// The caller got something else than it should have.
    #[error("the caller got {observed}; expected: {expected}")]
    #[non_exhaustive]
    Caller {
        /// What the caller should have got.
        expected: String,
        /// What it got.
        observed: String,
    },
    /// A response was due, and an error came.
    #[error("an error came where a response was due")]
    UnexpectedError(#[source] TransportError),
    /// An error was due, and a response came.
    #[error("a response with status {status} came; expected: an error of kind {expected:?}")]
    #[non_exhaustive]
    UnexpectedResponse {
        /// The response's status.
        status: StatusCode,
        /// The kinds of error that would have been right.
        expected: &'static [TransportErrorKind],
    },
    /// An error was due and came, but of another kind.
    #[error("the error has the kind {:?}; expected: {expected:?}", error.kind())]
    #[non_exhaustive]
    WrongKind {
        /// The kinds that would have been right.
        expected: &'static [TransportErrorKind],
        /// The error that came.
        #[source]
        error: TransportError,
    },
    /// More of a body was held between its source and the server than allowed.
    #[error("{in_flight} bytes were between the source and the server, over the limit of {limit}")]
    #[non_exhaustive]
    Unbounded {
        /// The bytes taken from the source that the server had not read.
        in_flight: u64,
        /// The most that is allowed, in bytes; see [`Settings::in_flight`](super::Settings::in_flight).
        limit: u64,
    },
    /// The case did not come to an end: a future that never completes, or a connection that is never closed.
    #[error("the case did not end within {limit:?}")]
    #[non_exhaustive]
    Hung {
        /// The time the case had; see [`Settings::case_limit`](super::Settings::case_limit).
        limit: Duration,
    },
    /// The check itself could not go on: no socket on the loopback interface, or a broken connection where none
    /// was due.
    #[error("the check's own server failed")]
    Io(#[from] io::Error),
}

impl Failure {
    pub(super) fn server(expected: impl Into<String>, observed: impl Into<String>) -> Self {
        Self::Server { expected: expected.into(), observed: observed.into() }
    }

    pub(super) fn caller(expected: impl Into<String>, observed: impl Into<String>) -> Self {
        Self::Caller { expected: expected.into(), observed: observed.into() }
    }
}
