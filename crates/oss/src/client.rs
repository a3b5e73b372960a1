use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;

use oss_signing::{Addressing, BucketName, Endpoint, EndpointError, EndpointKind, NameError, Region, Signer};
use oss_transport::{Transport, TransportError};
#[cfg(feature = "reqwest")]
use oss_upload::PresignedUploader;
use oss_upload::{
    CheckpointStore, Error, FileCheckpoints, ProvideCredentials, RetryPolicy, TimeLimits, Uploader,
};

use crate::bucket::Bucket;
use crate::environment::{self, EnvironmentCredentials};
use crate::no_place::NoPlace;

/// A client of one endpoint. Cheap to clone; clones share connections, clock correction and retry budget.
///
/// What it is made of when nothing else is said:
///
/// | part | default | replaced by |
/// | --- | --- | --- |
/// | credentials | `OSS_ACCESS_KEY_ID`, `OSS_ACCESS_KEY_SECRET`, `OSS_SESSION_TOKEN`, read at each attempt | [`ClientBuilder::credentials`] |
/// | region | the endpoint's, else `OSS_REGION` | [`ClientBuilder::region`] |
/// | signer | signature V4 | [`ClientBuilder::signer`] |
/// | transport | reqwest (feature `reqwest`) | [`ClientBuilder::transport`] |
/// | retry | [`Backoff::default`](oss_upload::Backoff) | [`ClientBuilder::retry`] |
/// | time limits | [`TimeLimits::default`] | [`ClientBuilder::time_limits`] |
/// | checkpoints | files in `oss-upload` in the user's state directory | [`ClientBuilder::checkpoints`] |
#[derive(Clone, Debug)]
pub struct Client {
    uploader: Uploader,
}

impl Client {
    /// Makes a client with the credentials of the environment, which must be there.
    ///
    /// `endpoint` is a host with or without scheme, `https` if it has none: `oss-cn-hangzhou.aliyuncs.com`,
    /// `https://oss-cn-hangzhou.aliyuncs.com`, `http://127.0.0.1:8080`.
    ///
    /// # Errors
    ///
    /// What of the configuration is missing or wrong.
    #[cfg(feature = "reqwest")]
    pub fn from_env(endpoint: &str) -> Result<Self, ConfigError> {
        // A key that is missing now would otherwise only show at the first upload.
        EnvironmentCredentials::new().read().map_err(Error::from)?;
        Self::builder(endpoint).build()
    }

    /// Starts with the endpoint: a host with or without scheme, `https` if it has none. One of Alibaba Cloud's regional
    /// hosts implies the region.
    pub fn builder(endpoint: impl Into<String>) -> ClientBuilder {
        Self::starting_with(Place::Endpoint(endpoint.into()))
    }

    /// Starts with the region, such as `cn-hangzhou`, which implies the endpoint: the one of this kind, over https.
    ///
    /// ```
    /// use oss::Client;
    /// use oss::signing::EndpointKind;
    ///
    /// let builder = Client::in_region("cn-hangzhou", EndpointKind::Internal);
    /// ```
    pub fn in_region(region: impl Into<String>, kind: EndpointKind) -> ClientBuilder {
        Self::starting_with(Place::Region(region.into(), kind))
    }

    fn starting_with(place: Place) -> ClientBuilder {
        ClientBuilder {
            place,
            addressing: None,
            region: None,
            credentials: None,
            transport: None,
            signer: None,
            retry: None,
            time_limits: None,
            checkpoints: None,
            memory_limit: None,
            bandwidth_limit: None,
        }
    }

    /// Names a bucket; nothing is sent.
    ///
    /// # Errors
    ///
    /// What is wrong with the name.
    pub fn bucket(&self, name: &str) -> Result<Bucket, NameError> {
        Ok(Bucket::new(self.uploader.clone(), BucketName::try_from(name)?))
    }
}

/// Makes a [`Client`].
#[derive(Debug)]
#[must_use]
pub struct ClientBuilder {
    place: Place,
    addressing: Option<Addressing>,
    region: Option<String>,
    credentials: Option<Arc<dyn ProvideCredentials>>,
    transport: Option<Arc<dyn Transport>>,
    signer: Option<Arc<dyn Signer>>,
    retry: Option<Arc<dyn RetryPolicy>>,
    time_limits: Option<TimeLimits>,
    checkpoints: Option<Arc<dyn CheckpointStore>>,
    memory_limit: Option<u64>,
    bandwidth_limit: Option<NonZeroU64>,
}

/// Where the buckets are.
#[derive(Debug)]
enum Place {
    Endpoint(String),
    Region(String, EndpointKind),
}

impl ClientBuilder {
    /// How the bucket is put into URLs, if not as the endpoint suggests: [`Addressing::Cname`] for a domain of one's own
    /// that is bound to a bucket, [`Addressing::PathStyle`] for a host that takes no bucket in front.
    pub fn addressing(mut self, addressing: Addressing) -> Self {
        self.addressing = Some(addressing);
        self
    }

