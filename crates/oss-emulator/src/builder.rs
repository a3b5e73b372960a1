use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::access;
use crate::address::{ADMIN_SEGMENT, Hosts};
use crate::admin::CALLBACK_KEY;
use crate::callback::{CallbackKey, CallbackKeyError, Sender};
use crate::clock::Clock;
use crate::core::{Config, Core, Limits, Secret};
use crate::emulator::Emulator;
use crate::fault::{Fault, Faults};
use crate::journal::Journal;
use crate::names::is_bucket_name;
use crate::server;
use crate::store::{Acl, Backend, Record, Store};

/// The access key id that is known when no other is set.
pub const DEFAULT_ACCESS_KEY_ID: &str = "test-id";
/// The secret of [`DEFAULT_ACCESS_KEY_ID`].
pub const DEFAULT_ACCESS_KEY_SECRET: &str = "test-secret";

/// Requests that the journal keeps; at some 500 bytes each.
const JOURNAL_CAPACITY: usize = 100_000;

/// Settings of an [`Emulator`]; each has a default, so `Emulator::builder().start()` works.
#[derive(Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct EmulatorBuilder {
    listen: SocketAddr,
    region: String,
    buckets: Vec<(String, Acl)>,
    credentials: HashMap<String, Secret>,
    hosts: Hosts,
    callback_timeout: Duration,
    public_callbacks_only: bool,
    callback_key_pem: Option<String>,
    clock_offset_millis: i64,
    limits: Limits,
    faults: Vec<Fault>,
}

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
        source: std::io::Error,
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
    /// The buckets cannot be made in the store.
    #[error("the store cannot be written: {problem}")]
    Store {
        /// What went wrong.
        problem: String,
    },
    /// The callback key cannot be used.
    #[error("the callback key cannot be used")]
    CallbackKey(#[from] CallbackKeyError),
}

impl Default for EmulatorBuilder {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            region: "cn-hangzhou".to_owned(),
            buckets: Vec::new(),
            credentials: HashMap::new(),
            hosts: Hosts { service: vec!["oss.localhost".to_owned()], cnames: HashMap::new() },
            callback_timeout: Duration::from_secs(5),
            public_callbacks_only: false,
            callback_key_pem: None,
            clock_offset_millis: 0,
            limits: Limits::default(),
            faults: Vec::new(),
        }
    }
}

impl EmulatorBuilder {
    /// Listens on this address; the default is a free port of 127.0.0.1.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Sets the region that signatures are for; the default is `cn-hangzhou`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// Makes a private bucket; repeat it for more.
    pub fn bucket(self, name: impl Into<String>) -> Self {
        self.bucket_with_acl(name, Acl::Private)
    }

    /// Makes a bucket with an ACL.
    pub fn bucket_with_acl(mut self, name: impl Into<String>, acl: Acl) -> Self {
        self.buckets.push((name.into(), acl));
        self
    }

    /// Lets in an access key; repeat it for more.
    ///
    /// Without any, [`DEFAULT_ACCESS_KEY_ID`] and [`DEFAULT_ACCESS_KEY_SECRET`] are let in.
    pub fn credentials(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.credentials.insert(id.into(), Secret { secret: secret.into(), token: None });
        self
    }

    /// Lets in temporary (STS) credentials; requests with them must carry the token.
    pub fn sts_credentials(
        mut self,
        id: impl Into<String>,
        secret: impl Into<String>,
        token: impl Into<String>,
    ) -> Self {
        self.credentials.insert(id.into(), Secret { secret: secret.into(), token: Some(token.into()) });
        self
    }

    /// Takes a host name for the service itself, so that `NAME/bucket/key` and `bucket.NAME/key` are understood.
    ///
    /// IP addresses, names without a dot, `oss.localhost` and the endpoints of Alibaba Cloud are known already.
    pub fn service_host(mut self, name: impl Into<String>) -> Self {
        self.hosts.service.push(name.into().to_ascii_lowercase());
        self
    }

    /// Takes a host name for a bucket's custom domain (CNAME).
    pub fn cname(mut self, name: impl Into<String>, bucket: impl Into<String>) -> Self {
        self.hosts.cnames.insert(name.into().to_ascii_lowercase(), bucket.into());
        self
    }

    /// Sets the time for a callback, from connecting to the last byte of the answer, all URLs together.
    ///
    /// The default is 5 s, the limit of OSS.
    pub fn callback_timeout(mut self, timeout: Duration) -> Self {
        self.callback_timeout = timeout;
        self
    }

    /// Refuses callback URLs on loopback and private addresses, as OSS does; the default lets them pass.
    pub fn public_callbacks_only(mut self, public_only: bool) -> Self {
        self.public_callbacks_only = public_only;
        self
    }

    /// Signs callbacks with this RSA private key (PEM, PKCS#1 or PKCS#8); the default is a fresh key of 512 bits.
    pub fn callback_key_pem(mut self, pem: impl Into<String>) -> Self {
        self.callback_key_pem = Some(pem.into());
        self
    }

    /// Puts the emulator's clock ahead by that many milliseconds, or behind if negative.
    pub fn clock_offset_millis(mut self, millis: i64) -> Self {
        self.clock_offset_millis = millis;
        self
    }

    /// Sets the least size of a part that is not the last; the default is the 102,400 bytes of OSS.
    pub fn smallest_part(mut self, bytes: u64) -> Self {
        self.limits.smallest_part = bytes;
        self
    }

    /// Sets the largest body of PutObject, AppendObject, PostObject and UploadPart; the default is 5 GiB, as in OSS.
    pub fn largest_put(mut self, bytes: u64) -> Self {
        self.limits.largest_put = bytes;
        self
    }

    /// Injects a fault from the start.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Starts the emulator on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`] if a setting is not valid or the address cannot be listened on.
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
        let key = match &self.callback_key_pem {
            Some(pem) => CallbackKey::from_pem(pem)?,
            None => CallbackKey::generate()?,
        };
        let listen = |source| StartError::Listen { address: self.listen, source };
        let listener = TcpListener::bind(self.listen).await.map_err(listen)?;
        let endpoint = endpoint(listener.local_addr().map_err(listen)?);
        let core = Arc::new(self.core(region, key, endpoint)?);
        let (stop, stopping) = watch::channel(false);
        let task = tokio::spawn(server::serve(Arc::clone(&core), listener, stopping));
        Ok(Emulator::new(core, task, stop))
    }

    fn core(
        self,
        region: oss_signing::Region,
        key: CallbackKey,
        endpoint: String,
    ) -> Result<Core, StartError> {
        let clock = Clock::new(self.clock_offset_millis);
        let store = Store::new(Backend::Memory);
        {
            let mut world = store.lock();
            for (bucket, acl) in self.buckets {
                world
                    .apply(Record::BucketPut { bucket, created: clock.now(), acl })
                    .map_err(|error| StartError::Store { problem: error.message.to_string() })?;
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
            journal: Arc::new(Journal::new(JOURNAL_CAPACITY)),
            faults,
            callbacks: Sender {
                key,
                timeout: self.callback_timeout,
                public_only: self.public_callbacks_only,
            },
            verifier: access::verifier(region),
            config: Config {
                region: self.region,
                callback_key_url: format!("{endpoint}/{ADMIN_SEGMENT}/{CALLBACK_KEY}"),
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
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}
