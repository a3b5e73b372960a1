//! Credentials from where Alibaba Cloud's tools keep them, found by the crate `reqsign-aliyun-oss`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use oss_signing::Credentials;
use oss_transport::{Body, Request, Transport};
use oss_upload::{CachedCredentials, CredentialsError, ProvideCredentials};
use reqsign_aliyun_oss::{Credential, DefaultCredentialProvider};
use reqsign_core::{Context, Env, FileRead, HttpSend, OsEnv, ProvideCredential, ProvideCredentialDyn};

/// Looks for credentials in the places Alibaba Cloud's own tools use, in this order: an STS role to assume, environment
/// variables, profile files (`~/.aliyun/config.json`, `~/.alibabacloud/credentials`, `~/.oss/…`), a credentials URI, the
/// RAM role of the ECS instance, OIDC (ACK). Each is skipped if it is not configured.
///
/// The search itself is that of the crate `reqsign-aliyun-oss`; requests it needs go through the transport given here.
/// Each call searches anew, so wrap it in [`CachedCredentials`], as [`cached`](Self::cached) does:
///
/// ```
/// # fn client(transport: std::sync::Arc<dyn oss::transport::Transport>) -> Result<(), oss::ConfigError> {
/// use oss::{Client, CredentialChain};
///
/// let client = Client::builder("https://oss-cn-hangzhou.aliyuncs.com")
///     .credentials(CredentialChain::new(transport).cached())
/// # ;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CredentialChain {
    context: Context,
    provider: Arc<dyn ProvideCredentialDyn<Credential = Credential>>,
    limit: Duration,
}

impl CredentialChain {
    /// Searches all places, in this process's environment.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self::with_provider(transport, DefaultCredentialProvider::new())
    }

    /// Asks this provider of `reqsign` alone, such as one for a role to assume.
    #[must_use]
    pub fn with_provider(
        transport: Arc<dyn Transport>,
        provider: impl ProvideCredential<Credential = Credential>,
    ) -> Self {
        let context = Context::new().with_file_read(Files).with_http_send(OverTransport(transport));
        Self { context: context.with_env(OsEnv), provider: Arc::new(provider), limit: LIMIT }
    }

    /// Reads these environment variables instead of the process's.
    #[must_use]
    pub fn with_env(mut self, env: impl Env) -> Self {
        self.context = self.context.with_env(env);
        self
    }

    /// Sets how long one search may take; 30 seconds by default.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Keeps what was found until shortly before it expires.
    #[must_use]
    pub fn cached(self) -> CachedCredentials<Self> {
        CachedCredentials::new(self)
    }
}

impl fmt::Debug for CredentialChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialChain").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[async_trait]
impl ProvideCredentials for CredentialChain {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let search = self.provider.provide_credential_dyn(&self.context);
        let found = tokio::time::timeout(self.limit, search).await.map_err(|_| {
            let seconds = self.limit.as_secs_f32();
            CredentialsError::new(format!("the search for credentials took longer than {seconds} s"))
        })?;
        let found = found
            .map_err(|error| CredentialsError::new("the search for credentials failed").with_source(error))?;
        let Some(found) = found else {
            return Err(CredentialsError::new(
                "none of the places Alibaba Cloud's tools keep credentials in has any; set \
                 ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or a profile, or a role",
            ));
        };
        let mut credentials = Credentials::new(found.access_key_id, found.access_key_secret);
        if let Some(token) = found.security_token {
            credentials = credentials.with_security_token(token);
        }
        if let Some(end) = found.expires_in {
            credentials = credentials.with_expiry(end.as_system_time());
        }
        Ok(credentials)
    }

    async fn refused(&self, _: &Credentials) -> bool {
        // The next search may find others: each one starts anew.
        true
    }
}

/// Files read off the async threads.
#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        let name = path.to_owned();
        let failed =
            |reason: String| reqsign_core::Error::unexpected(format!("{path} cannot be read: {reason}"));
        let read = tokio::task::spawn_blocking(move || std::fs::read(name)).await;
        read.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
    }
}

/// The requests of a search, by the transport of the uploads.
#[derive(Debug)]
struct OverTransport(Arc<dyn Transport>);

impl HttpSend for OverTransport {
    async fn http_send(&self, request: http::Request<Bytes>) -> reqsign_core::Result<http::Response<Bytes>> {
        let failed = |error| reqsign_core::Error::unexpected("no answer").with_source(error);
        let (parts, body) = request.into_parts();
        let response = self.0.send(Request::from_parts(parts, Body::from(body))).await.map_err(failed)?;
        let (parts, body) = response.into_parts();
        let body = body.read_to_end(ANSWER_LIMIT).await.map_err(failed)?;
        Ok(http::Response::from_parts(parts, body))
    }
}

/// A metadata service that does not answer must not hold an upload up for ever.
const LIMIT: Duration = Duration::from_secs(30);
/// Answers with credentials have a few kilobytes.
const ANSWER_LIMIT: usize = 1024 * 1024;
