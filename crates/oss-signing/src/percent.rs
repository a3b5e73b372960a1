//! Percent-encoding as OSS defines it for paths and query strings.
//!
//! Source: "Include a V4 signature in the Authorization header", section on the canonical URI: the unreserved
//! bytes of RFC 3986 stay, everything else becomes `%XX` with upper-case digits, a space is `%20`.

use std::borrow::Cow;

/// Appends `bytes`, percent-encoded; `/` is encoded as well.
pub(crate) fn encode(out: &mut Vec<u8>, bytes: &[u8]) {
    encode_all_but(out, bytes, &UNRESERVED);
}

/// Appends `bytes`, percent-encoded, with `/` left as it is.
pub(crate) fn encode_path(out: &mut Vec<u8>, bytes: &[u8]) {
    encode_all_but(out, bytes, &UNRESERVED_OR_SLASH);
}

/// Appends what `raw` looks like when it is decoded once and encoded again.
pub(crate) fn recode(out: &mut Vec<u8>, raw: &[u8]) {
    let mut rest = raw;
    loop {
        rest = copy_run(out, rest, &UNRESERVED);
        let Some((byte, tail)) = next_decoded(rest) else { return };
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

fn encode_all_but(out: &mut Vec<u8>, bytes: &[u8], kept: &[bool; 256]) {
    let mut rest = copy_run(out, bytes, kept);
    while let [byte, tail @ ..] = rest {
        push_escape(out, *byte);
        rest = copy_run(out, tail, kept);
    }
}

/// Copies the bytes up to the first one that is not kept, as one slice: names are mostly made of such runs.
fn copy_run<'a>(out: &mut Vec<u8>, bytes: &'a [u8], kept: &[bool; 256]) -> &'a [u8] {
    let end = bytes.iter().position(|&byte| !kept[usize::from(byte)]).unwrap_or(bytes.len());
    let (run, rest) = bytes.split_at(end);
    out.extend_from_slice(run);
    rest
}

fn encode_byte(out: &mut Vec<u8>, byte: u8) {
    if UNRESERVED[usize::from(byte)] { out.push(byte) } else { push_escape(out, byte) }
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

static UNRESERVED: [bool; 256] = kept(false);
static UNRESERVED_OR_SLASH: [bool; 256] = kept(true);

const fn kept(slash: bool) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~')
            || (slash && byte == b'/');
        byte += 1;
    }
    table
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
