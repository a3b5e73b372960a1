use std::error::Error;
use std::fmt;
use std::io;

/// Why a request got no response, or why a body broke off.
///
/// [`kind`](Self::kind) is what a caller acts on; [`source`](Error::source) is what a person reads. The message
/// of this type is one sentence about this level only, so print the whole chain of sources.
///
/// For [`TransportErrorKind::Body`] the error that the request body gave is among the sources, so that whoever made
/// the body can find it with [`find_source`](Self::find_source).
pub struct TransportError {
    // One word, so that `Result<Response, TransportError>` stays as small as the response.
    inner: Box<Inner>,
}

struct Inner {
    kind: TransportErrorKind,
    source: Box<dyn Error + Send + Sync>,
}

impl TransportError {
    /// Makes an error of `kind`; `source` says what happened in particular.
    pub fn new(kind: TransportErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { inner: Box::new(Inner { kind, source: source.into() }) }
    }

    /// Says what failed, and so what trying again means.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.inner.kind
    }

    /// Gives the source away, for a caller that downcasts it by value.
    #[must_use]
    pub fn into_source(self) -> Box<dyn Error + Send + Sync> {
        self.inner.source
    }

    /// Finds the first error of type `E` among the sources, however deep, also inside I/O errors.
    ///
    /// This is how whoever made the request body finds the body's own error in one of
    /// [`TransportErrorKind::Body`].
    #[must_use]
    pub fn find_source<E: Error + 'static>(&self) -> Option<&E> {
        chain(&*self.inner.source).find_map(|error| error.downcast_ref())
    }

    /// Keeps an error that already is a `TransportError`, and gives any other one `kind`.
    pub(crate) fn from_boxed(kind: TransportErrorKind, error: Box<dyn Error + Send + Sync>) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self::new(kind, error),
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.inner.kind {
            TransportErrorKind::Connect => "no connection to the server could be made; nothing was sent",
            TransportErrorKind::Timeout => "the connection timed out; the request may have been processed",
            TransportErrorKind::SendInterrupted => {
                "the connection broke before the whole request was sent; it was not processed"
            }
            TransportErrorKind::ReceiveInterrupted => {
                "the connection broke before the whole response arrived; the request may have been processed"
            }
            TransportErrorKind::Tls => "the TLS handshake with the server failed; nothing was sent",
            TransportErrorKind::Body => "the request body could not be read to its declared end",
            TransportErrorKind::TooLarge => "the response body is larger than the caller's limit",
            TransportErrorKind::InvalidRequest => "the transport cannot send this request; nothing was sent",
            TransportErrorKind::Other => "the request could not be carried out",
        })
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportError")
            .field("kind", &self.inner.kind)
            .field("source", &self.inner.source)
            .finish()
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.inner.source)
    }
}

/// Walks an error and its sources, and looks inside I/O errors, which do not give their content as a source.
pub(crate) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inside.map(|inside| inside as &(dyn Error + 'static)).or_else(|| error.source())
    })
}

/// What failed, and what that means for trying again.
///
/// The question behind every variant is whether the server may already have acted on the request:
/// [`may_have_been_processed`](Self::may_have_been_processed) answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection came about: the name did not resolve, the connection was refused or reset while it was
    /// made, a proxy refused, or the time limit for connecting passed.
    ///
    /// Nothing of the request was sent. Trying again is safe for every request.
    Connect,
    /// A time limit that belongs to the transport or to the operating system passed after the connection was
    /// made: unacknowledged data (`TCP_USER_TIMEOUT`), dead peer (TCP keep-alive), a limit set in the user's
    /// own HTTP client.
    ///
    /// The request may have been processed. Try again only what is safe to do twice.
    Timeout,
    /// The connection broke before the whole request had been handed to it, and no response had arrived.
    ///
    /// The server cannot have the whole request, so a server that acts on whole requests only, as OSS does, has
    /// not acted on it. Trying again is safe, with a freshly opened body.
    SendInterrupted,
    /// The whole request was handed to the connection, but the response did not arrive or broke off in its
    /// headers or its body.
    ///
    /// The request may have been processed. Try again only what is safe to do twice; otherwise look first
    /// whether it was done.
    ReceiveInterrupted,
    /// The TLS handshake failed: no TLS on the other side, an untrusted or expired certificate, another host's
    /// certificate, or a transport built without TLS.
    ///
    /// Nothing of the request was sent. Trying again is safe and rarely helps; the configuration is wrong.
    Tls,
    /// The request body's own source failed, or gave fewer or more bytes than it declared.
    ///
    /// The network is not at fault. The server did not get a complete body, so it has not acted on it. Trying
    /// again helps only if the source can be opened again and will do better.
    Body,
    /// The response body is over the limit the caller gave to [`Body::read_to_end`](crate::Body::read_to_end).
    ///
    /// The request was processed, and the response's status and headers are valid. Trying again does not help.
    TooLarge,
    /// The transport cannot send this request as it is: its URI is not an absolute HTTP one or would have to be
    /// changed, or its headers contradict its body.
    ///
    /// Nothing was sent. Trying again does not help.
    InvalidRequest,
    /// Anything else: a malformed response, a failure of the runtime.
    ///
    /// The request may have been processed. Trying again rarely helps.
    Other,
}

impl TransportErrorKind {
    /// Says whether the server may have acted on the request.
    ///
    /// `false` is a promise of the transport; `true` means that nobody knows.
    #[must_use]
    pub fn may_have_been_processed(self) -> bool {
        match self {
            Self::Connect | Self::SendInterrupted | Self::Tls | Self::Body | Self::InvalidRequest => false,
            Self::Timeout | Self::ReceiveInterrupted | Self::TooLarge | Self::Other => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_and_its_chain_is_reachable() {
        assert_eq!(size_of::<TransportError>(), size_of::<usize>());
        let error = TransportError::new(TransportErrorKind::Connect, std::io::Error::other("refused"));
        assert_eq!(error.source().unwrap().to_string(), "refused");
        assert!(!error.to_string().contains("refused"));
    }

    #[test]
    fn boxing_keeps_the_kind_of_a_transport_error() {
        let inner = TransportError::new(TransportErrorKind::ReceiveInterrupted, "reset");
        let kept = TransportError::from_boxed(TransportErrorKind::Body, inner.into());
        assert_eq!(kept.kind(), TransportErrorKind::ReceiveInterrupted);
        let given = TransportError::from_boxed(TransportErrorKind::Body, "disk".into());
        assert_eq!(given.kind(), TransportErrorKind::Body);
    }
}
