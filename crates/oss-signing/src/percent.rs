//! Percent-encoding as OSS defines it for paths and query strings.
//!
//! Source: "Include a V4 signature in the Authorization header", section on the canonical URI: the unreserved
//! bytes of RFC 3986 stay, everything else becomes `%XX` with upper-case digits, a space is `%20`.

use std::borrow::Cow;

/// Appends `bytes`, percent-encoded; `/` is encoded as well.
pub(crate) fn encode(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        encode_byte(out, byte);
    }
}

/// Appends `bytes`, percent-encoded, with `/` left as it is.
pub(crate) fn encode_path(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        if byte == b'/' { out.push(byte) } else { encode_byte(out, byte) }
    }
}

/// Appends `bytes` to text, percent-encoded like [`encode`].
pub(crate) fn encode_text(out: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        let (escape, length) = escape(byte);
        out.extend(escape[..length].iter().map(|&byte| char::from(byte)));
    }
}

/// Appends what `raw` looks like when it is decoded once and encoded again.
pub(crate) fn recode(out: &mut Vec<u8>, raw: &[u8]) {
    let mut rest = raw;
    while let Some((byte, tail)) = next_decoded(rest) {
        encode_byte(out, byte);
        rest = tail;
    }
}

/// Decodes `%XX` once. A `+` stays a plus sign and a stray `%` stays itself, as on the OSS servers' side of a
/// signature there is no form decoding.
pub(crate) fn decode(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'%') {
        return Cow::Borrowed(raw);
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((byte, tail)) = next_decoded(rest) {
        decoded.push(byte);
        rest = tail;
    }
    Cow::Owned(decoded)
}

fn next_decoded(raw: &[u8]) -> Option<(u8, &[u8])> {
    match raw {
        [b'%', high, low, tail @ ..] => match (hex_digit(*high), hex_digit(*low)) {
            (Some(high), Some(low)) => Some(((high << 4) | low, tail)),
            _ => Some((b'%', &raw[1..])),
        },
        [byte, tail @ ..] => Some((*byte, tail)),
        [] => None,
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn encode_byte(out: &mut Vec<u8>, byte: u8) {
    let (escape, length) = escape(byte);
    out.extend_from_slice(&escape[..length]);
}

/// The encoded byte and how many of the three places it takes.
fn escape(byte: u8) -> ([u8; 3], usize) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~') {
        ([byte, 0, 0], 1)
    } else {
        ([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]], 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(run: fn(&mut Vec<u8>, &[u8]), input: &str) -> String {
        let mut out = Vec::new();
        run(&mut out, input.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_unreserved_bytes_stay() {
        assert_eq!(text(encode, "aZ09-._~ +*%'()!/é"), "aZ09-._~%20%2B%2A%25%27%28%29%21%2F%C3%A9");
        assert_eq!(text(encode_path, "a//b/../c d"), "a//b/../c%20d");
    }

    #[test]
    fn recoding_reads_each_escape_once() {
        assert_eq!(text(recode, "a%2fb"), "a%2Fb");
        assert_eq!(text(recode, "%252F"), "%252F");
        assert_eq!(text(recode, "a+b/c"), "a%2Bb%2Fc");
        assert_eq!(text(recode, "%7e"), "~");
    }

    #[test]
    fn a_stray_percent_sign_is_itself() {
        assert_eq!(decode(b"100%"), &b"100%"[..]);
        assert_eq!(decode(b"%zz%4"), &b"%zz%4"[..]);
        assert_eq!(decode(b"%%41"), &b"%A"[..]);
    }
}
