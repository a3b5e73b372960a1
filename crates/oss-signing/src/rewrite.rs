//! Putting a signature into the query of a URL that is otherwise left byte for byte as it is.

use http::Uri;
use http::uri::PathAndQuery;

use crate::percent;
use crate::query;
use crate::signer::SignError;

/// A URL whose query is being extended.
pub(crate) struct Rewrite<'a> {
    uri: &'a Uri,
    /// The path, a question mark and the query.
    text: Vec<u8>,
    query_start: usize,
}

impl<'a> Rewrite<'a> {
    /// Starts with the parameters of `uri`, as they are written there, without those called one of `replaced`.
    ///
    /// `*` and the `host:port` of a CONNECT have no place for a query.
    pub(crate) fn new(uri: &'a Uri, replaced: &[&str]) -> Result<Self, SignError> {
        if !uri.path().starts_with('/') {
            return Err(SignError::UrlWithoutPath);
        }
        let (path, query) = (uri.path().as_bytes(), query::of(uri));
        let mut text = Vec::with_capacity(path.len() + query.len() + 512);
        text.extend_from_slice(path);
        text.push(b'?');
        let mut rewrite = Self { uri, query_start: text.len(), text };
        for pair in query::raw_pairs(query) {
            let name = percent::decode(pair.split(|&byte| byte == b'=').next().unwrap_or_default());
            if !replaced.iter().any(|replaced| *name == *replaced.as_bytes()) {
                rewrite.separate();
                rewrite.text.extend_from_slice(pair);
            }
        }
        Ok(rewrite)
    }

    /// Appends a parameter whose name needs no encoding.
    pub(crate) fn push(&mut self, name: &str, value: &[u8]) {
        self.separate();
        self.text.extend_from_slice(name.as_bytes());
        self.text.push(b'=');
        percent::encode(&mut self.text, value);
    }

    /// The query as it stands.
    pub(crate) fn query(&self) -> &[u8] {
        &self.text[self.query_start..]
    }

    pub(crate) fn finish(self) -> Result<Uri, SignError> {
        let too_long = SignError::UrlTooLong { length: self.text.len() };
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(self.text).map_err(|_| too_long.clone())?);
        Uri::from_parts(parts).map_err(|_| too_long)
    }

    fn separate(&mut self) {
        if self.text.len() > self.query_start {
            self.text.push(b'&');
        }
    }
}
