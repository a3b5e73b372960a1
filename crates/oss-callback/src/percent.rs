//! Percent-encoding as far as both ends need it.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// What is encoded in form values: everything but letters, digits, `-`, `_` and `.`, the characters OSS itself has been
/// seen to leave alone.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Whether every `%` is followed by two hex digits.
pub(crate) fn is_escaped_properly(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|b| *b == b'%') {
        match rest.get(at + 1..at + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => {}
            _ => return false,
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    true
}

/// `%XX` becomes its byte, everything else stays, `+` included.
pub(crate) fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    percent_encoding::percent_decode(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_sign_needs_two_hex_digits() {
        for good in ["", "abc", "%41", "a%2f%2F", "%25zz"] {
            assert!(is_escaped_properly(good.as_bytes()), "{good}");
        }
        for bad in ["%", "%4", "%zz", "a%2", "%41%", "%%41", "%é1"] {
            assert!(!is_escaped_properly(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn a_plus_stays_a_plus() {
        assert_eq!(decode(b"a+%2b%E4").as_ref(), b"a++\xE4");
    }
}
