//! Connections that break, at every stage of a request.

use std::net::Ipv4Addr;

use tokio::net::TcpSocket;
use tokio::sync::oneshot;

use super::super::server::Connection;
use super::super::source::{Source, Then, pattern};
use super::super::{Case, Check, Failure, RESPONSE_LIMIT, expect_kind};
use super::{both, both_once};
use crate::TransportErrorKind as Kind;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::promise("break/refused", "a refused connection is Connect", |check| Box::pin(refused(check))),
        Case::promise(
            "break/reset-before-body",
            "a reset before the first byte of the body is SendInterrupted, and not tried again",
            |check| Box::pin(while_sending(check, 0, End::Reset)),
        ),
        Case::promise(
            "break/reset-at-half",
            "a reset in the middle of the body is SendInterrupted, and not tried again",
            |check| Box::pin(while_sending(check, LEN / 2, End::Reset)),
        ),
        Case::promise(
            "break/reset-before-last-byte",
            "a reset before the last byte of the body is SendInterrupted, and not tried again",
            |check| Box::pin(while_sending(check, LEN - 1, End::Reset)),
        ),
        Case::promise(
            "break/closed-at-half",
            "a connection closed in the middle of the body is SendInterrupted",
            |check| Box::pin(while_sending(check, LEN / 2, End::Close)),
        ),
        Case::promise(
            "break/reset-after-body",
            "a reset after the body, without an answer, is ReceiveInterrupted, and not tried again",
            |check| Box::pin(before_answer(check, b"", End::Reset)),
        ),
        Case::promise(
            "break/closed-after-body",
            "a connection closed after the body, without an answer, is ReceiveInterrupted",
            |check| Box::pin(before_answer(check, b"", End::Close)),
        ),
        Case::promise(
            "break/closed-in-headers",
            "an answer cut in its headers is ReceiveInterrupted",
            |check| Box::pin(before_answer(check, b"HTTP/1.1 200 OK\r\nETag: \"5B3C", End::Close)),
        ),
        Case::promise(
            "break/reset-in-headers",
            "an answer reset in its headers is ReceiveInterrupted",
            |check| Box::pin(before_answer(check, b"HTTP/1.1 200 OK\r\nETag: \"5B3C", End::Reset)),
        ),
        Case::promise(
            "break/closed-in-body",
            "an answer cut in a body of known length comes back, and reading it is ReceiveInterrupted",
            |check| Box::pin(in_answer(check, b"Content-Length: 10\r\n\r\nhello", End::Close)),
        ),
        Case::promise(
            "break/closed-in-chunks",
            "an answer cut in a chunked body comes back, and reading it is ReceiveInterrupted",
            |check| Box::pin(in_answer(check, CUT_CHUNKS, End::Close)),
        ),
        Case::promise(
            "break/reset-in-body",
            "an answer reset in its body comes back, and reading it is ReceiveInterrupted",
            |check| Box::pin(in_answer(check, b"Content-Length: 10\r\n\r\nhello", End::Reset)),
        ),
        Case::promise(
            "break/nonsense",
            "an answer that is not HTTP is Other or ReceiveInterrupted",
            |check| Box::pin(nonsense(check)),
        ),
    ]
}

const LEN: usize = 100_000;
const CUT_CHUNKS: &[u8] = b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";

#[derive(Clone, Copy)]
enum End {
    Close,
    Reset,
}

impl End {
    async fn put_to(self, connection: Connection) -> Result<(), Failure> {
        match self {
            Self::Close => connection.finish().await.map_err(Failure::from),
            Self::Reset => connection.reset().map_err(Failure::from),
        }
    }
}

async fn refused(check: Check) -> Result<(), Failure> {
    // Bound but not listening: the port cannot be given to anyone else meanwhile.
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let mut request = check.put("body")?;
    let uri = format!("http://{}/bucket/key", socket.local_addr()?);
    *request.uri_mut() = uri.parse().map_err(|error| Failure::Io(std::io::Error::other(error)))?;
    check.fails(request, &[Kind::Connect]).await
}

async fn while_sending(check: Check, after: usize, end: End) -> Result<(), Failure> {
    let (source, _gone) = Source::new([pattern(after)], Then::Wait);
    let request = check.put(source.into_body(Some(LEN as u64)))?;
    let server = async {
        let (mut connection, _) = check.server.accept_head().await?;
        connection.read_exactly(after).await?;
        end.put_to(connection).await
    };
    both_once(&check, check.fails(request, &[Kind::SendInterrupted]), server).await?;
    Ok(())
}

async fn before_answer(check: Check, start: &[u8], end: End) -> Result<(), Failure> {
    for in_memory in [true, false] {
        let content = pattern(LEN);
        let request = if in_memory {
            check.put(content)?
        } else {
            let (source, _gone) = Source::new([content], Then::End);
            check.put(source.into_body(Some(LEN as u64)))?
        };
        let server = async {
            let (mut connection, _, _) = check.server.accept_request().await?;
            connection.write(start).await?;
            end.put_to(connection).await
        };
        both_once(&check, check.fails(request, &[Kind::ReceiveInterrupted]), server).await?;
    }
    Ok(())
}

async fn in_answer(check: Check, rest: &[u8], end: End) -> Result<(), Failure> {
    let request = check.put("body")?;
    let (head_seen, wait_for_caller) = oneshot::channel();
    let caller = async {
        let body = check.send(request).await?.into_body();
        let _the_server_failed = head_seen.send(());
        match body.read_to_end(RESPONSE_LIMIT).await {
            Ok(bytes) => Err(Failure::caller("an error", format!("a body of {} bytes", bytes.len()))),
            Err(error) => expect_kind(error, &[Kind::ReceiveInterrupted]).map(drop),
        }
    };
    let server = async {
        let (mut connection, _, _) = check.server.accept_request().await?;
        connection.write(&[b"HTTP/1.1 200 OK\r\n", rest].concat()).await?;
        // A reset may overtake what was written before it, so it waits until the response has come back.
        let _the_caller_failed = wait_for_caller.await;
        end.put_to(connection).await
    };
    both(caller, server).await?;
    Ok(())
}

async fn nonsense(check: Check) -> Result<(), Failure> {
    let request = check.put("body")?;
    let server = check.server.answer_once(b"SSH-2.0-OpenSSH_9.6\r\n\r\n");
    both_once(&check, check.fails(request, &[Kind::Other, Kind::ReceiveInterrupted]), server).await?;
    Ok(())
}
