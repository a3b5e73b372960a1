use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::address::Hosts;
use crate::core::{Limits, Secret};
use crate::fault::Fault;
use crate::store::Acl;

/// The access key id that is known when no other is set.
pub const DEFAULT_ACCESS_KEY_ID: &str = "test-id";
/// The secret of [`DEFAULT_ACCESS_KEY_ID`].
pub const DEFAULT_ACCESS_KEY_SECRET: &str = "test-secret";

/// Requests that the journal keeps; at some 500 bytes each.
const JOURNAL_CAPACITY: usize = 100_000;

/// Settings of an [`Emulator`](crate::Emulator); each has a default, so `Emulator::builder().start()` works.
#[derive(Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct EmulatorBuilder {
    pub(crate) listen: SocketAddr,
    pub(crate) region: String,
    pub(crate) buckets: Vec<(String, Acl)>,
    pub(crate) credentials: HashMap<String, Secret>,
    pub(crate) hosts: Hosts,
    pub(crate) public_url: Option<String>,
    pub(crate) callback_timeout: Duration,
    pub(crate) public_callbacks_only: bool,
    pub(crate) callback_key_pem: Option<PrivatePem>,
    #[cfg(feature = "https")]
    pub(crate) callback_roots: Option<String>,
    pub(crate) clock_offset_millis: i64,
    pub(crate) limits: Limits,
    pub(crate) faults: Vec<Fault>,
    pub(crate) store: StoreChoice,
    pub(crate) journal_capacity: usize,
}

/// A private key, which is nobody's to print.
pub(crate) struct PrivatePem(pub(crate) String);

impl fmt::Debug for PrivatePem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PrivatePem").finish_non_exhaustive()
    }
}

/// Where objects are kept.
#[derive(Debug)]
pub(crate) enum StoreChoice {
    Memory,
    Sink,
    Disk(PathBuf),
}

impl Default for EmulatorBuilder {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            region: "cn-hangzhou".to_owned(),
            buckets: Vec::new(),
            credentials: HashMap::new(),
            hosts: Hosts { service: vec!["oss.localhost".to_owned()], cnames: HashMap::new() },
            public_url: None,
            callback_timeout: Duration::from_secs(5),
            public_callbacks_only: false,
            callback_key_pem: None,
            #[cfg(feature = "https")]
            callback_roots: None,
            clock_offset_millis: 0,
            limits: Limits::default(),
            faults: Vec::new(),
            store: StoreChoice::Memory,
            journal_capacity: JOURNAL_CAPACITY,
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

    /// Sets the URL under which application servers reach the emulator, for the callback key it tells them.
    ///
    /// The default is the address it listens on, which is right as long as everything runs on one machine.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into().trim_end_matches('/').to_owned());
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
        self.callback_key_pem = Some(PrivatePem(pem.into()));
        self
    }

    /// Trusts these certificates (PEM) of https application servers, besides those of the platform.
    #[cfg(feature = "https")]
    pub fn callback_roots_pem(mut self, pem: impl Into<String>) -> Self {
        self.callback_roots = Some(pem.into());
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

    /// Keeps objects in this folder, made if it is not there; the next start with it finds them again.
    ///
    /// The callback key is kept there too, unless another is given. One emulator at a time can use a folder.
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.store = StoreChoice::Disk(folder.into());
        self
    }

    /// Keeps sizes and checksums and throws the bytes away, for benchmarks of uploads; nothing can be read back.
    ///
    /// ETags are then no MD5 unless the client sends `Content-MD5`, since MD5 alone would limit the speed.
    pub fn sink(mut self) -> Self {
        self.store = StoreChoice::Sink;
        self
    }

    /// Sets how many requests the journal keeps; the default is 100,000.
    pub fn journal_capacity(mut self, entries: usize) -> Self {
        self.journal_capacity = entries;
        self
    }

    /// Injects a fault from the start.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_printed() {
        let builder = EmulatorBuilder::default()
            .credentials("own-id", "own-secret")
            .sts_credentials("sts-id", "sts-secret", "sts-token")
            .callback_key_pem("private-key");
        let printed = format!("{builder:?} {builder:#?}");
        for secret in ["own-secret", "sts-secret", "sts-token", "private-key"] {
            assert!(!printed.contains(secret), "{printed}");
        }
        assert!(printed.contains("own-id"));
    }
}
