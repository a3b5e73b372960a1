//! The URLs of a callback.

/// One URL that a callback may be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallbackUrl {
    pub(crate) https: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path and query exactly as given; never empty.
    pub(crate) target: String,
}

impl CallbackUrl {
    /// Parses `[http[s]://]host[:port][/path][?query]`; `None` when OSS would refuse it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (https, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            // `host/path?u=http://other` has no scheme of its own.
            Some((scheme, _)) if !scheme.contains(['/', '?', '#']) => return None,
            _ => (false, text),
        };
        let rest = rest.split('#').next().unwrap_or(rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
            None => (authority, if https { 443 } else { 80 }),
        };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if host.is_empty() || !host.bytes().all(legal) {
            return None;
        }
        let target = match target.as_bytes().first() {
            None => "/".to_owned(),
            Some(b'?') => format!("/{target}"),
            Some(_) => target.to_owned(),
        };
        target.parse::<http::uri::PathAndQuery>().ok()?;
        Some(Self { https, host: host.to_owned(), port, target })
    }

    /// The `Host` header: the port only where it is not the scheme's own.
    pub(crate) fn host_header(&self) -> String {
        match (self.https, self.port) {
            (false, 80) | (true, 443) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

impl std::fmt::Display for CallbackUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(formatter, "{scheme}://{}{}", self.host_header(), self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_the_documentation_are_taken() {
        for (text, wanted) in [
            ("http://oss-demo.aliyuncs.com:23450", "http://oss-demo.aliyuncs.com:23450/"),
            ("121.43.113.8:23456/index.html", "http://121.43.113.8:23456/index.html"),
            ("https://a.example/x?user=put_object", "https://a.example/x?user=put_object"),
            ("http://a.example?x=1", "http://a.example/?x=1"),
            ("http://a.example/callback?", "http://a.example/callback?"),
            ("a.example/x?u=http://b.example/", "http://a.example/x?u=http://b.example/"),
        ] {
            assert_eq!(CallbackUrl::parse(text).unwrap().to_string(), wanted, "{text}");
        }
    }

    #[test]
    fn what_oss_refuses_is_refused() {
        for text in [
            "",
            "http://",
            "ftp://a/",
            "http://a:0/",
            "http://a:99999/",
            "http://[::1]/",
            "http://a b/",
            "http://a/中",
        ] {
            assert_eq!(CallbackUrl::parse(text), None, "{text}");
        }
    }
}
