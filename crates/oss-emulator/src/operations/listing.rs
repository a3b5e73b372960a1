//! One page of a listing: prefix, delimiter, marker, and how many at most.

use crate::core::Exchange;
use crate::encoding::percent_encode;
use crate::error::OssError;
use crate::xml::Document;

/// What is asked for.
pub(crate) struct Wanted<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: &'a str,
    /// Common prefixes up to this one have been listed before.
    pub(crate) after: &'a str,
    pub(crate) most: usize,
}

/// What is found.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<(String, T)>,
    pub(crate) prefixes: Vec<String>,
    pub(crate) truncated: bool,
    /// The last key or common prefix of the page.
    pub(crate) last: Option<String>,
}

impl<T> Page<T> {
    /// Takes one page from items that are in the order of their keys and behind the marker.
    pub(crate) fn of<'a>(items: impl Iterator<Item = (&'a str, T)>, wanted: &Wanted<'_>) -> Self {
        let mut page = Self { items: Vec::new(), prefixes: Vec::new(), truncated: false, last: None };
        for (key, item) in items {
            let Some(rest) = key.strip_prefix(wanted.prefix) else {
                if key > wanted.prefix {
                    break;
                }
                continue;
            };
            let group = (!wanted.delimiter.is_empty())
                .then(|| rest.find(wanted.delimiter))
                .flatten()
                .map(|at| &key[..wanted.prefix.len() + at + wanted.delimiter.len()]);
            if let Some(group) = group
                && (group <= wanted.after || page.prefixes.last().is_some_and(|last| last == group))
            {
                continue;
            }
            if page.items.len() + page.prefixes.len() >= wanted.most {
                page.truncated = wanted.most > 0;
                break;
            }
            match group {
                Some(group) => page.prefixes.push(group.to_owned()),
                None => page.items.push((key.to_owned(), item)),
            }
            page.last = Some(group.unwrap_or(key).to_owned());
        }
        page
    }
}

/// Names in an answer: as they are, or percent-encoded if the client asked for it.
#[derive(Clone, Copy)]
pub(crate) struct Naming {
    url: bool,
}

impl Naming {
    pub(crate) fn of(exchange: &Exchange<'_>) -> Result<Self, OssError> {
        match exchange.query.non_empty("encoding-type") {
            None => Ok(Self { url: false }),
            Some("url") => Ok(Self { url: true }),
            Some(other) => Err(OssError::invalid_argument(
                "encoding-type",
                other,
                "Invalid Encoding Method specified in Request.",
            )),
        }
    }

    /// Says how names are written, if not as they are.
    pub(crate) fn describe(self, document: &mut Document) {
        if self.url {
            document.text("EncodingType", "url");
        }
    }

    pub(crate) fn name(self, name: &str) -> String {
        if self.url { percent_encode(name) } else { name.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(keys: &[&str], prefix: &str, delimiter: &str, most: usize) -> (Vec<String>, Vec<String>) {
        let mut sorted = keys.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let (mut items, mut prefixes, mut after) = (Vec::new(), Vec::new(), String::new());
        loop {
            let wanted = Wanted { prefix, delimiter, after: &after, most };
            let behind = sorted.iter().filter(|key| ***key > *after).map(|key| (*key, ()));
            let page = Page::of(behind, &wanted);
            assert!(page.items.len() + page.prefixes.len() <= most);
            items.extend(page.items.into_iter().map(|(key, ())| key));
            prefixes.extend(page.prefixes);
            if !page.truncated {
                return (items, prefixes);
            }
            after = page.last.expect("a truncated page is not empty");
        }
    }

    #[test]
    fn folders() {
        let keys = ["fun/a", "fun/movie/1", "fun/movie/2", "oss.jpg", "fun/z"];
        for most in 1..6 {
            let (items, prefixes) = all(&keys, "fun/", "/", most);
            assert_eq!((items, prefixes), (vec!["fun/a".into(), "fun/z".into()], vec!["fun/movie/".into()]));
        }
    }

    proptest! {
        #[test]
        fn pages_of_any_size_list_everything_once(
            keys in proptest::collection::vec("[ab/]{1,5}", 0..20),
            prefix in "[ab/]{0,2}",
            most in 1_usize..5,
        ) {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            prop_assert_eq!(all(&keys, &prefix, "/", most), all(&keys, &prefix, "/", 1000));
            let (items, _) = all(&keys, &prefix, "", most);
            let mut wanted: Vec<&str> = keys.iter().copied().filter(|key| key.starts_with(&prefix)).collect();
            wanted.sort_unstable();
            wanted.dedup();
            prop_assert_eq!(items, wanted);
        }
    }
}
