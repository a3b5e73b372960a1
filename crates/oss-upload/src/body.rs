//! Reading a body here rather than handing it on.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::Bytes;
use http_body::Body as _;
use oss_transport::{Body, TransportError};

/// The next bytes of a body, `None` at its end. Trailers are passed over.
///
/// # Cancellation
///
/// Dropping the future loses nothing.
pub(crate) async fn next_data(body: &mut Body) -> Option<Result<Bytes, TransportError>> {
    loop {
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await? {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}
