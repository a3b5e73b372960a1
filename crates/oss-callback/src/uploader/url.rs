use std::net::Ipv4Addr;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::error::UrlError;
use crate::percent::{decode, is_escaped_properly};

/// A callback URL that OSS will call: scheme, host, optional port and path, ASCII only.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CallbackUrl {
    /// Scheme to path, without a query.
    base: String,
    /// Where the path begins in `base`; equals its length when there is no path.
    path_start: usize,
    query: Option<String>,
    https: bool,
}

impl CallbackUrl {
    /// Reads what a user wrote. A missing scheme means http, as OSS and its other clients have it.
    pub(crate) fn parse(text: &str, allow_private: bool) -> Result<Self, UrlError> {
        let (scheme, rest) = split_scheme(text)?;
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        if rest.contains('?') {
            return Err(UrlError::Query);
        }
        if rest.contains(';') {
            return Err(UrlError::Semicolon);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = check_authority(authority, allow_private).map_err(|error| match error {
            // `user:pass/word@host`: what looks like a port is the beginning of a password.
            UrlError::Port { .. } if path.contains('@') => UrlError::UserInfo,
            error => error,
        })?;
        check_path(path)?;
        // Non-ASCII is encoded once; what is already encoded stays as it is.
        let path = utf8_percent_encode(path, NON_ASCII);
        let base = format!("{scheme}://{authority}{path}");
        let path_start = scheme.len() + "://".len() + authority.len();
        Ok(Self { base, path_start, query: None, https: scheme == "https" })
    }

    /// The same for a URL of a decoded callback, which holds its query.
    pub(crate) fn parse_with_query(text: &str, allow_private: bool) -> Result<Self, UrlError> {
        let Some((base, query)) = text.split_once('?') else {
            return Self::parse(text, allow_private);
        };
        let url = Self::parse(base, allow_private)?;
        if query.contains('#') {
            return Err(UrlError::Fragment);
        }
        if let Some(character) = query.chars().find(|c| !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(*c)) {
            return Err(UrlError::Character { character });
        }
        Ok(url.with_query(Some(query)))
    }

    pub(crate) fn with_query(mut self, query: Option<&str>) -> Self {
        self.query = query.map(str::to_owned);
        self
    }

    pub(crate) fn is_https(&self) -> bool {
        self.https
    }

    /// The whole URL, as it goes into `callbackUrl`.
    pub(crate) fn text(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.base),
            None => self.base.clone(),
        }
    }

    /// The URL without its query, for output that must not show a token.
    pub(crate) fn without_query(&self) -> &str {
        &self.base
    }

    /// The request target OSS will use: path, `/` if there is none, and query.
    pub(crate) fn request_target(&self) -> String {
        let path = self.base.get(self.path_start..).filter(|path| !path.is_empty()).unwrap_or("/");
        match &self.query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }
    }
}

/// Encodes query pairs as an HTML form does, which is what the reference SDK sends: space as `+`, UTF-8 as
/// `%XX`, order kept.
pub(crate) fn encode_query(pairs: &[(String, String)]) -> Option<String> {
    if pairs.is_empty() {
        return None;
    }
    let mut query = String::new();
    for (name, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        push_form(&mut query, name);
        query.push('=');
        push_form(&mut query, value);
    }
    Some(query)
}

fn push_form(out: &mut String, text: &str) {
    for piece in utf8_percent_encode(text, FORM) {
        out.push_str(&piece.replace(' ', "+"));
    }
}

/// Whether `host` is a name with an optional port, as the `Host` header wants it.
pub(crate) fn is_host_with_port(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    is_host(host) && port.is_none_or(is_port)
}

fn split_scheme(text: &str) -> Result<(&'static str, &str), UrlError> {
    if text.is_empty() {
        return Err(UrlError::Empty);
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(("http", text));
    };
    if scheme.eq_ignore_ascii_case("http") {
        Ok(("http", rest))
    } else if scheme.eq_ignore_ascii_case("https") {
        Ok(("https", rest))
    } else if scheme.contains(['/', '?', '#']) {
        // `host/path?next=http://…`: the `://` belongs to what follows the host.
        Ok(("http", text))
    } else if scheme.contains('@') {
        Err(UrlError::UserInfo)
    } else {
        Err(UrlError::Scheme { scheme: scheme.to_owned() })
    }
}

