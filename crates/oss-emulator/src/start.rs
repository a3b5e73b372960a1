use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::address::ADMIN_SEGMENT;
use crate::admin::CALLBACK_KEY;
use crate::builder::{DEFAULT_ACCESS_KEY_ID, DEFAULT_ACCESS_KEY_SECRET, EmulatorBuilder, StoreChoice};
use crate::callback::{CallbackKey, CallbackKeyError, Running, Sender};
use crate::clock::Clock;
use crate::core::{Config, Core, Secret};
use crate::emulator::Emulator;
use crate::fault::Faults;
use crate::journal::Journal;
use crate::key_file;
use crate::names::is_bucket_name;
use crate::server;
use crate::store::{Record, Store, blocking};

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}; choose another address, or port 0 for any free port")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// A bucket's name breaks the rules.
    #[error("the bucket name {name:?} is not valid: 3 to 63 of a-z, 0-9 and -, with no - at either end")]
    BucketName {
        /// The name.
        name: String,
    },
    /// The region's name breaks the rules.
    #[error("the region {region:?} is not valid: write for instance cn-hangzhou, without oss- in front")]
    Region {
        /// The name.
        region: String,
    },
    /// The data folder cannot be used.
    #[error("the data folder {folder} cannot be used")]
    DataDir {
        /// The folder.
        folder: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The buckets cannot be made in the store.
    #[error("the buckets cannot be written to the store")]
    Store {
        /// What went wrong.
        source: io::Error,
    },
    /// The callback key cannot be used.
    #[error("the callback key cannot be used")]
    CallbackKey(#[from] CallbackKeyError),
}

impl EmulatorBuilder {
    /// Starts the emulator on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`] if a setting is not valid, the address cannot be listened on, or the data folder cannot be
    /// used.
    ///
    /// # Cancellation
    ///
    /// Dropping the future starts nothing.
    pub async fn start(self) -> Result<Emulator, StartError> {
        let region: oss_signing::Region =
            self.region.parse().map_err(|_| StartError::Region { region: self.region.clone() })?;
        if let Some((name, _)) = self.buckets.iter().find(|(name, _)| !is_bucket_name(name)) {
            return Err(StartError::BucketName { name: name.clone() });
        }
        let store = self.open_store().await?;
        let key = CallbackKey::from_pem(&self.callback_key().await?)?;
        let listen = |source| StartError::Listen { address: self.listen, source };
        let listener = TcpListener::bind(self.listen).await.map_err(listen)?;
        let endpoint = endpoint(listener.local_addr().map_err(listen)?);
        let core = Arc::new(self.core(region, store, key, endpoint)?);
        let (stop, stopping) = watch::channel(false);
        let task = tokio::spawn(server::serve(Arc::clone(&core), listener, stopping));
        Ok(Emulator::new(core, task, stop))
    }

    async fn open_store(&self) -> Result<Store, StartError> {
        match &self.store {
            StoreChoice::Memory => Ok(Store::memory()),
            StoreChoice::Sink => Ok(Store::sink()),
            StoreChoice::Disk(folder) => {
                let path = folder.clone();
                blocking(move || Store::disk(&path))
                    .await
                    .map_err(|source| StartError::DataDir { folder: folder.clone(), source })
            }
        }
    }

    /// The private key in PEM: the given one, the data folder's, or a fresh one.
    async fn callback_key(&self) -> Result<String, StartError> {
        if let Some(pem) = &self.callback_key_pem {
            return Ok(pem.0.clone());
        }
        let StoreChoice::Disk(folder) = &self.store else { return Ok(CallbackKey::generate_pem()?) };
        let unusable = |source| StartError::DataDir { folder: folder.clone(), source };
        let path = folder.clone();
        if let Some(pem) = blocking(move || key_file::read(&path)).await.map_err(unusable)? {
            return Ok(pem);
        }
        let pem = CallbackKey::generate_pem()?;
        let (path, written) = (folder.clone(), pem.clone());
        blocking(move || key_file::write(&path, &written)).await.map_err(unusable)?;
        Ok(pem)
    }

    fn core(
        self,
        region: oss_signing::Region,
        store: Store,
        key: CallbackKey,
        endpoint: String,
    ) -> Result<Core, StartError> {
        let clock = Clock::new(self.clock_offset_millis);
        {
            let mut world = store.lock();
            for (bucket, acl) in self.buckets {
                if world.buckets().contains_key(&bucket) {
                    continue;
                }
                world
                    .try_apply(Record::BucketPut { bucket, created: clock.now(), acl })
                    .map_err(|source| StartError::Store { source })?;
            }
        }
        let faults = Faults::default();
        for fault in self.faults {
            faults.inject(fault);
        }
        let mut credentials = self.credentials;
        if credentials.is_empty() {
            let secret = Secret { secret: DEFAULT_ACCESS_KEY_SECRET.to_owned(), token: None };
            credentials.insert(DEFAULT_ACCESS_KEY_ID.to_owned(), secret);
        }
        Ok(Core {
            store,
            clock,
            journal: Arc::new(Journal::new(self.journal_capacity)),
            faults,
            callbacks: Arc::new(Sender {
                key,
                timeout: self.callback_timeout,
                public_only: self.public_callbacks_only,
                #[cfg(feature = "https")]
                roots: self.callback_roots,
            }),
            deliveries: Running::default(),
            verifier: oss_signing::Verifier::new(region),
            config: Config {
                region: self.region,
                callback_key_url: format!(
                    "{}/{ADMIN_SEGMENT}/{CALLBACK_KEY}",
                    self.public_url.as_ref().unwrap_or(&endpoint)
                ),
                endpoint,
                credentials,
                hosts: self.hosts,
                limits: self.limits,
            },
        })
    }
}

/// The URL by which this machine reaches a listener.
fn endpoint(address: SocketAddr) -> String {
    let ip = match address.ip() {
        ip if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}
