use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::uri::{Authority, Scheme};

use crate::name::{Region, excerpt};

/// Where a request is sent: scheme, host and port, and how the bucket is put into the URL.
///
/// ```
/// # use oss_signing::{Addressing, Endpoint, Region};
/// let region: Region = "cn-hangzhou".parse()?;
/// assert_eq!(Endpoint::from_region(&region).to_string(), "https://oss-cn-hangzhou.aliyuncs.com");
///
/// // A custom domain names the bucket already.
/// let cdn: Endpoint = "https://static.example.com".parse()?;
/// let cdn = cdn.with_addressing(Addressing::Cname);
/// # assert_eq!(cdn.addressing(), Addressing::Cname);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
    addressing: Addressing,
}

/// How the bucket appears in a URL (OSS documentation, "OSS domain names").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Addressing {
    /// `https://bucket.host/key`, the usual form.
    VirtualHost,
    /// `https://host/bucket/key`: IP addresses, PrivateLink and local servers.
    PathStyle,
    /// `https://custom-domain/key`: the domain is bound to one bucket.
    Cname,
}

/// Which of a region's hosts to use (OSS documentation, "Regions and endpoints").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndpointKind {
    /// `oss-REGION.aliyuncs.com`, reachable from the internet.
    Public,
    /// `oss-REGION-internal.aliyuncs.com`, reachable from Alibaba Cloud machines of the same region.
    Internal,
    /// `REGION.oss.aliyuncs.com`, over IPv4 and IPv6.
    DualStack,
    /// `oss-accelerate.aliyuncs.com`: transfer acceleration, the same host for all regions.
    Accelerate,
    /// `oss-accelerate-overseas.aliyuncs.com`: transfer acceleration outside mainland China.
    AccelerateOverseas,
}

impl Endpoint {
    /// The public https endpoint of a region.
    pub fn from_region(region: &Region) -> Self {
        Self::of_kind(region, EndpointKind::Public)
    }

    /// An https endpoint of a region.
    pub fn of_kind(region: &Region, kind: EndpointKind) -> Self {
        let host = match kind {
            EndpointKind::Public => format!("oss-{region}.aliyuncs.com"),
            EndpointKind::Internal => format!("oss-{region}-internal.aliyuncs.com"),
            EndpointKind::DualStack => format!("{region}.oss.aliyuncs.com"),
            EndpointKind::Accelerate => "oss-accelerate.aliyuncs.com".to_owned(),
            EndpointKind::AccelerateOverseas => "oss-accelerate-overseas.aliyuncs.com".to_owned(),
        };
        Self { scheme: Scheme::HTTPS, host, port: None, addressing: Addressing::VirtualHost }
    }

    /// Says how the bucket is put into URLs.
    ///
    /// The default is [`Addressing::VirtualHost`], and [`Addressing::PathStyle`] for an IP address or `localhost`.
    #[must_use]
    pub fn with_addressing(mut self, addressing: Addressing) -> Self {
        self.addressing = addressing;
        self
    }

    /// How the bucket is put into URLs.
    pub fn addressing(&self) -> Addressing {
        self.addressing
    }