    /// The general region id to sign for, such as `cn-hangzhou`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Where the access key comes from; a [`Credentials`](oss_signing::Credentials) is a fixed one.
    pub fn credentials(mut self, credentials: impl ProvideCredentials + 'static) -> Self {
        self.credentials = Some(Arc::new(credentials));
        self
    }

    /// Sends requests by this transport.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Signs by this signer.
    pub fn signer(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Repeats failed attempts by this policy.
    pub fn retry(mut self, policy: Arc<dyn RetryPolicy>) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Sets the time limits of an attempt.
    pub fn time_limits(mut self, limits: TimeLimits) -> Self {
        self.time_limits = Some(limits);
        self
    }

    /// Keeps the checkpoints of resumable uploads in this store.
    pub fn checkpoints(mut self, store: Arc<dyn CheckpointStore>) -> Self {
        self.checkpoints = Some(store);
        self
    }

    /// Keeps the checkpoints of resumable uploads as files in this directory.
    pub fn checkpoint_directory(self, directory: impl Into<PathBuf>) -> Self {
        self.checkpoints(Arc::new(FileCheckpoints::new(directory)))
    }

    /// Lets the parts in flight hold at most this many bytes, over all uploads of this client; see
    /// [`UploaderBuilder::memory_limit`](oss_upload::UploaderBuilder::memory_limit).
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Sends at most this many bytes of content a second, over all uploads of this client.
    pub fn bandwidth_limit(mut self, bytes_per_second: NonZeroU64) -> Self {
        self.bandwidth_limit = Some(bytes_per_second);
        self
    }

    /// Makes the client; nothing is sent.
    ///
    /// # Errors
    ///
    /// What of the configuration is missing or wrong.
    pub fn build(self) -> Result<Client, ConfigError> {
        let said = self.region.as_deref().map(Region::try_from).transpose()?;
        let (mut endpoint, implied) = match self.place {
            Place::Endpoint(text) => {
                let endpoint: Endpoint = text.parse()?;
                let implied = endpoint.region();
                (endpoint, implied)
            }
            Place::Region(region, kind) => {
                let region = Region::try_from(region)?;
                (Endpoint::of_kind(&region, kind), Some(region))
            }
        };
        if let Some(addressing) = self.addressing {
            endpoint = endpoint.with_addressing(addressing);
        }
        let region = match said.or(implied) {
            None => environment::region().map(Region::try_from).transpose()?,
            known => known,
        };
        let transport = match self.transport {
            Some(transport) => transport,
            None => default_transport()?,
        };
        let credentials = self.credentials.unwrap_or_else(|| Arc::new(EnvironmentCredentials::new()));
        let checkpoints: Arc<dyn CheckpointStore> = match self.checkpoints {
            Some(store) => store,
            None => match environment::state_directory() {
                Some(directory) => Arc::new(FileCheckpoints::new(directory)),
                None => Arc::new(NoPlace),
            },
        };
        let mut builder = Uploader::builder(endpoint, transport, credentials).checkpoints(checkpoints);
        if let Some(region) = region {
            builder = builder.region(region);
        }
        if let Some(signer) = self.signer {
            builder = builder.signer(signer);
        }
        if let Some(policy) = self.retry {
            builder = builder.retry(policy);
        }
        if let Some(limits) = self.time_limits {
            builder = builder.time_limits(limits);
        }
        if let Some(bytes) = self.memory_limit {
            builder = builder.memory_limit(bytes);
        }
        if let Some(limit) = self.bandwidth_limit {
            builder = builder.bandwidth_limit(limit);
        }
        Ok(Client { uploader: builder.build()? })
    }
}

/// Makes an uploader for URLs that somebody else has signed, with the default transport. It needs no key.
///
/// # Errors
///
/// [`ConfigError::Transport`] if the HTTP client cannot be set up. The certificates of the platform are read at the first
/// TLS handshake, not here.
#[cfg(feature = "reqwest")]
pub fn presigned_uploader() -> Result<PresignedUploader, ConfigError> {
    Ok(PresignedUploader::new(default_transport()?))
}

#[cfg(feature = "reqwest")]
fn default_transport() -> Result<Arc<dyn Transport>, ConfigError> {
    Ok(Arc::new(oss_transport::ReqwestTransport::new()?))
}

#[cfg(not(feature = "reqwest"))]
fn default_transport() -> Result<Arc<dyn Transport>, ConfigError> {
    Err(ConfigError::NoTransport)
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The endpoint is not one.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The region is not one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The default transport could not be made.
    #[error("the default transport could not be made")]
    Transport(#[from] TransportError),
    /// There is no transport: the feature `reqwest` is off and none was given.
    #[error("no transport: switch on the feature `reqwest` or give one with `ClientBuilder::transport`")]
    NoTransport,
    /// Something else the uploader needs is missing or wrong.
    #[error(transparent)]
    Upload(#[from] Error),
}
