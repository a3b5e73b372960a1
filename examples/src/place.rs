//! Where an example uploads to.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use oss::signing::{BucketName, Credentials, Region};
use oss::{Client, ClientBuilder, EnvironmentCredentials};
use oss_emulator::{DEFAULT_ACCESS_KEY_ID, DEFAULT_ACCESS_KEY_SECRET, Emulator};
use tempfile::TempDir;

/// What can go wrong in an example.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// An OSS to upload to: the bucket the environment names, or an emulated one in this process.
///
/// With `OSS_ENDPOINT` set it is a real one, and `OSS_REGION`, `OSS_BUCKET`, `OSS_ACCESS_KEY_ID` and
/// `OSS_ACCESS_KEY_SECRET` must be set too (`OSS_SESSION_TOKEN` if the key is a temporary one).
#[derive(Debug)]
pub struct Place {
    /// A URL, such as `https://oss-cn-hangzhou.aliyuncs.com`.
    pub endpoint: String,
    /// The region to sign for, such as `cn-hangzhou`.
    pub region: Region,
    /// The bucket.
    pub bucket: BucketName,
    /// The key of whoever may upload.
    pub credentials: Credentials,
    /// Where what belongs to this OSS is kept: the checkpoints, and the objects if it is emulated.
    pub folder: PathBuf,
    /// The emulated OSS, if it is one.
    pub emulator: Option<Emulator>,
    _removed_at_the_end: Option<TempDir>,
}

impl Place {
    /// Reads the environment, and starts an emulated OSS if that names no real one. Its folder is gone afterwards.
    ///
    /// # Errors
    ///
    /// Which variable is missing or wrong, or why nothing could be started.
    pub async fn from_env() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let place = Self::open(folder.path(), 0).await?;
        Ok(Self { _removed_at_the_end: Some(folder), ..place })
    }

    /// The same in a folder that stays, and with a port for the emulated OSS: a later run finds the same endpoint again,
    /// the objects and the checkpoints.
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env).
    pub async fn kept_in(folder: &Path, port: u16) -> Result<Self, Failure> {
        Self::open(folder, port).await
    }

    async fn open(folder: &Path, port: u16) -> Result<Self, Failure> {
        let (folder, _removed_at_the_end) = (folder.to_owned(), None);
        if let Some(endpoint) = variable("OSS_ENDPOINT") {
            let (region, bucket) = (needed("OSS_REGION")?.parse()?, needed("OSS_BUCKET")?.parse()?);
            let credentials = EnvironmentCredentials::new().read()?;
            let emulator = None;
            return Ok(Self { endpoint, region, bucket, credentials, folder, emulator, _removed_at_the_end });
        }
        let bucket = "examplebucket";
        let emulator = Emulator::builder()
            .bucket(bucket)
            .listen((Ipv4Addr::LOCALHOST, port).into())
            .data_dir(folder.join("oss"))
            .start()
            .await?;
        Ok(Self {
            endpoint: emulator.endpoint().to_owned(),
            region: emulator.region().parse()?,
            bucket: bucket.parse()?,
            credentials: Credentials::new(DEFAULT_ACCESS_KEY_ID, DEFAULT_ACCESS_KEY_SECRET),
            folder,
            emulator: Some(emulator),
            _removed_at_the_end,
        })
    }

    /// A client of this OSS, to be finished with `build`.
    pub fn client(&self) -> ClientBuilder {
        Client::builder(&self.endpoint)
            .region(self.region.as_str())
            .credentials(self.credentials.clone())
            .checkpoint_directory(self.folder.join("checkpoints"))
    }

    /// Whether this OSS runs on this machine, and so may call application servers that OSS itself would not call.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let host = self.endpoint.split_once("://").map_or(self.endpoint.as_str(), |(_, host)| host);
        ["127.", "localhost", "[::1]"].iter().any(|local| host.starts_with(local))
    }

    /// Stops the emulated OSS, if it is one.
    pub async fn close(self) {
        if let Some(emulator) = self.emulator {
            emulator.shutdown().await;
        }
    }
}

/// The exit status of an example: 0 only if every step did what it says. The error and its causes go to stderr.
#[must_use]
#[allow(clippy::print_stderr, reason = "an example shows what it does")]
pub fn finish(result: Result<(), Failure>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("failed: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

/// An environment variable that goes with `OSS_ENDPOINT`.
///
/// # Errors
///
/// It is not set, or empty.
pub fn needed(name: &str) -> Result<String, Failure> {
    Ok(variable(name).ok_or_else(|| format!("OSS_ENDPOINT is set, but {name} is not"))?)
}

/// An environment variable, unless it is empty.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "an example is a program, and programs read their environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A fact about a stored object that OSS may have left out.
#[must_use]
pub fn or_unknown<T: std::fmt::Display>(fact: Option<T>) -> String {
    fact.map_or_else(|| "unknown".to_owned(), |fact| fact.to_string())
}
