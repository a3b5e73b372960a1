/// The object keys a token is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPattern {
    text: String,
    is_prefix: bool,
}

impl KeyPattern {
    /// This object key only.
    pub fn exact(key: impl Into<String>) -> Self {
        Self { text: key.into(), is_prefix: false }
    }

    /// Every object key that begins so. End it with `/` to mean a folder.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self { text: prefix.into(), is_prefix: true }
    }

    /// Whether `key` is one of them.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        if self.is_prefix { key.starts_with(&self.text) } else { key == self.text }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// What a token says, apart from the bucket.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claims {
    /// Unix seconds.
    pub(super) expires: u64,
    pub(super) key: KeyPattern,
    pub(super) user_data: String,
}

const VERSION: u8 = 1;

impl Claims {
    /// Version, expiry (8 bytes), kind of pattern (1), length of the pattern (2), pattern, user data.
    pub(super) fn encode(&self) -> Vec<u8> {
        let pattern = self.key.text.as_bytes();
        let length = u16::try_from(pattern.len()).unwrap_or(u16::MAX);
        let head = [VERSION];
        let expires = self.expires.to_be_bytes();
        let kind = [u8::from(self.key.is_prefix)];
        [&head[..], &expires, &kind, &length.to_be_bytes(), pattern, self.user_data.as_bytes()].concat()
    }

    /// `None` for anything `encode` does not write.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let (kind, rest) = rest.split_first()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (pattern, user_data) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if *version != VERSION || *kind > 1 {
            return None;
        }
        let text = str::from_utf8(pattern).ok()?.to_owned();
        let user_data = str::from_utf8(user_data).ok()?.to_owned();
        let key = KeyPattern { text, is_prefix: *kind == 1 };
        Some(Self { expires: u64::from_be_bytes(*expires), key, user_data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_decoded_is_what_encode_writes(
            head in vec(0..=2_u8, 0..13), rest in vec(any::<u8>(), 0..20), text in "(?s).{0,9}",
        ) {
            for bytes in [[&head[..], &rest].concat(), [&head[..], text.as_bytes()].concat()] {
                if let Some(claims) = Claims::decode(&bytes) {
                    prop_assert_eq!(claims.encode(), bytes);
                }
            }
        }
    }

    #[test]
    fn claims_come_back() {
        let claims = Claims { expires: u64::MAX, key: KeyPattern::prefix("中/"), user_data: "u".into() };
        assert_eq!(Claims::decode(&claims.encode()), Some(claims));
    }

    #[test]
    fn a_prefix_is_met_at_the_beginning_only() {
        let folder = KeyPattern::prefix("user/42/");
        assert!(folder.matches("user/42/") && folder.matches("user/42/a"));
        for key in ["", "user/42", "/user/42/a", "user/7/user/42/a", "USER/42/a"] {
            assert!(!folder.matches(key), "{key}");
        }
    }

    #[test]
    fn foreign_bytes_are_refused() {
        let good = Claims { expires: 1, key: KeyPattern::exact("k"), user_data: String::new() }.encode();
        for cut in 0..good.len() {
            assert_eq!(Claims::decode(&good[..cut]), None, "{cut}");
        }
        for (at, byte) in [(0, 2), (9, 2), (11, 2), (12, 0xff)] {
            let mut bad = good.clone();
            bad[at] = byte;
            assert_eq!(Claims::decode(&bad), None, "{at}");
        }
    }
}
