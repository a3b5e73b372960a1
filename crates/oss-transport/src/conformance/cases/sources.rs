//! Request bodies that do not keep their word.

use std::error::Error as _;

use super::super::source::{Source, SourceFailed, Then, cut, pattern};
use super::super::{Case, Check, Failure};
use super::both;
use crate::{Body, BodyError, TransportError, TransportErrorKind};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::promise(
            "source/fails-first",
            "a source that fails at once is an error of kind Body that leads to the source's own error",
            |check| Box::pin(fails(check, 0)),
        ),
        Case::promise(
            "source/fails-midway",
            "a source that fails midway is the same, and the server does not get a complete body",
            |check| Box::pin(fails(check, 5000)),
        ),
        Case::promise(
            "source/fails-last",
            "a source that fails instead of ending is the same, even if all bytes have been given",
            |check| Box::pin(fails(check, LEN)),
        ),
        Case::promise(
            "source/fails-chunked",
            "a failing source of unknown length does not look complete to the server",
            |check| Box::pin(fails_chunked(check)),
        ),
        Case::promise(
            "source/too-short",
            "a source that ends before its declared length is an error of kind Body",
            |check| Box::pin(wrong_length(check, LEN - 1, |it| matches!(it, BodyError::TooShort { .. }))),
        ),
        Case::promise(
            "source/too-long",
            "a source that goes on after its declared length is an error of kind Body, \
                      and the server does not get a complete body",
            |check| Box::pin(wrong_length(check, LEN + 1, |it| matches!(it, BodyError::TooLong { .. }))),
        ),
    ]
}

/// The declared length; small enough for the buffers of a connection nobody reads from yet.
const LEN: usize = 10_000;

async fn fails(check: Check, after: usize) -> Result<(), Failure> {
    let (source, _gone) = Source::new(cut(&pattern(after), 999), Then::Fail);
    let (error, seen) = break_off(&check, source.into_body(Some(LEN as u64))).await?;
    expect_source_failed(&error)?;
    expect_incomplete(&seen)
}

async fn fails_chunked(check: Check) -> Result<(), Failure> {
    let (source, _gone) = Source::new(cut(&pattern(5000), 999), Then::Fail);
    let (error, seen) = break_off(&check, source.into_body(None)).await?;
    expect_source_failed(&error)?;
    if seen.ends_with(b"\r\n0\r\n\r\n") {
        return Err(Failure::server("a broken off body", "the last chunk of a complete body"));
    }
    Ok(())
}

async fn wrong_length(check: Check, actual: usize, right: fn(&BodyError) -> bool) -> Result<(), Failure> {
    let (source, _gone) = Source::new(cut(&pattern(actual), 999), Then::End);
    let (error, seen) = break_off(&check, source.into_body(Some(LEN as u64))).await?;
    if !error.find_source::<BodyError>().is_some_and(right) {
        return Err(Failure::caller("the BodyError of the body among the sources", describe(&error)));
    }
    expect_incomplete(&seen)
}

/// Sends a body that fails, and gives the error and all that the server saw.
async fn break_off(check: &Check, body: Body) -> Result<(TransportError, Vec<u8>), Failure> {
    let request = check.put(body)?;
    let caller = async {
        let error = check.error_of(request, &[TransportErrorKind::Body]).await?;
        // A transport may find out before it connects; then this is the connection that the server gets.
        check.server.knock().await?;
        Ok(error)
    };
    let server = async { Ok(check.server.accept().await?.closed().await) };
    both(caller, server).await
}

fn expect_source_failed(error: &TransportError) -> Result<(), Failure> {
    if error.find_source::<SourceFailed>().is_some() {
        return Ok(());
    }
    Err(Failure::caller("the source's own error among the sources", describe(error)))
}

fn expect_incomplete(seen: &[u8]) -> Result<(), Failure> {
    let Some(head) = seen.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(()) };
    let body = seen.len() - head - 4;
    if body < LEN {
        return Ok(());
    }
    Err(Failure::server(format!("less than the declared {LEN} bytes"), format!("{body} bytes")))
}

fn describe(error: &TransportError) -> String {
    let mut text = format!("{:?}: {error}", error.kind());
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
