use std::fmt;
use std::sync::Arc;

use super::callback::{Callback, Inner};
use super::custom::Custom;
use super::encode::{EncodedCallback, Parameter};
use super::error::CallbackError;
use super::limits;
use super::template::BodyTemplate;
use super::url::{CallbackUrl, encode_query, is_host_with_port};

/// Collects the parts of a [`Callback`]; [`build`](Self::build) checks them.
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct CallbackBuilder {
    urls: Vec<String>,
    query: Vec<(String, String)>,
    body: Option<BodyTemplate>,
    customs: Vec<Custom>,
    host: Option<String>,
    sni: Option<bool>,
    allow_private: bool,
    exceed_advice: bool,
}

impl CallbackBuilder {
    pub(crate) fn new(url: String) -> Self {
        Self {
            urls: vec![url],
            query: Vec::new(),
            body: None,
            customs: Vec::new(),
            host: None,
            sni: None,
            allow_private: false,
            exceed_advice: false,
        }
    }

    /// Adds a URL that OSS tries when the ones before it failed; at most five in all.
    pub fn also_url(mut self, url: impl Into<String>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// Adds a query parameter to every URL. It is encoded here, as an HTML form does it; give it plain.
    ///
    /// The query is part of what OSS signs.
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Sets what OSS sends. A text is a raw form template, as in the OSS documentation:
    /// `bucket=${bucket}&object=${object}`. [`BodyTemplate::form`] and [`BodyTemplate::json`] escape for you.
    pub fn body(mut self, body: impl Into<BodyTemplate>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the `Host` header of the callback request; by default the URL's host. OSS calls the URL all the same.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Sets whether OSS names the host in the TLS handshake. Default: yes if any URL is `https`, because most
    /// servers need it; OSS's own default is no.
    pub fn sni(mut self, sni: bool) -> Self {
        self.sni = Some(sni);
        self
    }

    /// Gives the value of a custom variable that a raw template mentions as `${x:name}`.
    ///
    /// The prefix `x:` may be left out. Typed templates carry their variables themselves.
    pub fn var(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.customs.push(Custom::new(name, value));
        self
    }

    /// Lets the URLs name loopback and private addresses, which OSS itself refuses (EC 0007-00000008).
    /// Default: no. Meant for emulators and tests.
    pub fn allow_private_addresses(mut self, allow: bool) -> Self {
        self.allow_private = allow;
        self
    }

    /// Lets custom variables exceed what OSS advises: ten of them, 512 bytes together. Default: no.
    pub fn exceed_variable_advice(mut self, allow: bool) -> Self {
        self.exceed_advice = allow;
        self
    }

    /// Checks every part and encodes the callback.
    ///
    /// # Errors
    ///
    /// A [`CallbackError`] that names the part and what to do. [`CallbackError::ec`] is the code OSS would have
    /// answered with.
    pub fn build(self) -> Result<Callback, CallbackError> {
        if self.urls.len() > limits::URLS {
            return Err(CallbackError::TooManyUrls { count: self.urls.len() });
        }
        let query = encode_query(&self.query);
        let mut urls = Vec::with_capacity(self.urls.len());
        for (at, text) in self.urls.iter().enumerate() {
            let url = CallbackUrl::parse(text, self.allow_private)
                .map_err(|reason| CallbackError::Url { position: at + 1, reason })?;
            urls.push(url.with_query(query.as_deref()));
        }
        let body = self.body.as_ref().ok_or(CallbackError::EmptyBody)?;
        assemble(urls, body, &self.customs, self.host, self.sni, self.exceed_advice)
    }
}

/// The rest of the checks, shared with decoding, whose URLs may have a query.
pub(crate) fn assemble(
    urls: Vec<CallbackUrl>,
    body: &BodyTemplate,
    customs: &[Custom],
    host: Option<String>,
    sni: Option<bool>,
    exceed_advice: bool,
) -> Result<Callback, CallbackError> {
    if let Some(host) = &host
        && !is_host_with_port(host)
    {
        return Err(CallbackError::Host { host: host.clone() });
    }
    let body = body.resolve(customs)?;
    if !exceed_advice {
        check_advice(&body.customs)?;
    }
    let sni = sni.or_else(|| urls.iter().any(CallbackUrl::is_https).then_some(true));
    let url = urls.iter().map(CallbackUrl::text).collect::<Vec<_>>().join(";");
    let parameter = Parameter {
        url: &url,
        body: &body.text,
        body_type: body.body_type.media_type(),
        host: host.as_deref(),
        sni,
    };
    let encoded = EncodedCallback::new(&parameter, body.customs)?;
    let inner = Inner { urls, body: body.text, body_type: body.body_type, host, sni, encoded };
    Ok(Callback { inner: Arc::new(inner) })
}

fn check_advice(customs: &[Custom]) -> Result<(), CallbackError> {
    let count = customs.len();
    let bytes = customs.iter().map(|custom| custom.name.len() + custom.value.len()).sum();
    if count > limits::CUSTOM_VARIABLES || bytes > limits::CUSTOM_BYTES {
        return Err(CallbackError::CustomAdvice { count, bytes });
    }
    Ok(())
}

/// Leaves out URLs, query, body and values, which may hold secrets.
impl fmt::Debug for CallbackBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackBuilder")
            .field("urls", &self.urls.len())
            .field("body", &self.body)
            .field("customs", &self.customs)
            .field("host", &self.host)
            .field("sni", &self.sni)
            .field("allow_private", &self.allow_private)
            .finish_non_exhaustive()
    }
}
