use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::error::VerifyError;
use super::payload::PayloadError;
use super::pending::Pending;
use super::reply::{Reply, ReplyError};
use super::verified::Verified;
use super::verifier::Verifier;

/// An axum extractor: a verified callback and its payload, or an answer that refuses.
///
/// The router's state must give an `Arc<Verifier>` ([`FromRef`]). The body is read only after the head passed,
/// at most up to the verifier's limit, and for at most five seconds in all, after which OSS has given up. Works
/// inside nested routers, because the target is that of the original URI.
///
/// The payload is read by content type, see [`Verified::payload`].
///
/// ```
/// use std::sync::Arc;
/// use axum::{Router, routing::post};
/// use oss_callback::{Reply, ReplyError, VerifiedCallback, Verifier};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Upload {
///     object: String,
/// }
///
/// async fn on_upload(VerifiedCallback { payload, .. }: VerifiedCallback<Upload>) -> Result<Reply, ReplyError> {
///     Reply::json(&serde_json::json!({ "stored": payload.object }))
/// }
///
/// let verifier = Verifier::official().expect_target("/oss/callback")?;
/// let app: Router = Router::new().route("/oss/callback", post(on_upload)).with_state(Arc::new(verifier));
/// # Ok::<(), oss_callback::TargetError>(())
/// ```
///
/// The runtime must be tokio with its timer enabled, as `#[tokio::main]` makes it; without a timer tokio panics.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifiedCallback<T> {
    /// The signed body as `T`.
    pub payload: T,
    /// The callback itself: target, body, unsigned headers.
    pub callback: Verified,
}

/// Why a request was refused. As an answer it is JSON with a coarse word and tells nothing else.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackRejection {
    /// Not a callback for this application.
    #[error("the request is not a trusted callback")]
    Verify(#[source] VerifyError),
    /// Verified, but its body is not what the handler wants.
    #[error("the callback's body is not what the handler wants")]
    Payload(#[source] PayloadError),
    /// The body did not arrive whole.
    #[error("the callback's body could not be read")]
    Read(#[source] axum::Error),
    /// The body did not arrive in time.
    #[error("the callback's body did not arrive within {} seconds", limit.as_secs())]
    Slow {
        /// The time allowed.
        limit: Duration,
    },
}

/// OSS waits this long for connecting, sending and the answer together ("Callback" page of the documentation).
const READ_TIMEOUT: Duration = Duration::from_secs(5);

impl<S, T> FromRequest<S> for VerifiedCallback<T>
where
    Arc<Verifier>: FromRef<S>,
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = CallbackRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, CallbackRejection> {
        let verifier = Arc::<Verifier>::from_ref(state);
        let work = extract(&verifier, request);
        let callback = tokio::time::timeout(READ_TIMEOUT, work)
            .await
            .map_err(|_| CallbackRejection::Slow { limit: READ_TIMEOUT })??;
        let payload = callback.payload().map_err(CallbackRejection::Payload)?;
        Ok(Self { payload, callback })
    }
}

async fn extract(verifier: &Verifier, request: Request) -> Result<Verified, CallbackRejection> {
    let (head, body) = request.into_parts();
    let pending = begin(verifier, &head).await.map_err(CallbackRejection::Verify)?;
    let body = read(body, &pending).await?;
    pending.finish(body).map_err(CallbackRejection::Verify)
}

/// Asks the key source only for a request that has nothing else against it.
#[cfg(feature = "key-source")]
async fn begin<'v>(verifier: &'v Verifier, head: &Parts) -> Result<Pending<'v>, VerifyError> {
    match verifier.begin(head) {
        // A key that cannot be fetched is not a trusted one, which is what the second look then says.
        Err(VerifyError::UntrustedKey { .. }) => {
            let _ = verifier.prepare(&head.headers, std::time::Instant::now()).await;
            verifier.begin(head)
        }
        outcome => outcome,
    }
}

#[cfg(not(feature = "key-source"))]
async fn begin<'v>(verifier: &'v Verifier, head: &Parts) -> Result<Pending<'v>, VerifyError> {
    verifier.begin(head)
}

async fn read(body: Body, pending: &Pending<'_>) -> Result<Bytes, CallbackRejection> {
    let limit = pending.body_limit();
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(CallbackRejection::Verify(VerifyError::BodyTooLarge { limit }))
        }
        Err(error) => Err(CallbackRejection::Read(axum::Error::new(error))),
    }
}

impl CallbackRejection {
    /// The answer: the status and a coarse word.
    #[must_use]
    pub fn reply(&self) -> Reply {
        match self {
            Self::Verify(error) => error.into(),
            Self::Payload(error) => error.into(),
            Self::Read(_) => Reply::refuse(StatusCode::BAD_REQUEST, "incomplete_body"),
            Self::Slow { .. } => Reply::refuse(StatusCode::REQUEST_TIMEOUT, "body_too_slow"),
        }
    }
}

impl IntoResponse for CallbackRejection {
    fn into_response(self) -> Response {
        IntoResponse::into_response(self.reply())
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        Self::into_response(self).map(Body::from)
    }
}

/// A reply that cannot be sent is a fault of the application: 500, without the reason.
impl IntoResponse for ReplyError {
    fn into_response(self) -> Response {
        IntoResponse::into_response(Reply::refuse(StatusCode::INTERNAL_SERVER_ERROR, "no_reply"))
    }
}
