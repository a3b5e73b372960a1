mod breaks;
mod delivery;
mod drops;
mod early;
mod responses;
mod scale;
mod sources;

use std::pin::pin;

use bytes::Bytes;
use futures_util::future::{Either, select, try_join};
use tokio::sync::oneshot;

use super::server::Head;
use super::{Case, Check, Failure};
use crate::Request;

/// All cases, in the order of the contract.
pub(super) fn all() -> impl Iterator<Item = Case> {
    [
        delivery::cases(),
        responses::cases(),
        early::cases(),
        sources::cases(),
        breaks::cases(),
        drops::cases(),
        scale::cases(),
    ]
    .into_iter()
    .flatten()
}

const EMPTY_OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Plays the caller and the server at the same time, until both are done or one has failed.
async fn both<A, B>(
    caller: impl Future<Output = Result<A, Failure>>,
    server: impl Future<Output = Result<B, Failure>>,
) -> Result<(A, B), Failure> {
    try_join(caller, server).await
}

/// Plays both, and fails if the transport connects again after the server's part is over.
async fn both_once<A, B>(
    check: &Check,
    caller: impl Future<Output = Result<A, Failure>>,
    server: impl Future<Output = Result<B, Failure>>,
) -> Result<(A, B), Failure> {
    let (done, caller_done) = oneshot::channel();
    let caller = async {
        let result = caller.await;
        let _the_server_failed = done.send(());
        result
    };
    let server = async {
        let result = server.await?;
        match select(caller_done, pin!(check.server.accept())).await {
            Either::Left(_) => Ok(result),
            Either::Right(_) => Err(Failure::server("one request", "a second connection for it")),
        }
    };
    both(caller, server).await
}

/// Sends a request, answers it with `answer`, and fails if the transport sends a second one.
async fn exchange_once(
    check: &Check,
    request: Request,
    answer: &[u8],
) -> Result<(http::response::Parts, Bytes, Head), Failure> {
    let caller = check.exchange(request);
    let ((parts, body), (head, _)) = both_once(check, caller, check.server.answer_once(answer)).await?;
    Ok((parts, body, head))
}
