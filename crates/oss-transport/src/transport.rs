use std::fmt;
use std::sync::Arc;

use crate::{Body, TransportError};

/// A request as a [`Transport`] takes it: an absolute `http` or `https` URI, headers, and a [`Body`].
pub type Request = http::Request<Body>;

/// A response as a [`Transport`] gives it: the status and headers have arrived, the [`Body`] is still arriving.
pub type Response = http::Response<Body>;

/// Carries one HTTP request to its server and brings back the response.
#[async_trait::async_trait]
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends `request` once and returns the response as soon as its status and headers have arrived.
    ///
    /// # Errors
    ///
    /// A [`TransportError`] if no response arrived; its kind says whether the request may have been processed.
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes the request's connection; whether the server acts on what it has received is
    /// up to the server.
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
