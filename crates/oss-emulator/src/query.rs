//! The decoded query of a request.

use crate::encoding::form_decode;
use crate::error::{INVALID_ARGUMENT, OssError};

/// Query parameters in their order; `name` and `name=` mean the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn parse(raw: &str) -> Result<Self, OssError> {
        let mut pairs = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (form_decode(name), form_decode(value)) {
                (Some(name), Some(value)) => pairs.push((name, value)),
                _ => {
                    return Err(OssError::from(INVALID_ARGUMENT)
                        .saying("A query parameter is not UTF-8 after percent-decoding.")
                        .with("ArgumentName", name));
                }
            }
        }
        Ok(Self { pairs })
    }

    /// The first value of that name.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The first value of that name unless it is empty.
    pub(crate) fn non_empty(&self, name: &str) -> Option<&str> {
        self.value(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Parses a number that must lie between `least` and `most`.
    pub(crate) fn number(&self, name: &'static str, least: u64, most: u64) -> Result<Option<u64>, OssError> {
        let Some(text) = self.non_empty(name) else { return Ok(None) };
        match text.parse::<u64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(OssError::invalid_argument(
                name,
                text,
                format!("{name} must be an integer between {least} and {most}."),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_and_empty_values_are_alike() {
        let query = Query::parse("uploads&partNumber=&a=b%20c+d").unwrap();
        assert!(query.has("uploads"));
        assert_eq!(query.value("partNumber"), Some(""));
        assert_eq!(query.value("a"), Some("b c d"));
    }

    #[test]
    fn numbers_are_bounded() {
        let query = Query::parse("max-parts=1001").unwrap();
        assert!(query.number("max-parts", 1, 1000).is_err());
        assert_eq!(query.number("max-parts", 1, 2000).unwrap(), Some(1001));
    }
}
