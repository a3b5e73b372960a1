//! Percent-encoding, hexadecimal and base64 in the forms OSS uses.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same for a path, whose slashes stay.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// Encodes text as `encoding-type=url` and callback form values have it: `/` becomes `%2F`, space `%20`.
pub(crate) fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Encodes an object key for a URL path.
pub(crate) fn percent_encode_path(text: &str) -> String {
    utf8_percent_encode(text, RESERVED_IN_PATH).to_string()
}

/// Decodes a path or a query component; `+` means a space, as the form-encoding official Ruby SDK sends it.
///
/// `None` when the decoded bytes are not UTF-8.
pub(crate) fn form_decode(text: &str) -> Option<String> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned());
    }
    percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}

/// Decodes `%XX` and leaves `+` alone.
pub(crate) fn percent_decode(text: &str) -> Vec<u8> {
    percent_decode_str(text).collect()
}

/// Upper-case hexadecimal, as in ETags.
pub(crate) fn hex_upper(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Standard base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes standard base64 with padding.
pub(crate) fn base64_decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_is_a_space_and_its_code_is_a_plus() {
        assert_eq!(form_decode("a+b%2Bc%20d").as_deref(), Some("a b+c d"));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert_eq!(form_decode("%FF"), None);
    }

    #[test]
    fn hex_is_upper_case() {
        assert_eq!(hex_upper(&[0x0a, 0xff]), "0AFF");
    }
}
