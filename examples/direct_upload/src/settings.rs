//! Where the application runs, and on what: told by the environment.

use std::net::{Ipv4Addr, SocketAddr};

use crate::rules::Rules;
use crate::scene::Failure;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the page is served; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// The database; by default SQLite, in a folder that is removed at the end if the storage is emulated.
    pub database_url: Option<String>,
    /// What the tokens in callbacks are minted with, at least 32 bytes; by default random ones of this run, so that
    /// callbacks of an earlier run are refused.
    pub token_secret: Option<Vec<u8>>,
    /// What may be uploaded.
    pub rules: Rules,
    /// Whether to ask OSS for the object before a callback is believed.
    pub look_first: bool,
    /// Where files are stored.
    pub place: Place,
}

/// Where files are stored.
#[derive(Clone, Debug)]
pub enum Place {
    /// In an OSS within this process.
    Emulated,
    /// In a bucket of Alibaba Cloud.
    Real(RealBucket),
}

/// A bucket, and the way back from it. The access key comes from the environment whenever it is needed.
#[derive(Clone, Debug)]
pub struct RealBucket {
    /// Such as `https://oss-cn-hangzhou.aliyuncs.com`.
    pub endpoint: String,
    /// Such as `cn-hangzhou`.
    pub region: String,
    /// The bucket's name. It needs a CORS rule for the page's origin.
    pub bucket: String,
    /// The URL under which OSS reaches this server.
    pub callback_url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            database_url: None,
            token_secret: None,
            rules: Rules::default(),
            look_first: false,
            place: Place::Emulated,
        }
    }
}

impl Settings {
    /// Reads the environment. Without `OSS_ENDPOINT` the storage is emulated.
    ///
    /// # Errors
    ///
    /// Which variable is missing or wrong.
    pub fn from_env() -> Result<Self, Failure> {
        let mut settings = Self::default();
        if let Some(address) = variable("LISTEN") {
            settings.listen = address.parse().map_err(|_| "LISTEN is no address such as 127.0.0.1:8080")?;
        }
        settings.database_url = variable("DATABASE_URL");
        settings.token_secret = variable("TOKEN_SECRET").map(String::into_bytes);
        settings.look_first = variable("LOOK_FIRST").is_some();
        if let Some(bytes) = variable("MAX_BYTES") {
            settings.rules.max_bytes = bytes.parse().map_err(|_| "MAX_BYTES is no number of bytes")?;
        }
        let Some(endpoint) = variable("OSS_ENDPOINT") else { return Ok(settings) };
        let needed = |name| variable(name).ok_or_else(|| format!("OSS_ENDPOINT is set, but {name} is not"));
        for name in ["OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET"] {
            needed(name)?;
        }
        settings.place = Place::Real(RealBucket {
            endpoint,
            region: needed("OSS_REGION")?,
            bucket: needed("OSS_BUCKET")?,
            callback_url: needed("OSS_CALLBACK_URL")?,
        });
        Ok(settings)
    }
}

#[allow(clippy::disallowed_methods, reason = "an example is a program, and programs read their environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
