//! Everything the emulator is, without a socket.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;

use crate::address::{self, Hosts, Style};
use crate::body::{Refusal, RequestBody};
use crate::callback;
use crate::clock::Clock;
use crate::error::OssError;
use crate::fault::Faults;
use crate::fault::Faulty;
use crate::journal::{Journal, Ticket};
use crate::operation::Operation;
use crate::query::Query;
use crate::store::Store;

/// The state that all connections share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) journal: Arc<Journal>,
    pub(crate) faults: Faults,
    pub(crate) callbacks: Arc<callback::Sender>,
    pub(crate) deliveries: callback::Running,
    pub(crate) config: Config,
    pub(crate) verifier: oss_signing::Verifier,
}

/// What was chosen when the emulator was built.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) region: String,
    pub(crate) endpoint: String,
    /// Where application servers find the callback key.
    pub(crate) callback_key_url: String,
    pub(crate) credentials: HashMap<String, Secret>,
    pub(crate) hosts: Hosts,
    pub(crate) limits: Limits,
}

/// The secret of an access key id.
#[derive(Clone)]
pub(crate) struct Secret {
    pub(crate) secret: String,
    /// With a token, these are temporary credentials, and every request must carry it.
    pub(crate) token: Option<String>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Secret").field("temporary", &self.token.is_some()).finish_non_exhaustive()
    }
}

/// The sizes that OSS allows, all in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) largest_put: u64,
    pub(crate) smallest_part: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { largest_put: 5 << 30, smallest_part: 100 * 1024 }
    }
}

/// One request while an operation works on it.
pub(crate) struct Exchange<'a> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) operation: Operation,
    pub(crate) parts: &'a Parts,
    pub(crate) query: &'a Query,
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    pub(crate) style: Style,
    pub(crate) request_id: &'a str,
    pub(crate) now: SystemTime,
    pub(crate) client_ip: Option<IpAddr>,
    pub(crate) ticket: &'a Ticket,
    pub(crate) body: RequestBody,
    pub(crate) faulty: Faulty,
}

impl Exchange<'_> {
    /// A header's text; bytes that are not UTF-8 are refused.
    pub(crate) fn header(&self, name: &str) -> Result<Option<&str>, OssError> {
        let Some(value) = self.parts.headers.get(name) else { return Ok(None) };
        std::str::from_utf8(value.as_bytes())
            .map(|text| Some(text.trim()))
            .map_err(|_| OssError::invalid_argument(name, "", format!("The header {name} is not UTF-8.")))
    }

    /// The URL of an object of the bucket, in the way this request was addressed.
    pub(crate) fn location(&self, key: &str) -> String {
        self.style.url(address::host(self.parts), self.bucket, key)
    }

    /// The upload id of a multipart request.
    pub(crate) fn upload_id(&self) -> &str {
        self.query.value("uploadId").unwrap_or_default()
    }

    /// Makes an internal error of a failure of the store.
    pub(crate) fn io(error: std::io::Error) -> Refusal {
        Refusal::Error(OssError::internal(error))
    }
}
