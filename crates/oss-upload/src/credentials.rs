//! The seam for access keys.

mod cached;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use oss_signing::Credentials;

use crate::error::Error;
use crate::limits::{Phase, TimeLimits, within};
use crate::operation::Operation;

pub use self::cached::CachedCredentials;

/// Supplies the access key of each attempt.
///
/// # Contract
///
/// - Asked once per attempt, by many parts at once: answer from a cache, and let one caller refresh while the others
///   wait. [`CachedCredentials`] does that for any provider.
/// - The credentials must be valid for at least as long as one attempt lasts; OSS checks them when a request starts.
/// - An error ends the upload; a provider that wants to retry does so itself.
/// - One that does not answer is given up by [`TimeLimits::credentials`].
/// - Dropping the future must leave the provider usable.
#[async_trait]
pub trait ProvideCredentials: fmt::Debug + Send + Sync {
    /// The credentials to sign the next attempt with; [`Credentials::anonymous`] to send it unsigned.
    ///
    /// # Errors
    ///
    /// Why there are none.
    async fn credentials(&self) -> Result<Credentials, CredentialsError>;

    /// OSS has refused these credentials as expired or unknown. A provider that can have others drops these, unless it
    /// holds newer ones already, and answers `true`: the attempt is then repeated once. The default, `false`, lets the
    /// refusal stand.
    async fn refused(&self, _credentials: &Credentials) -> bool {
        false
    }
}

#[async_trait]
impl<P: ProvideCredentials + ?Sized> ProvideCredentials for Arc<P> {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        (**self).credentials().await
    }

    async fn refused(&self, credentials: &Credentials) -> bool {
        (**self).refused(credentials).await
    }
}

/// A fixed access key, with or without a security token.
#[async_trait]
impl ProvideCredentials for Credentials {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        Ok(self.clone())
    }
}

/// Asks for the credentials of an attempt, for as long as the limits allow.
pub(crate) async fn ask(
    provider: &dyn ProvideCredentials,
    operation: Operation,
    limits: &TimeLimits,
) -> Result<Credentials, Error> {
    match within(limits.credentials, provider.credentials()).await {
        Ok(answer) => Ok(answer?),
        Err(limit) => Err(Error::TimedOut { operation, phase: Phase::Credentials, limit }),
    }
}

/// Tells the provider what was refused, and whether it can have others. One that does not answer in time cannot.
pub(crate) async fn refuse(
    provider: &dyn ProvideCredentials,
    refused: &Credentials,
    limits: &TimeLimits,
) -> bool {
    within(limits.credentials, provider.refused(refused)).await.unwrap_or(false)
}

/// Why a provider has no credentials.
#[derive(Debug, thiserror::Error)]
#[error("no credentials: {message}")]
pub struct CredentialsError {
    message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl CredentialsError {
    /// Says what is missing or failed and what to do about it; must not contain a secret.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }
}