fn check_authority(authority: &str, allow_private: bool) -> Result<String, UrlError> {
    if authority.contains('@') {
        return Err(UrlError::UserInfo);
    }
    let bare_ipv6 = authority.matches(':').count() > 1
        && authority.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
    if authority.contains(['[', ']']) || bare_ipv6 {
        return Err(UrlError::Ipv6);
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if !is_host(host) {
        return Err(UrlError::Host { host: host.to_owned() });
    }
    if let Some(port) = port
        && !is_port(port)
    {
        return Err(UrlError::Port { port: port.to_owned() });
    }
    if !allow_private && !is_public(host) {
        return Err(UrlError::Private { host: host.to_owned() });
    }
    Ok(authority.to_owned())
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

/// A dotted IPv4 address or an ASCII name. A last label of digits or `0x…` is an address in one of the
/// spellings that resolvers read differently, so only the dotted form of four decimal numbers passes.
fn is_host(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let labels_are_good = name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        });
    let last = name.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|b| b.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .or_else(|| last.strip_prefix("0X"))
            .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    labels_are_good && (!numeric || host.parse::<Ipv4Addr>().is_ok())
}

fn is_public(host: &str) -> bool {
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return is_public_address(address);
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    // A name of one label is an intranet name; the others are reserved by RFC 6761, 6762, 8375 and by ICANN.
    name.contains('.')
        && ![".localhost", ".local", ".internal", ".home.arpa"].iter().any(|suffix| name.ends_with(suffix))
}

fn is_public_address(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..=127).contains(&b);
    let protocol = a == 192 && b == 0 && c == 0;
    let benchmark = a == 198 && (b == 18 || b == 19);
    !(a == 0
        || a >= 224
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || shared
        || protocol
        || benchmark)
}

fn check_path(path: &str) -> Result<(), UrlError> {
    let refused = |c: &char| c.is_ascii() && !(c.is_ascii_alphanumeric() || PATH_PUNCTUATION.contains(*c));
    if let Some(character) = path.chars().find(refused) {
        return Err(UrlError::Character { character });
    }
    if !is_escaped_properly(path.as_bytes()) {
        return Err(UrlError::Escape);
    }
    let decoded = decode(path.as_bytes());
    if decoded.iter().any(|b| *b == b'?' || b.is_ascii_control()) {
        return Err(UrlError::Ambiguous);
    }
    if decoded.split(|b| *b == b'/').any(|segment| segment == b"." || segment == b"..") {
        return Err(UrlError::DotSegment);
    }
    Ok(())
}

const PATH_PUNCTUATION: &str = "/-._~!$&'()*+,=:@%";

/// Encodes nothing that is ASCII: the path was checked, and what is encoded already must not be encoded twice.
const NON_ASCII: &AsciiSet = &AsciiSet::EMPTY;

