use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http_body::Body as HttpBody;

use super::{Body, BodyError};
use crate::{TransportError, TransportErrorKind};

pub(super) async fn read_to_end(mut body: Body, limit: usize) -> Result<Bytes, TransportError> {
    check(limit, body.size_hint().lower())?;
    let Some(first) = next_data(&mut body).await? else { return Ok(Bytes::new()) };
    check(limit, first.len() as u64)?;
    let Some(second) = next_data(&mut body).await? else { return Ok(first) };

    let total = (first.len() + second.len()) as u64;
    check(limit, total)?;
    // The remaining length is trusted for the allocation only as far as the limit.
    let expected = total.saturating_add(body.size_hint().lower()).min(limit as u64);
    let mut whole = BytesMut::with_capacity(usize::try_from(expected).unwrap_or(limit));
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while let Some(data) = next_data(&mut body).await? {
        check(limit, (whole.len() + data.len()) as u64)?;
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

fn check(limit: usize, at_least: u64) -> Result<(), TransportError> {
    if at_least <= limit as u64 {
        return Ok(());
    }
    Err(TransportError::new(TransportErrorKind::TooLarge, BodyError::OverLimit { limit, at_least }))
}

/// Reads the next frame that has bytes; trailers are of no interest to OSS.
async fn next_data(body: &mut Body) -> Result<Option<Bytes>, TransportError> {
    loop {
        let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await else { return Ok(None) };
        match frame?.into_data() {
            Ok(data) if !data.is_empty() => return Ok(Some(data)),
            _ => continue,
        }
    }
}
