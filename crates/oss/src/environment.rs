//! The only place of the library crates that reads the environment.

use std::path::PathBuf;

use async_trait::async_trait;
use oss_signing::Credentials;
use oss_upload::{CredentialsError, ProvideCredentials};

/// Reads the access key from the environment at every attempt, as the OSS SDKs do:
/// `OSS_ACCESS_KEY_ID`, `OSS_ACCESS_KEY_SECRET`, and `OSS_SESSION_TOKEN` if there is one.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct EnvironmentCredentials;

impl EnvironmentCredentials {
    /// Reads nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// The credentials in the environment as it is now.
    ///
    /// # Errors
    ///
    /// Which variable is missing or empty.
    pub fn read(self) -> Result<Credentials, CredentialsError> {
        let credentials =
            Credentials::new(required("OSS_ACCESS_KEY_ID")?, required("OSS_ACCESS_KEY_SECRET")?);
        Ok(match variable("OSS_SESSION_TOKEN") {
            Some(token) => credentials.with_security_token(token),
            None => credentials,
        })
    }
}

#[async_trait]
impl ProvideCredentials for EnvironmentCredentials {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        self.read()
    }
}

/// The region in `OSS_REGION`, if it is set.
pub(crate) fn region() -> Option<String> {
    variable("OSS_REGION")
}

/// Where a user's programs keep state on this system: `$XDG_STATE_HOME` or `~/.local/state`, `%LOCALAPPDATA%` on
/// Windows, `~/Library/Application Support` on macOS.
pub(crate) fn state_directory() -> Option<PathBuf> {
    let home = || variable("HOME").map(PathBuf::from);
    let base = if cfg!(windows) {
        variable("LOCALAPPDATA").map(PathBuf::from)
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        // The XDG specification has relative paths ignored.
        variable("XDG_STATE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| home().map(|home| home.join(".local/state")))
    };
    base.map(|base| base.join("oss-upload"))
}

fn required(name: &'static str) -> Result<String, CredentialsError> {
    variable(name).ok_or_else(|| {
        CredentialsError::new(format!(
            "the environment variable {name} is not set or empty; set it to the access key"
        ))
    })
}

#[allow(clippy::disallowed_methods, reason = "the facade is where the environment is read")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
