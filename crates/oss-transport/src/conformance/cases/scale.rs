//! Many requests, and large ones.

use std::sync::atomic::Ordering;

use futures_util::future::try_join_all;

use super::super::source::Counted;
use super::super::{Case, Check, Failure};
use super::both;

const PARALLEL: usize = 100;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::promise(
            "scale/parallel",
            "100 requests are under way at the same time, and each gets its own answer",
            |check| Box::pin(parallel(check)),
        ),
        Case::promise(
            "scale/large-body",
            "a large body is streamed: what is between its source and the server stays bounded",
            |check| Box::pin(large_body(check)),
        ),
    ]
}

async fn parallel(check: Check) -> Result<(), Failure> {
    let send = async |number: usize| {
        let request = check.put(format!("request {number}"))?;
        let (_, body) = check.exchange(request).await?;
        if body == format!("answer to request {number}").as_bytes() {
            return Ok(());
        }
        Err(Failure::caller(format!("the answer to request {number}"), body.escape_ascii().to_string()))
    };
    let caller = try_join_all((0..PARALLEL).map(send));
    let server = async {
        // All requests are read before the first is answered, so fewer connections than requests do not do.
        let accepted = try_join_all((0..PARALLEL).map(|_| check.server.accept_request())).await?;
        for (mut connection, _, body) in accepted {
            let answer = [b"answer to ", body.as_slice()].concat();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
            connection.write(&[head.as_bytes(), &answer].concat()).await?;
        }
        Ok(())
    };
    both(caller, server).await?;
    Ok(())
}

async fn large_body(check: Check) -> Result<(), Failure> {
    let size = check.settings.large_body;
    let limit = check.settings.in_flight;
    let (source, _gone) = Counted::new(size);
    let taken = source.taken();
    let request = check.put(source.into_body())?;
    let server = async {
        let (mut connection, head) = check.server.accept_head().await?;
        head.expect("content-length", &size.to_string())?;
        let mut scratch = vec![0; 128 << 10];
        let mut received = 0;
        while received < size {
            let count = connection.skip(&mut scratch).await? as u64;
            if count == 0 {
                return Err(Failure::server(format!("{size} bytes"), format!("{received} bytes")));
            }
            received += count;
            let in_flight = taken.load(Ordering::Acquire) - received;
            if in_flight > limit {
                return Err(Failure::Unbounded { in_flight, limit });
            }
        }
        connection.write(super::EMPTY_OK).await?;
        connection.finish().await.map_err(Failure::from)
    };
    both(check.exchange(request), server).await?;
    Ok(())
}