    /// The region, where the host is one of Alibaba Cloud's regional names and so implies it.
    ///
    /// `None` for acceleration hosts, custom domains, IP addresses, CloudBoxes and everything else: the caller then
    /// has to name the region, as a guess would make every V4 signature wrong.
    pub fn region(&self) -> Option<Region> {
        let stem = self.host.strip_suffix(".aliyuncs.com")?;
        let region = match (stem.strip_prefix("oss-"), stem.strip_suffix(".oss")) {
            (Some("accelerate" | "accelerate-overseas"), _) => return None,
            (Some(region), _) => region.strip_suffix("-internal").unwrap_or(region),
            (None, Some(region)) => region,
            (None, None) => return None,
        };
        Region::try_from(region).ok()
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The host, without the port; an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, if the endpoint names one.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    pub(crate) fn is_ip(&self) -> bool {
        is_ip(self.host())
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// Reads `https://oss-cn-hangzhou.aliyuncs.com`, the same without a scheme (then https), or
    /// `http://127.0.0.1:8080`. A closing `/` is allowed.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let refuse = |problem| EndpointError { endpoint: shown(text), problem };
        let (scheme, rest) = match text.split_once("://") {
            None => (Scheme::HTTPS, text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::HTTPS, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::HTTP, rest),
            Some(_) => return Err(refuse("has a scheme other than http and https")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
        if rest.contains(['/', '?', '#']) {
            return Err(refuse("has a path or a query: give scheme, host and port only"));
        }
        if rest.contains('@') {
            return Err(refuse("has a user name: credentials do not belong into an endpoint"));
        }
        let authority = Authority::try_from(rest).map_err(|_| refuse("has no valid host"))?;
        let (host, port) = (authority.host(), authority.port_u16());
        if !is_host(host) {
            return Err(refuse("has no valid host"));
        }
        // `host:` and `host:99999` parse as an authority, but no port comes out of them.
        if port.is_none() && authority.as_str() != host {
            return Err(refuse("has no valid port"));
        }
        let local = is_ip(host) || host == "localhost";
        let addressing = if local { Addressing::PathStyle } else { Addressing::VirtualHost };
        Ok(Self { scheme, host: host.to_owned(), port, addressing })
    }
}

impl TryFrom<&str> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: &str) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl TryFrom<String> for Endpoint {
    type Error = EndpointError;

    fn try_from(text: String) -> Result<Self, EndpointError> {
        text.parse()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Text that is not an endpoint.
///
/// Of the text only scheme, host and port are kept: a user name, a path and a query may hold a secret, as in a presigned
/// URL given by mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("endpoint {endpoint:?} {problem}; an endpoint looks like \"https://oss-cn-hangzhou.aliyuncs.com\"")]
pub struct EndpointError {
    endpoint: String,
    problem: &'static str,
}

/// What an error may show of a text: the scheme, and what follows the user name up to the path or query.
fn shown(text: &str) -> String {
    let is_scheme = |scheme: &str| {
        scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    };
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => (&text[..scheme.len() + 3], rest),
        _ => ("", text),
    };
    let (authority, after) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // An `@` in what follows may end a user name with a slash in its password: then nothing is sure to be the host.
    let host = match authority.rsplit_once('@') {
        _ if after.contains('@') => "",
        Some((_, host)) => host,
        None => authority,
    };
    excerpt(&format!("{scheme}{host}"))
}

fn is_ip(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok(),
    }
}

fn is_host(host: &str) -> bool {
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    is_ip(host) || (!host.is_empty() && !host.starts_with('.') && host.bytes().all(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().unwrap()
    }

    #[test]
    fn a_missing_scheme_means_https() {
        assert_eq!(
            endpoint("oss-cn-hangzhou.aliyuncs.com").to_string(),
            "https://oss-cn-hangzhou.aliyuncs.com"
        );
        assert_eq!(endpoint("HTTP://LocalHost:8080/").to_string(), "http://localhost:8080");
        assert_eq!(endpoint("[::1]:9000").addressing(), Addressing::PathStyle);
    }

    #[test]
    fn local_hosts_use_paths_and_names_use_virtual_hosts() {
        for (text, addressing) in [
            ("http://127.0.0.1:8080", Addressing::PathStyle),
            ("http://localhost", Addressing::PathStyle),
            ("http://[::1]", Addressing::PathStyle),
            ("oss-cn-hangzhou.aliyuncs.com", Addressing::VirtualHost),
            ("oss.localhost:8281", Addressing::VirtualHost),
            ("static.example.com", Addressing::VirtualHost),
        ] {
            assert_eq!(endpoint(text).addressing(), addressing, "{text}");
        }
    }

    #[test]
    fn only_regional_hosts_imply_a_region() {
        for (host, region) in [
            ("oss-cn-hangzhou.aliyuncs.com", Some("cn-hangzhou")),
            ("oss-cn-shanghai-internal.aliyuncs.com", Some("cn-shanghai")),
            ("cn-hangzhou.oss.aliyuncs.com", Some("cn-hangzhou")),
            ("oss-cn-shenzhen-finance-1.aliyuncs.com", Some("cn-shenzhen-finance-1")),
            ("oss-accelerate.aliyuncs.com", None),
            ("oss-accelerate-overseas.aliyuncs.com", None),
            ("examplebucket.oss-cn-hangzhou.aliyuncs.com", None),
            ("bucket.cn-hangzhou.oss.aliyuncs.com", None),
            ("cb-123.cn-hangzhou.oss-cloudbox.aliyuncs.com", None),
            ("oss-cn-hangzhou.aliyuncs.com.evil.example", None),
            ("oss-cn-hangzhou.example.com", None),
            ("127.0.0.1", None),
            ("localhost", None),
        ] {
            assert_eq!(endpoint(host).region().as_ref().map(Region::as_str), region, "{host}");
        }
    }

    #[test]
    fn every_kind_of_a_region_reads_back() {
        let region = Region::try_from("cn-beijing").unwrap();
        for (kind, host, implied) in [
            (EndpointKind::Public, "oss-cn-beijing.aliyuncs.com", true),
            (EndpointKind::Internal, "oss-cn-beijing-internal.aliyuncs.com", true),
            (EndpointKind::DualStack, "cn-beijing.oss.aliyuncs.com", true),
            (EndpointKind::Accelerate, "oss-accelerate.aliyuncs.com", false),
            (EndpointKind::AccelerateOverseas, "oss-accelerate-overseas.aliyuncs.com", false),
        ] {
            let made = Endpoint::of_kind(&region, kind);
            assert_eq!(made, endpoint(host));
            assert_eq!(made.region().is_some(), implied, "{host}");
        }
    }

    #[test]
    fn an_error_shows_the_host_and_no_secret() {
        for (text, shown) in [
            ("https://user:hush@oss.example.com:99999", "\"https://oss.example.com:99999\""),
            ("https://us@er:hush@ho st/hush", "\"https://ho st\""),
            ("user:hush@oss.example.com", "\"oss.example.com\""),
            ("https://user:hush/hush@oss.example.com", "\"https://\""),
            ("https://b.example/k?Signature=hush&security-token=hush", "\"https://b.example\""),
            ("b.example/k?x-oss-signature=hush&next=http://hush", "\"b.example\""),
            ("user:hush@http://oss.example.com", "\"http:\" has a scheme"),
            ("https://b.example?x=hush@hush", "\"https://\""),
            ("https://b.example#hush", "\"https://b.example\""),
            ("ftp://b.example", "\"ftp://b.example\""),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
            assert!(error.to_string().contains(shown), "{error}");
        }
        let error = "a/".repeat(3).parse::<Endpoint>().unwrap_err();
        assert!(error.to_string().contains("\"a\""), "{error}");
        let error = format!("{}!", "a".repeat(1000)).parse::<Endpoint>().unwrap_err();
        assert!(error.to_string().len() < 250, "{error}");
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in [
            "",
            "https://",
            "ftp://host",
            "http://host/path",
            "http://host?x",
            "http://user:pw@host",
            "http://host:",
            "http://host:99999",
            "ho st",
            "http://:80",
            "http://.host",
            "http://ho%20st",
            "http://[::zz]",
            "http://[127.0.0.1]",
            "http://[::1",
            "::1",
            "a,b",
            "http://a://b",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
