//! Futures and responses that are dropped before they are done.

use std::pin::pin;

use futures_util::future::{Either, select};
use tokio::sync::oneshot;

use super::super::source::{Counted, Source, Then, pattern};
use super::super::{Case, Check, Failure};
use super::both;
use crate::Request;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::promise(
            "drop/while-sending",
            "dropping the future while the body is being sent drops the body and closes the connection",
            |check| Box::pin(while_sending(check)),
        ),
        Case::promise(
            "drop/while-blocked",
            "dropping the future while the server does not read drops the body and closes the connection",
            |check| Box::pin(while_blocked(check)),
        ),
        Case::promise(
            "drop/while-waiting",
            "dropping the future while the answer is awaited closes the connection",
            |check| Box::pin(while_waiting(check)),
        ),
        Case::promise("drop/response", "dropping a response before its end closes the connection", |check| {
            Box::pin(response(check))
        }),
        Case::promise(
            "drop/not-reused",
            "a connection left half used is not used for the next request",
            |check| Box::pin(not_reused(check)),
        ),
    ]
}

async fn while_sending(check: Check) -> Result<(), Failure> {
    let (source, gone) = Source::new([pattern(1000)], Then::Wait);
    let request = check.put(source.into_body(Some(2000)))?;
    let (now, when) = oneshot::channel();
    let caller = async {
        send_until(&check, request, when).await?;
        gone.wait().await;
        Ok(())
    };
    let server = async {
        let (mut connection, _) = check.server.accept_head().await?;
        connection.read_exactly(1000).await?;
        let _the_caller_failed = now.send(());
        connection.closed().await;
        Ok(())
    };
    both(caller, server).await?;
    Ok(())
}

async fn while_blocked(check: Check) -> Result<(), Failure> {
    let (source, gone) = Counted::new(1 << 40);
    let request = check.put(source.into_body())?;
    let (now, when) = oneshot::channel();
    let caller = async {
        send_until(&check, request, when).await?;
        gone.wait().await;
        Ok(())
    };
    let server = async {
        let (mut connection, _) = check.server.accept_head().await?;
        let _the_caller_failed = now.send(());
        connection.closed().await;
        Ok(())
    };
    both(caller, server).await?;
    Ok(())
}

async fn while_waiting(check: Check) -> Result<(), Failure> {
    let request = check.put(pattern(1000))?;
    let (now, when) = oneshot::channel();
    let server = async {
        let (mut connection, _, _) = check.server.accept_request().await?;
        let _the_caller_failed = now.send(());
        connection.closed().await;
        Ok(())
    };
    both(send_until(&check, request, when), server).await?;
    Ok(())
}

async fn response(check: Check) -> Result<(), Failure> {
    let request = check.put("body")?;
    let caller = async {
        drop(check.send(request).await?);
        Ok(())
    };
    let server = async {
        let (mut connection, _, _) = check.server.accept_request().await?;
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n").await?;
        // Endless, as far as the buffers are concerned: only the closing of the connection ends it.
        let piece = pattern(64 << 10);
        while connection.write(&piece).await.is_ok() {}
        Ok(())
    };
    both(caller, server).await?;
    Ok(())
}

async fn not_reused(check: Check) -> Result<(), Failure> {
    let (source, _gone) = Source::new([pattern(1000)], Then::Wait);
    let first = check.put(source.into_body(Some(2000)))?;
    let second = check.put("second")?;
    let (now, when) = oneshot::channel();
    let caller = async {
        send_until(&check, first, when).await?;
        check.exchange(second).await
    };
    let server = async {
        let (mut connection, _) = check.server.accept_head().await?;
        connection.read_exactly(1000).await?;
        let _the_caller_failed = now.send(());
        let more = connection.closed().await;
        if !more.is_empty() {
            return Err(Failure::server(
                "nothing more on a dropped connection",
                format!("{} bytes", more.len()),
            ));
        }
        check.server.answer_once(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond").await
    };
    let ((_, body), (_, seen)) = both(caller, server).await?;
    if body == "second" && seen == b"second" {
        return Ok(());
    }
    Err(Failure::caller("the answer to the second request", body.escape_ascii().to_string()))
}

/// Polls the sending until the server gives a sign, and drops it then.
async fn send_until(check: &Check, request: Request, sign: oneshot::Receiver<()>) -> Result<(), Failure> {
    match select(pin!(check.transport.send(request)), sign).await {
        Either::Left((Ok(response), _)) => {
            Err(Failure::caller("no response before the server answers", response.status().as_str()))
        }
        Either::Left((Err(error), _)) => Err(Failure::UnexpectedError(error)),
        Either::Right(_) => Ok(()),
    }
}
