//! Reading a query string the way both signature versions need it.

use std::borrow::Cow;
use std::ops::Range;

use http::Uri;

use crate::percent;

/// A query name that appears twice. No two SDKs sign such a request alike, and a server may read either value.
#[derive(Debug)]
pub(crate) struct Repeated(pub(crate) String);

/// The query of a URL, empty where it has none.
pub(crate) fn of(uri: &Uri) -> &[u8] {
    uri.query().unwrap_or_default().as_bytes()
}

/// The pairs of a query string, as they are written.
pub(crate) fn raw_pairs(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    query.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty())
}

/// Name and value of each pair, still percent-encoded. `name` and `name=` are the same pair.
pub(crate) fn pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    raw_pairs(query).map(|pair| match pair.iter().position(|&byte| byte == b'=') {
        Some(at) => (&pair[..at], &pair[at + 1..]),
        None => (pair, &[][..]),
    })
}

/// The decoded value of the first parameter called `name`.
pub(crate) fn first<'a>(query: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    pairs(query)
        .find(|(raw, _)| *percent::decode(raw) == *name.as_bytes())
        .map(|(_, value)| percent::decode(value))
}

/// Appends the canonical query of V4: every parameter but `omitted`, encoded anew, sorted by encoded name.
pub(crate) fn write_canonical(out: &mut Vec<u8>, query: &[u8], omitted: &str) -> Result<(), Repeated> {
    if query.is_empty() {
        return Ok(());
    }
    let mut encoded = Vec::with_capacity(query.len() + query.len() / 4);
    let mut spans: Vec<(Range<usize>, Range<usize>)> = Vec::with_capacity(8);
    for (name, value) in pairs(query) {
        let start = encoded.len();
        percent::recode(&mut encoded, name);
        let middle = encoded.len();
        if encoded[start..] == *omitted.as_bytes() {
            encoded.truncate(start);
            continue;
        }
        percent::recode(&mut encoded, value);
        spans.push((start..middle, middle..encoded.len()));
    }
    spans.sort_unstable_by(|(a, _), (b, _)| encoded[a.clone()].cmp(&encoded[b.clone()]));
    for (position, (name, value)) in spans.iter().enumerate() {
        let name = &encoded[name.clone()];
        if position > 0 {
            if *name == encoded[spans[position - 1].0.clone()] {
                return Err(Repeated(String::from_utf8_lossy(&percent::decode(name)).into_owned()));
            }
            out.push(b'&');
        }
        out.extend_from_slice(name);
        if !value.is_empty() {
            out.push(b'=');
            out.extend_from_slice(&encoded[value.clone()]);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(query: &str) -> Result<String, Repeated> {
        let mut out = Vec::new();
        write_canonical(&mut out, query.as_bytes(), "x-oss-signature")?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn sorted_by_encoded_name_with_bare_names_for_empty_values() {
        assert_eq!(canonical("b=2&a=&B=1&%2Bp=x&uploads").unwrap(), "%2Bp=x&B=1&a&b=2&uploads");
        assert_eq!(canonical("prefix=a/b+c&&x=1=2").unwrap(), "prefix=a%2Fb%2Bc&x=1%3D2");
        assert_eq!(canonical("callback-var=v&callback=c").unwrap(), "callback=c&callback-var=v");
    }

    #[test]
    fn the_signature_is_left_out_however_it_is_written() {
        assert_eq!(canonical("a=1&x-oss-signature=ff").unwrap(), "a=1");
        assert_eq!(canonical("x%2Doss-signature=ff&a=1").unwrap(), "a=1");
    }

    #[test]
    fn a_repeated_name_is_refused_however_it_is_written() {
        assert_eq!(canonical("a=1&b&%61=2").unwrap_err().0, "a");
    }
}
