use std::fmt;
use std::sync::Arc;

#[cfg(doc)]
use crate::TransportErrorKind;
use crate::{Body, TransportError};

/// A request as a [`Transport`] takes it: an absolute `http` or `https` URI, headers, and a [`Body`].
pub type Request = http::Request<Body>;

/// A response as a [`Transport`] gives it: the status and headers have arrived, the [`Body`] is still arriving.
pub type Response = http::Response<Body>;

/// Carries one HTTP request to its server and brings back the response.
///
/// This is the only place where the OSS crates touch the network. The uploader above it signs, retries, measures and
/// gives up; a transport does one thing, once. Whatever implements this trait can carry an upload: a client library,
/// an emulator in the same process, a closure in a test ([`transport_fn`]), or a decorator around another transport
/// that counts, logs, limits or breaks things.
///
/// The rest of this page is the contract for who implements it. A check of nearly all of it comes with this crate
/// (feature `conformance`).
///
/// # What goes out
///
/// The request has an absolute `http` or `https` URI. It goes out **once and as it is**, because it is signed:
///
/// - Path and query are sent byte for byte: not decoded, not encoded again, `//` and `.` not tidied up. A transport
///   whose library insists on changing a target refuses the request ([`TransportErrorKind::InvalidRequest`]) instead of
///   sending another one.
/// - Headers are sent byte for byte, repeated ones in their order. `Host` is derived from the URI unless the request
///   has one. No header is added that changes what the server does, `Accept-Encoding` above all.
/// - A body whose length is known ([`Body::exact_len`]) is announced with `Content-Length`, also an empty one of a
///   `PUT` or `POST`: OSS answers 411 otherwise. A body of unknown length is sent in chunks. If the request has a
///   `Content-Length` header, whoever made it says the same with it as with the body.
/// - The body is pulled no faster than the connection takes it. 5 GB go through a few megabytes of buffers.
///
/// # What comes back
///
/// **A response is `Ok`, whatever its status.** 404, 503 and a redirect are answers for the caller to read, and so is
/// 203, by which OSS says that the object is stored and the callback failed. Nothing is followed, decompressed,
/// authenticated or tried again.
///
/// The response is returned as soon as its status and headers have arrived, and its body arrives while the caller
/// reads it. Headers and body come as the server sent them. Interim responses (100) are not responses.
///
/// A server may answer before it has read the request body, mostly to refuse it. That answer is returned, and an
/// error is not made of it as long as the operating system still gives the answer out. Once it has been read or
/// dropped, nobody wants the rest of the request: the transport stops pulling the body, drops it, and closes the
/// connection.
///
/// # What is an error
///
/// An error means that **no response came**, or that a body broke off. Its kind answers the question that decides
/// about another try: may the server have acted on the request?
///
/// | what happened | kind | may have been processed |
/// | --- | --- | --- |
/// | the transport cannot send the request as it is | [`InvalidRequest`](TransportErrorKind::InvalidRequest) | no |
/// | no connection: name, refusal, time limit for connecting | [`Connect`](TransportErrorKind::Connect) | no |
/// | no TLS session | [`Tls`](TransportErrorKind::Tls) | no |
/// | the connection broke with a part of the request unsent | [`SendInterrupted`](TransportErrorKind::SendInterrupted) | no |
/// | the connection broke after the whole request, in or before the answer | [`ReceiveInterrupted`](TransportErrorKind::ReceiveInterrupted) | yes |
/// | a limit of the operating system passed on a connection | [`Timeout`](TransportErrorKind::Timeout) | yes |
/// | the request body failed | [`Body`](TransportErrorKind::Body) | no |
/// | anything else | [`Other`](TransportErrorKind::Other) | yes |
///
/// In doubt, give the kind that admits it may have been: what a server got is not known, only what the connection
/// took. "Unsent" means that the body was not yet pulled to its end. An error of the request body keeps that error
/// among its sources ([`TransportError::find_source`]), and the server must not get a body that looks complete.
///
/// # Who retries, who times out
///
/// The caller, and only the caller. Each try has a fresh signature, fresh credentials and a freshly opened body, so a
/// transport that tries again sends an old one. What is allowed is to use another pooled connection if the first was
/// found closed *before a byte was written to it*: then nothing was tried yet.
///
/// A transport limits the time for making a connection and nothing else. No total limit and no limit for reading: an
/// upload of 5 GB takes as long as it takes, and the caller sees every byte of the body go by and knows best when
/// nothing moves. It then drops the future.
///
/// # What a dropped future leaves behind
///
/// Nothing: the request body is dropped soon, the connection is closed, and it is not used for another request. No
/// task goes on sending. The same holds for a response dropped before its end. What the server makes of a request that
/// was cut off is not known; the caller treats it like [`ReceiveInterrupted`](TransportErrorKind::ReceiveInterrupted).
///
/// # Decorators
///
/// A decorator holds an `Arc<dyn Transport>`, does its part and calls the inner one. It keeps the contract: above all
/// it neither swallows responses nor makes errors of them, and it does not hold a body that it does not pass on.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use oss_transport::{Request, Response, Transport, TransportError};
///
/// /// Counts the requests, and those that got no response.
/// #[derive(Debug)]
/// struct Counting {
///     inner: Arc<dyn Transport>,
///     requests: AtomicU64,
///     unanswered: AtomicU64,
/// }
///
/// #[async_trait::async_trait]
/// impl Transport for Counting {
///     async fn send(&self, request: Request) -> Result<Response, TransportError> {
///         self.requests.fetch_add(1, Ordering::Relaxed);
///         self.inner.send(request).await.inspect_err(|_| {
///             self.unanswered.fetch_add(1, Ordering::Relaxed);
///         })
///     }
/// }
/// ```
#[async_trait::async_trait]
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends `request` once and returns the response as soon as its status and headers have arrived.
    ///
    /// # Errors
    ///
    /// A [`TransportError`] if no response came; its kind says whether the request may have been processed.
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes the request's connection. Whether the server acts on what it has received is not
    /// known.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}

#[async_trait::async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        (**self).send(request).await
    }
}

/// Makes a transport of a closure, for tests and small decorators.
///
/// ```
/// use oss_transport::{Body, Request, Response, Transport, TransportError, transport_fn};
///
/// # async fn example() -> Result<(), TransportError> {
/// let always_ok = transport_fn(|_request: Request| async { Ok(Response::new(Body::from("stored"))) });
/// let response = always_ok.send(Request::new(Body::empty())).await?;
/// assert_eq!(response.into_body().read_to_end(64).await?, "stored");
/// # Ok(())
/// # }
/// # futures_executor::block_on(example()).unwrap();
/// ```
pub fn transport_fn<F, Fut>(send: F) -> TransportFn<F>
where
    F: Fn(Request) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Response, TransportError>> + Send,
{
    TransportFn { send }
}

/// A closure as a [`Transport`]; made by [`transport_fn`].
#[derive(Clone, Copy)]
pub struct TransportFn<F> {
    send: F,
}

impl<F> fmt::Debug for TransportFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportFn").finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl<F, Fut> Transport for TransportFn<F>
where
    F: Fn(Request) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Response, TransportError>> + Send,
{
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        (self.send)(request).await
    }
}
