//! Answers that come before the request body has been read.

use http::Method;

use super::super::source::{Counted, Source, Then, pattern};
use super::super::{Case, Check, Failure};
use super::both;

const FORBIDDEN: &[u8] = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\ndenied";
/// Larger than what the buffers between caller and server can hold.
const LARGE: u64 = 256 << 20;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::promise(
            "early/while-waiting",
            "an answer that comes while the source has nothing to give is returned; \
                      when it has been read, the body is let go and the connection closed",
            |check| Box::pin(while_waiting(check, Some(1 << 20))),
        ),
        Case::promise("early/while-waiting-chunked", "the same for a body of unknown length", |check| {
            Box::pin(while_waiting(check, None))
        }),
        Case::promise(
            "early/unread-answer",
            "when an early answer is dropped unread, the body is let go and the connection closed",
            |check| Box::pin(unread_answer(check)),
        ),
        Case::promise(
            "early/not-reading",
            "an answer of a server that does not read the body is returned",
            |check| Box::pin(not_reading(check)),
        ),
        Case::promise(
            "early/then-end",
            "an answer of a server that then ends its side of the connection is returned",
            |check| Box::pin(then_end(check)),
        ),
        Case::promise(
            "early/without-body",
            "an early answer without a body ends the request body as well",
            |check| Box::pin(without_body(check)),
        ),
        Case::advice(
            "early/then-reset",
            "an answer is returned even if the server closes the connection at once, with the body unread; \
             the connection is then reset, and a failed write must not hide the answer that came before",
            |check| Box::pin(then_reset(check)),
        ),
    ]
}

async fn while_waiting(check: Check, len: Option<u64>) -> Result<(), Failure> {
    let (source, gone) = Source::new([pattern(1000)], Then::Wait);
    let request = check.put(source.into_body(len))?;
    let caller = async {
        let answer = check.exchange(request).await?;
        gone.wait().await;
        Ok(answer)
    };
    let server = async {
        let (mut connection, _) = check.server.accept_head().await?;
        connection.read_exactly(1000).await?;
        connection.write(FORBIDDEN).await?;
        connection.closed().await;
        Ok(())
    };
    let ((parts, body), ()) = both(caller, server).await?;
    expect_forbidden(&parts, &body)
}

async fn unread_answer(check: Check) -> Result<(), Failure> {
    let (source, gone) = Source::new([pattern(1000)], Then::Wait);
    let request = check.put(source.into_body(Some(2000)))?;
    let caller = async {
        let (parts, body) = check.send(request).await?.into_parts();
        drop(body);
        gone.wait().await;
        Ok(parts)
    };
    let server = async {
        let (mut connection, _) = check.server.accept_head().await?;
        // More is announced than comes, so that the body is still open when the caller drops it.
        connection.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 60\r\n\r\ndenied").await?;
        connection.closed().await;
        Ok(())
    };
    let (parts, ()) = both(caller, server).await?;
    expect_forbidden(&parts, b"denied")
}

async fn not_reading(check: Check) -> Result<(), Failure> {
    let (source, _gone) = Counted::new(LARGE);
    let request = check.put(source.into_body())?;
    let server = async {
        let (mut connection, _) = check.server.accept_head().await?;
        connection.write(FORBIDDEN).await?;
        // Kept until the caller is done: closing it with unread bytes would reset it.
        Ok(connection)
    };
    let ((parts, body), _connection) = both(check.exchange(request), server).await?;
    expect_forbidden(&parts, &body)
}

async fn then_end(check: Check) -> Result<(), Failure> {
    let (source, gone) = Counted::new(LARGE);
    let request = check.put(source.into_body())?;
    let caller = async {
        let answer = check.exchange(request).await?;
        gone.wait().await;
        Ok(answer)
    };
    let server = async {
        let (mut connection, _) = check.server.accept_head().await?;
        connection.write(FORBIDDEN).await?;
        connection.finish().await.map_err(Failure::from)
    };
    let ((parts, body), ()) = both(caller, server).await?;
    expect_forbidden(&parts, &body)
}

async fn then_reset(check: Check) -> Result<(), Failure> {
    // The reset races with the sending, so one try says little.
    for _ in 0..20 {
        let (source, _gone) = Counted::new(LARGE);
        let request = check.put(source.into_body())?;
        let server = async {
            let (mut connection, _) = check.server.accept_head().await?;
            connection.read_exactly(1 << 20).await?;
            connection.write(FORBIDDEN).await?;
            Ok(())
        };
        let ((parts, body), ()) = both(check.exchange(request), server).await?;
        expect_forbidden(&parts, &body)?;
    }
    Ok(())
}

async fn without_body(check: Check) -> Result<(), Failure> {
    let (source, gone) = Source::new([], Then::Wait);
    let request = check.request(Method::POST, "/bucket/key", source.into_body(Some(10)))?;
    let caller = async {
        let response = check.send(request).await?;
        gone.wait().await;
        // The response is held to here: its body has ended already, so it need not be dropped first.
        Ok(response.status())
    };
    let server = async {
        let (mut connection, _) = check.server.accept_head().await?;
        connection.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await?;
        connection.closed().await;
        Ok(())
    };
    let (status, ()) = both(caller, server).await?;
    if status == http::StatusCode::FORBIDDEN { Ok(()) } else { Err(Failure::caller("403", status.as_str())) }
}

fn expect_forbidden(parts: &http::response::Parts, body: &[u8]) -> Result<(), Failure> {
    if parts.status == http::StatusCode::FORBIDDEN && body == b"denied" {
        return Ok(());
    }
    Err(Failure::caller("403 and `denied`", format!("{} and `{}`", parts.status, body.escape_ascii())))
}
