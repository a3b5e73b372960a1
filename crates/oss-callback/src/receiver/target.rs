use std::fmt;

use md5::{Digest as _, Md5};

use crate::percent::{decode, is_escaped_properly};

/// Says, as an extension of a request, which target OSS called when a proxy has rewritten it.
///
/// [`Verifier::verify`](crate::Verifier::verify) uses it in place of the request's own target. A middleware
/// that knows the original target puts it in; never take it from a header that a client can set.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalTarget(pub String);

/// Leaves the query out: it may hold a token.
impl fmt::Debug for ExternalTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExternalTarget").field(&split(&self.0).0).finish()
    }
}

/// Why a request target, or one to be registered, is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// It does not begin with `/`.
    #[error(
        "the target must begin with `/`: give the path and query of the callback URL, without scheme and host"
    )]
    Form,
    /// It holds a character that cannot stand in a request line.
    #[error(
        "the target holds a blank, a control character, a `#` or what is not ASCII: write it as it goes over the wire"
    )]
    Character,
    /// A `%` in the path is not followed by two hex digits.
    #[error("the path holds a `%` that is not followed by two hex digits")]
    Escape,
    /// The path holds a percent-encoded `?` or control character.
    #[error(
        "the path holds a percent-encoded `?` or control character, with which a signature fits more than one request"
    )]
    Ambiguous,
    /// The path holds a percent-encoded `/` or `%`, and no registered target says that it should.
    #[error("the path holds a percent-encoded `/` or `%`: register the exact target if it is meant")]
    EncodedSeparator,
    /// The target is none of the registered ones.
    #[error("the target is not one of the registered ones")]
    Unregistered,
    /// A path was wanted and a query was given.
    #[error("a path must not have a query: use `expect_target` for a target with its query")]
    Query,
}

/// The request targets a verifier accepts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    exact: Vec<String>,
    paths: Vec<String>,
}

impl Targets {
    pub(crate) fn add_exact(&mut self, target: String) -> Result<(), TargetError> {
        check_form(&target)?;
        self.exact.push(target);
        Ok(())
    }

    pub(crate) fn add_path(&mut self, path: String) -> Result<(), TargetError> {
        check_form(&path)?;
        if path.contains('?') {
            return Err(TargetError::Query);
        }
        self.paths.push(path);
        Ok(())
    }

    /// A registered target must be met exactly; without any, the path must be one that cannot be read twice.
    pub(crate) fn check(&self, target: &str) -> Result<(), TargetError> {
        // Its form was checked when it was registered.
        if self.exact.iter().any(|known| known == target) {
            return Ok(());
        }
        check_form(target)?;
        let (path, _) = split(target);
        if self.exact.is_empty() && self.paths.is_empty() {
            let encoded = path.as_bytes().windows(3).any(|w| matches!(w, b"%2f" | b"%2F" | b"%25"));
            return if encoded { Err(TargetError::EncodedSeparator) } else { Ok(()) };
        }
        if self.paths.iter().any(|known| known == path) { Ok(()) } else { Err(TargetError::Unregistered) }
    }
}

/// What holds for every target, registered or not.
fn check_form(target: &str) -> Result<(), TargetError> {
    if !target.starts_with('/') {
        return Err(TargetError::Form);
    }
    if target.bytes().any(|b| b == b'#' || !b.is_ascii_graphic()) {
        return Err(TargetError::Character);
    }
    let (path, _) = split(target);
    if !is_escaped_properly(path.as_bytes()) {
        return Err(TargetError::Escape);
    }
    if decode(path.as_bytes()).iter().any(|b| *b == b'?' || b.is_ascii_control()) {
        return Err(TargetError::Ambiguous);
    }
    Ok(())
}

