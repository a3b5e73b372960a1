use std::error::Error;

use super::outgoing::Progress;
use crate::error::chain;
use crate::{TransportError, TransportErrorKind};

/// Says what an error means that came instead of a response.
pub(super) fn map_send_error(error: reqwest::Error, request: &Progress) -> TransportError {
    if let Some(failure) = request.take_failure() {
        return failure;
    }
    // The URL of a presigned request holds its signature.
    let error = error.without_url();
    let kind = if error.is_builder() {
        TransportErrorKind::InvalidRequest
    } else if error.is_connect() {
        if chain(&error).any(is_tls) { TransportErrorKind::Tls } else { TransportErrorKind::Connect }
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else {
        kind_by_phase(&error, request)
    };
    TransportError::new(kind, error)
}

/// Says what an error means that came while the response body arrived.
pub(super) fn map_receive_error(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    let kind =
        if error.is_timeout() { TransportErrorKind::Timeout } else { TransportErrorKind::ReceiveInterrupted };
    TransportError::new(kind, error)
}

/// Tells apart the two ways in which a connection can break by how far the request body got.
fn kind_by_phase(error: &reqwest::Error, request: &Progress) -> TransportErrorKind {
    let Some(hyper) = chain(error).find_map(|error| error.downcast_ref::<hyper::Error>()) else {
        return TransportErrorKind::Other;
    };
    if hyper.is_parse() || hyper.is_user() {
        TransportErrorKind::Other
    } else if hyper.is_canceled() || !request.is_finished() {
        // Canceled: the pooled connection was found closed before a byte of this request was written to it.
        TransportErrorKind::SendInterrupted
    } else {
        TransportErrorKind::ReceiveInterrupted
    }
}

fn is_tls(error: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "rustls")]
    if error.is::<rustls::Error>() {
        return true;
    }
    #[cfg(feature = "native-tls")]
    if error.is::<native_tls::Error>() {
        return true;
    }
    // Without TLS features nothing reads the argument.
    let _ = error;
    false
}
