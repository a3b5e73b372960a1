use std::time::Duration;

use super::{Https, ReqwestTransport};
use crate::{TransportError, TransportErrorKind};

/// Settings of a [`ReqwestTransport`]; made by [`ReqwestTransport::builder`].
///
/// There is no total time limit and no limit for reading: both would end uploads that still move, and the uploader
/// above the transport knows better when nothing moves.
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until `build` is called"]
pub struct ReqwestTransportBuilder {
    connect_timeout: Option<Duration>,
    pool_idle_timeout: Option<Duration>,
    pool_max_idle_per_host: usize,
    tcp_keepalive: Option<Duration>,
    tcp_user_timeout: Option<Duration>,
    system_proxy: bool,
    user_agent: String,
}

impl ReqwestTransportBuilder {
    pub(super) fn new() -> Self {
        Self {
            connect_timeout: Some(Duration::from_secs(10)),
            pool_idle_timeout: Some(Duration::from_secs(50)),
            pool_max_idle_per_host: usize::MAX,
            tcp_keepalive: Some(Duration::from_secs(15)),
            tcp_user_timeout: Some(Duration::from_secs(120)),
            system_proxy: true,
            user_agent: concat!("oss-transport/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// Limits the time for making a connection: name resolution, TCP, proxy and TLS together. Default: 10 s.
    ///
    /// Passing it is [`TransportErrorKind::Connect`]. `None` leaves it to the operating system.
    pub fn connect_timeout(mut self, limit: Option<Duration>) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Closes pooled connections that were idle for so long. Default: 50 s.
    ///
    /// Servers close idle connections too, many after a minute; the shorter limit on this side makes it rare that a
    /// request is sent into a connection that is just being closed. `None` keeps them for ever.
    pub fn pool_idle_timeout(mut self, limit: Option<Duration>) -> Self {
        self.pool_idle_timeout = limit;
        self
    }

    /// Limits the idle connections kept for one host. Default: no limit. 0 makes a connection for each request.
    pub fn pool_max_idle_per_host(mut self, connections: usize) -> Self {
        self.pool_max_idle_per_host = connections;
        self
    }

    /// Probes a connection after it was silent for so long. Default: 15 s.
    ///
    /// This keeps middle boxes from forgetting the connection while the server works on a long request, and finds
    /// out that the peer has gone ([`TransportErrorKind::Timeout`]). `None` switches it off.
    pub fn tcp_keepalive(mut self, idle: Option<Duration>) -> Self {
        self.tcp_keepalive = idle;
        self
    }

    /// Closes a connection whose data the peer has not acknowledged, or has had no room for, for so long.
    /// Default: 120 s. Linux, Android and Fuchsia only; elsewhere it does nothing.
    ///
    /// Passing it is [`TransportErrorKind::Timeout`]. `None` leaves it to the operating system.
    pub fn tcp_user_timeout(mut self, limit: Option<Duration>) -> Self {
        self.tcp_user_timeout = limit;
        self
    }

    /// Says whether the proxies of the environment (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`) are
    /// used. Default: yes.
    pub fn system_proxy(mut self, used: bool) -> Self {
        self.system_proxy = used;
        self
    }

    /// Sets the header `User-Agent` of requests that have none. Default: `oss-transport/` and the version.
    pub fn user_agent(mut self, value: impl Into<String>) -> Self {
        self.user_agent = value.into();
        self
    }

    /// Makes the transport.
    ///
    /// The certificate authorities of the platform are read at the first TLS handshake, not here, so a machine
    /// without any can use plain HTTP; HTTPS then fails with [`TransportErrorKind::Tls`].
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::Other`] if a setting cannot be used, for example a user agent with a line break.
    pub fn build(self) -> Result<ReqwestTransport, TransportError> {
        let mut client = reqwest::Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .user_agent(&self.user_agent)
            .pool_idle_timeout(self.pool_idle_timeout)
            .pool_max_idle_per_host(self.pool_max_idle_per_host)
            .tcp_keepalive(self.tcp_keepalive)
            .tcp_keepalive_interval(self.tcp_keepalive)
            .tcp_keepalive_retries(3);
        if let Some(limit) = self.connect_timeout {
            client = client.connect_timeout(limit);
        }
        if !self.system_proxy {
            client = client.no_proxy();
        }
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        {
            client = client.tcp_user_timeout(self.tcp_user_timeout);
        }
        let client = with_tls(client)?.build().map_err(unusable)?;
        Ok(ReqwestTransport { client, https: Https::BUILT_IN, says_host: true })
    }
}

#[cfg(feature = "rustls")]
fn with_tls(client: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, TransportError> {
    Ok(client.tls_backend_preconfigured(super::rustls_config::client_config().map_err(unusable)?))
}

#[cfg(not(feature = "rustls"))]
fn with_tls(client: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, TransportError> {
    Ok(client)
}

fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> TransportError {
    TransportError::new(TransportErrorKind::Other, error)
}