/// Path and query, divided at the first `?`.
fn split(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

/// The text OSS signs for a request: `decoded path [? raw query] LF body`.
///
/// For tools and tests; [`Verifier`](crate::Verifier) does not need it. The path is percent-decoded (a `+`
/// stays), the query is taken as it is ("Callback" page of the OSS documentation, section on verification).
#[must_use]
pub fn string_to_sign(target: &str, body: &[u8]) -> Vec<u8> {
    let (path, query) = split(target);
    let mut text = decode(path.as_bytes()).into_owned();
    if let Some(query) = query {
        text.push(b'?');
        text.extend_from_slice(query.as_bytes());
    }
    text.push(b'\n');
    text.extend_from_slice(body);
    text
}

/// MD5 of [`string_to_sign`], without building it.
pub(crate) fn digest(target: &str, body: &[u8]) -> [u8; 16] {
    let (path, query) = split(target);
    let mut md5 = Md5::new();
    md5.update(decode(path.as_bytes()));
    if let Some(query) = query {
        md5.update(b"?");
        md5.update(query.as_bytes());
    }
    md5.update(b"\n");
    md5.update(body);
    md5.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_decoded_and_the_query_is_not() {
        assert_eq!(string_to_sign("/a%20b+c?x=%20&y?z", b"body"), b"/a b+c?x=%20&y?z\nbody");
        assert_eq!(string_to_sign("/a", b""), b"/a\n");
        assert_eq!(string_to_sign("/a?", b"x"), b"/a?\nx");
    }

    #[test]
    fn the_digest_is_that_of_the_text() {
        for (target, body) in [("/a%2Bb?c=d", "body"), ("/", ""), ("/x?", "y")] {
            let whole: [u8; 16] = Md5::digest(string_to_sign(target, body.as_bytes())).into();
            assert_eq!(digest(target, body.as_bytes()), whole);
        }
    }

    #[test]
    fn without_registered_targets_ambiguous_paths_are_refused() {
        let any = Targets::default();
        for good in ["/", "/a/b?c=%2F%3F%0A", "/%E4%B8%AD", "/a+b", "/a?", "/a//b/"] {
            assert_eq!(any.check(good), Ok(()), "{good}");
        }
        for (target, error) in [
            ("", TargetError::Form),
            ("*", TargetError::Form),
            ("a/b", TargetError::Form),
            ("/a b", TargetError::Character),
            ("/a#b", TargetError::Character),
            ("/中", TargetError::Character),
            ("/a?b\nc", TargetError::Character),
            ("/a%", TargetError::Escape),
            ("/a%zz", TargetError::Escape),
            ("/a%3Fb", TargetError::Ambiguous),
            ("/a%3fb", TargetError::Ambiguous),
            ("/a%0ab", TargetError::Ambiguous),
            ("/a%0Db", TargetError::Ambiguous),
            ("/a%00", TargetError::Ambiguous),
            ("/a%7f", TargetError::Ambiguous),
            ("/a%2Fb", TargetError::EncodedSeparator),
            ("/a%2fb", TargetError::EncodedSeparator),
            ("/a%253Fb", TargetError::EncodedSeparator),
        ] {
            assert_eq!(any.check(target), Err(error), "{target:?}");
        }
    }

    #[test]
    fn registered_targets_are_compared_byte_for_byte() {
        let mut targets = Targets::default();
        targets.add_exact("/cb?x=1".into()).unwrap();
        targets.add_path("/free%2Fpath".into()).unwrap();
        for good in ["/cb?x=1", "/free%2Fpath", "/free%2Fpath?a=b"] {
            assert_eq!(targets.check(good), Ok(()), "{good}");
        }
        for bad in [
            "/cb",
            "/cb?",
            "/cb?x=1&",
            "/c%62?x=1",
            "/CB?x=1",
            "/cb?x=1?",
            "/free/path",
            "/free%2fpath",
            "/free%2Fpath/",
            "/free%2Fpath2?a=b",
            "/free%2Fpat",
            "/",
            "//free%2Fpath",
            "/x/free%2Fpath",
        ] {
            assert_eq!(targets.check(bad), Err(TargetError::Unregistered), "{bad}");
        }
        assert_eq!(targets.add_exact("/a%3Fb".into()), Err(TargetError::Ambiguous));
        assert_eq!(targets.add_path("/a?b".into()), Err(TargetError::Query));
        assert_eq!(targets.add_exact("http://h/a".into()), Err(TargetError::Form));
    }
}