/// Everything but letters, digits, `_`, `.`, `-`, `~`; the space is handled by the caller.
const FORM: &AsciiSet = &CONTROLS
    .add(b'!')
    .add(b'"')
    .add(b'#')
    .add(b'$')
    .add(b'%')
    .add(b'&')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'*')
    .add(b'+')
    .add(b',')
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, UrlError> {
        CallbackUrl::parse(text, false).map(|url| url.text())
    }

    #[test]
    fn good_urls_keep_their_spelling() {
        for url in [
            "http://oss-demo.aliyuncs.com:23450",
            "https://app.example.com/a/b%20c/",
            "http://121.43.113.8:23456/index.html",
            "http://example.com/%E4%B8%AD%E6%96%87.php",
        ] {
            assert_eq!(parse(url).as_deref(), Ok(url));
        }
        assert_eq!(parse("app.server.com/callback").as_deref(), Ok("http://app.server.com/callback"));
        assert_eq!(parse("HTTPS://a.example/X").as_deref(), Ok("https://a.example/X"));
    }

    #[test]
    fn non_ascii_is_encoded_once() {
        assert_eq!(
            parse("http://example.com/中文.php").as_deref(),
            Ok("http://example.com/%E4%B8%AD%E6%96%87.php")
        );
    }

    #[test]
    fn each_fault_has_its_own_error() {
        let cases = [
            ("", UrlError::Empty),
            ("ftp://a.example/", UrlError::Scheme { scheme: "ftp".into() }),
            ("http://a.example/cb?id=1", UrlError::Query),
            ("http://a.example/cb?", UrlError::Query),
            ("a.example/cb?next=http://b", UrlError::Query),
            ("http://a.example/cb#x", UrlError::Fragment),
            ("http://u:p@a.example/", UrlError::UserInfo),
            ("http://u:p/w@a.example/", UrlError::UserInfo),
            ("u:p@http://a.example/", UrlError::UserInfo),
            ("http://[::1]/", UrlError::Ipv6),
            ("http://::1/", UrlError::Ipv6),
            ("http:///x", UrlError::Host { host: String::new() }),
            ("http://a b.example/", UrlError::Host { host: "a b.example".into() }),
            ("http://中文.example/", UrlError::Host { host: "中文.example".into() }),
            ("http://127.1/", UrlError::Host { host: "127.1".into() }),
            ("http://0x7f.0.0.1/", UrlError::Host { host: "0x7f.0.0.1".into() }),
            ("http://::ffff:1.2.3.4/", UrlError::Ipv6),
            ("http://a.example:80:81/", UrlError::Port { port: "80:81".into() }),
            ("http://a.example:/", UrlError::Port { port: String::new() }),
            ("http://a.example:0/", UrlError::Port { port: "0".into() }),
            ("http://a.example:65536/", UrlError::Port { port: "65536".into() }),
            ("http://a.example:+80/", UrlError::Port { port: "+80".into() }),
            ("http://a.example/x;http://b.example/", UrlError::Semicolon),
            ("http://a.example/a b", UrlError::Character { character: ' ' }),
            (" http://a.example/", UrlError::Scheme { scheme: " http".into() }),
            ("http://a.example/cb\n", UrlError::Character { character: '\n' }),
            ("http://a.example/a\nb", UrlError::Character { character: '\n' }),
            ("http://a.example/${object}", UrlError::Character { character: '{' }),
            ("http://a.example/%zz", UrlError::Escape),
            ("http://a.example/%4", UrlError::Escape),
            ("http://a.example/a%3Fb", UrlError::Ambiguous),
            ("http://a.example/a%0Ab", UrlError::Ambiguous),
            ("http://a.example/../b", UrlError::DotSegment),
            ("http://a.example/%2e%2E/b", UrlError::DotSegment),
        ];
        for (url, expected) in cases {
            assert_eq!(parse(url), Err(expected), "{url:?}");
        }
    }

    #[test]
    fn private_hosts_need_leave() {
        for host in [
            "127.0.0.1",
            "10.0.0.8",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "198.19.255.255",
            "192.0.2.1",
            "224.0.0.1",
            "255.255.255.255",
            "0.0.0.0",
            "localhost",
            "localhost.",
            "app.localhost",
            "printer.local",
            "db.internal",
            "intranet",
        ] {
            let url = format!("http://{host}/cb");
            assert_eq!(parse(&url), Err(UrlError::Private { host: host.to_owned() }));
            assert!(CallbackUrl::parse(&url, true).is_ok(), "{host}");
        }
        assert!(parse("http://100.128.0.1/").is_ok());
        assert!(parse("http://172.32.0.1/").is_ok());
        assert!(parse("http://198.20.0.1/").is_ok());
    }

    #[test]
    fn the_target_of_a_url_without_path_is_the_root() {
        let url = CallbackUrl::parse("http://a.example:23450", false).unwrap();
        assert_eq!(url.request_target(), "/");
        assert_eq!(url.with_query(Some("user=put_object")).request_target(), "/?user=put_object");
    }

    #[test]
    fn query_pairs_are_escaped_as_the_reference_sdk_does() {
        let pairs = [("a b".to_owned(), "c+d/é".to_owned()), ("~*".to_owned(), String::new())];
        assert_eq!(encode_query(&pairs).as_deref(), Some("a+b=c%2Bd%2F%C3%A9&~%2A="));
        assert_eq!(encode_query(&[]), None);
    }
}
