use http::Uri;

use crate::endpoint::{Addressing, Endpoint};
use crate::name::{BucketName, ObjectKey};
use crate::percent;

impl Endpoint {
    /// The URL of a request, percent-encoded exactly once.
    ///
    /// Keys such as `dir/`, `a#b`, `a?b`, `a//b`, `100%` and `..` arrive as they are: nothing is collapsed or
    /// normalised. A query argument with an empty value is written as the bare name. Without a bucket the URL is
    /// that of the service; without a key that of the bucket.
    ///
    /// ```
    /// # use oss_signing::{BucketName, Endpoint, ObjectKey};
    /// let endpoint: Endpoint = "https://oss-cn-hangzhou.aliyuncs.com".parse()?;
    /// let (bucket, key): (BucketName, ObjectKey) = ("examplebucket".parse()?, "a b/你好?".parse()?);
    /// let url = endpoint.url(Some(&bucket), Some(&key), &[("uploads", "")])?;
    /// assert_eq!(url, "https://examplebucket.oss-cn-hangzhou.aliyuncs.com/a%20b/%E4%BD%A0%E5%A5%BD%3F?uploads");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`UrlError`] says which argument does not fit the endpoint or that the URL became too long.
    pub fn url(
        &self,
        bucket: Option<&BucketName>,
        key: Option<&ObjectKey>,
        query: &[(&str, &str)],
    ) -> Result<Uri, UrlError> {
        if key.is_some() && bucket.is_none() {
            return Err(UrlError::KeyWithoutBucket);
        }
        let mut url = self.base(bucket)?.into_bytes();
        if let Some(key) = key {
            percent::encode_path(&mut url, key.as_str().as_bytes());
        }
        for (position, (name, value)) in query.iter().enumerate() {
            url.push(if position == 0 { b'?' } else { b'&' });
            percent::encode(&mut url, name.as_bytes());
            if !value.is_empty() {
                url.push(b'=');
                percent::encode(&mut url, value.as_bytes());
            }
        }
        let length = url.len();
        Uri::try_from(url).map_err(|_| UrlError::TooLong { length })
    }

    /// Everything up to the key, with the closing `/`.
    fn base(&self, bucket: Option<&BucketName>) -> Result<String, UrlError> {
        let mut base = String::with_capacity(256);
        base.push_str(self.scheme().as_str());
        base.push_str("://");
        if let (Addressing::VirtualHost, Some(bucket)) = (self.addressing(), bucket) {
            if self.is_ip() {
                return Err(UrlError::VirtualHostOnIp { host: self.host().to_owned() });
            }
            if self.host().strip_prefix(bucket.as_str()).is_some_and(|rest| rest.starts_with('.')) {
                return Err(UrlError::BucketInEndpoint { bucket: bucket.to_string() });
            }
            base.push_str(bucket.as_str());
            base.push('.');
        }
        base.push_str(self.host());
        if let Some(port) = self.port() {
            base.push(':');
            base.push_str(&port.to_string());
        }
        base.push('/');
        if let (Addressing::PathStyle, Some(bucket)) = (self.addressing(), bucket) {
            base.push_str(bucket.as_str());
            base.push('/');
        }
        Ok(base)
    }
}

/// A URL that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// A key was given, but no bucket.
    #[error("the URL has an object key but no bucket: give the bucket as well")]
    KeyWithoutBucket,
    /// An IP address cannot take a bucket in front.
    #[error("host {host} is an IP address and cannot take a bucket in front: use Addressing::PathStyle")]
    VirtualHostOnIp {
        /// The host of the endpoint.
        host: String,
    },
    /// The endpoint is already the bucket's own host.
    #[error(
        "the endpoint already begins with bucket {bucket:?}: take the bucket out of the endpoint, or use Addressing::Cname"
    )]
    BucketInEndpoint {
        /// The bucket that would appear twice.
        bucket: String,
    },
    /// Longer than any HTTP client takes.
    #[error("the URL would have {length} bytes; the limit is 65,534: shorten the query")]
    TooLong {
        /// Bytes of the URL.
        length: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(endpoint: &str, addressing: Option<Addressing>, key: &str) -> Result<String, UrlError> {
        let mut endpoint: Endpoint = endpoint.parse().unwrap();
        if let Some(addressing) = addressing {
            endpoint = endpoint.with_addressing(addressing);
        }
        let (bucket, key) = ("examplebucket".parse().unwrap(), key.parse().unwrap());
        endpoint.url(Some(&bucket), Some(&key), &[]).map(|url| url.to_string())
    }

    #[test]
    fn each_addressing_puts_the_bucket_in_its_place() {
        let host = "https://oss-cn-hangzhou.aliyuncs.com";
        assert_eq!(url(host, None, "k").unwrap(), "https://examplebucket.oss-cn-hangzhou.aliyuncs.com/k");
        assert_eq!(
            url(host, Some(Addressing::PathStyle), "k").unwrap(),
            "https://oss-cn-hangzhou.aliyuncs.com/examplebucket/k"
        );
        assert_eq!(url("https://a.example", Some(Addressing::Cname), "k").unwrap(), "https://a.example/k");
        assert_eq!(url("http://127.0.0.1:9000", None, "k").unwrap(), "http://127.0.0.1:9000/examplebucket/k");
    }

    #[test]
    fn nothing_in_a_key_is_lost() {
        for (key, path) in [
            ("dir/", "dir/"),
            ("a//b/", "a//b/"),
            ("a#b", "a%23b"),
            ("a?b", "a%3Fb"),
            ("100%", "100%25"),
            ("%2F", "%252F"),
            ("..", ".."),
            ("./../.", "./../."),
            ("a b+c", "a%20b%2Bc"),
            ("\u{1}\n", "%01%0A"),
        ] {
            assert_eq!(
                url("http://h.example", None, key).unwrap(),
                format!("http://examplebucket.h.example/{path}")
            );
        }
    }

    #[test]
    fn a_service_and_a_bucket_have_urls_too() {
        let endpoint: Endpoint = "http://127.0.0.1:1".parse().unwrap();
        let bucket = "abc".parse().unwrap();
        assert_eq!(
            endpoint.url(None, None, &[("prefix", "a b")]).unwrap(),
            "http://127.0.0.1:1/?prefix=a%20b"
        );
        assert_eq!(endpoint.url(Some(&bucket), None, &[("acl", "")]).unwrap(), "http://127.0.0.1:1/abc/?acl");
    }

    #[test]
    fn arguments_that_do_not_fit_are_named() {
        let key = "k".parse().unwrap();
        let endpoint: Endpoint = "h.example".parse().unwrap();
        assert_eq!(endpoint.url(None, Some(&key), &[]), Err(UrlError::KeyWithoutBucket));
        assert!(matches!(
            url("http://10.0.0.7", Some(Addressing::VirtualHost), "k"),
            Err(UrlError::VirtualHostOnIp { .. })
        ));
        assert!(matches!(
            url("examplebucket.oss-cn-hangzhou.aliyuncs.com", None, "k"),
            Err(UrlError::BucketInEndpoint { .. })
        ));
        let long = "x".repeat(70_000);
        assert!(matches!(
            endpoint.url(None, None, &[("q", &long)]),
            Err(UrlError::TooLong { length: 70_021 })
        ));
    }
}
