//! Putting a signature into the query of a URL that is otherwise left byte for byte as it is.

use http::Uri;
use http::uri::PathAndQuery;

use crate::percent;
use crate::signer::SignError;

/// A URL whose query is being extended.
pub(crate) struct Rewrite<'a> {
    uri: &'a Uri,
    query: String,
}

impl<'a> Rewrite<'a> {
    /// Starts with the parameters of `uri`, as they are written there, without those called one of `replaced`.
    pub(crate) fn new(uri: &'a Uri, replaced: &[&str]) -> Self {
        let old = uri.query().unwrap_or_default();
        let mut query = String::with_capacity(old.len() + 384);
        for pair in old.split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            let name = percent::decode(name.as_bytes());
            if !replaced.iter().any(|replaced| *name == *replaced.as_bytes()) {
                separate(&mut query);
                query.push_str(pair);
            }
        }
        Self { uri, query }
    }

    /// Appends a parameter whose name needs no encoding.
    pub(crate) fn push(&mut self, name: &str, value: &[u8]) {
        separate(&mut self.query);
        self.query.push_str(name);
        self.query.push('=');
        percent::encode_text(&mut self.query, value);
    }

    /// The query as it stands.
    pub(crate) fn query(&self) -> &str {
        &self.query
    }

    pub(crate) fn finish(self) -> Result<Uri, SignError> {
        let path_and_query = format!("{}?{}", self.uri.path(), self.query);
        let length = path_and_query.len();
        let too_long = SignError::UrlTooLong { length };
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(path_and_query).map_err(|_| too_long.clone())?);
        Uri::from_parts(parts).map_err(|_| too_long)
    }
}

fn separate(query: &mut String) {
    if !query.is_empty() {
        query.push('&');
    }
}
