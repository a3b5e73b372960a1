use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::claims::{Claims, KeyPattern};

/// A secret of the application, with which it mints tokens for its uploaders and knows them again.
///
/// OSS signs the callbacks of every customer with one key, so a valid signature does not say that an upload is
/// *yours*. A token does: mint one when an upload is allowed, let the callback carry it (in its query or in an
/// `x:` variable), and check it against the bucket and the object key **of the signed body**.
///
/// A token is `BASE64URL(claims).BASE64URL(HMAC-SHA256(secret, bucket and claims))`. Its characters need no
/// escaping anywhere. It is readable by whoever carries it; only its origin is protected.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use oss_callback::{KeyPattern, TokenError, TokenKey};
///
/// let key = TokenKey::new("a secret of at least thirty-two bytes")?;
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
///
/// let expires = now + Duration::from_secs(3600);
/// let token = key.mint("examplebucket", &KeyPattern::prefix("user/42/"), "42", expires)?;
///
/// assert_eq!(key.check(&token, "examplebucket", "user/42/photo.jpg", now)?.user_data, "42");
/// assert_eq!(key.check(&token, "examplebucket", "user/7/photo.jpg", now), Err(TokenError::OtherObject));
/// assert_eq!(key.check(&token, "other-bucket", "user/42/photo.jpg", now), Err(TokenError::Forged));
/// # Ok::<(), TokenError>(())
/// ```
#[derive(Clone)]
pub struct TokenKey {
    /// The first mints; all of them check.
    secrets: Vec<Zeroizing<Vec<u8>>>,
}

/// What a checked token says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted {
    /// What the application put in when it minted the token.
    pub user_data: String,
    /// When the token expires.
    pub expires_at: SystemTime,
}

/// Why a token cannot be minted or is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The secret is too short to be one.
    #[error("the token secret has {length} bytes; at least {MIN_SECRET} random ones are needed")]
    ShortSecret {
        /// Its length in bytes.
        length: usize,
    },
    /// Key pattern and user data are too long together.
    #[error("key pattern and user data have {length} bytes together; a token takes at most {MAX_CLAIMS}")]
    TooLong {
        /// Their length in bytes.
        length: usize,
    },
    /// The expiry lies before 1970.
    #[error("the expiry lies before 1970")]
    Expiry,
    /// Not of the form of a token.
    #[error("the text is not a token of this library")]
    Malformed,
    /// Not minted with this secret for this bucket.
    #[error("the token was not minted with this secret for this bucket")]
    Forged,
    /// Minted here, but too old.
    #[error("the token has expired")]
    Expired,
    /// Minted here, for another object key.
    #[error("the token was minted for another object key")]
    OtherObject,
}

/// Shorter secrets can be guessed from one token. RFC 2104 advises the length of the hash.
const MIN_SECRET: usize = 32;

/// An object key has at most 1,023 bytes; as much again for the application.
pub(super) const MAX_CLAIMS: usize = 2046;

/// Longer than any token this library mints; it bounds what is decoded before it is believed.
const MAX_TOKEN: usize = 4096;

impl TokenKey {
    /// Takes a secret of at least 32 bytes. Make it with a random generator and keep it on the server.
    ///
    /// # Errors
    ///
    /// [`TokenError::ShortSecret`].
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, TokenError> {
        Ok(Self { secrets: vec![checked(secret.as_ref())?] })
    }

    /// Also believes tokens of a former secret, so that the secret can be changed while uploads are under way.
    ///
    /// # Errors
    ///
    /// [`TokenError::ShortSecret`].
    pub fn also_accept(mut self, former: impl AsRef<[u8]>) -> Result<Self, TokenError> {
        self.secrets.push(checked(former.as_ref())?);
        Ok(self)
    }

    /// Mints a token for uploads of `key` to `bucket` until `expires_at` (whole seconds). `user_data` comes back
    /// from [`check`](Self::check): a user id, an order number. It is not encrypted.
    ///
    /// # Errors
    ///
    /// [`TokenError::TooLong`] or [`TokenError::Expiry`].
    pub fn mint(
        &self,
        bucket: &str,
        key: &KeyPattern,
        user_data: &str,
        expires_at: SystemTime,
    ) -> Result<String, TokenError> {
        let length = key.text().len() + user_data.len();
        if length > MAX_CLAIMS {
            return Err(TokenError::TooLong { length });
        }
        let expires = expires_at.duration_since(UNIX_EPOCH).map_err(|_| TokenError::Expiry)?.as_secs();
        let claims = Claims { expires, key: key.clone(), user_data: user_data.to_owned() }.encode();
        let secret = self.secrets.first().ok_or(TokenError::ShortSecret { length: 0 })?;
        let tag = mac(secret, bucket, &claims)?.finalize().into_bytes();
        Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(claims), URL_SAFE_NO_PAD.encode(tag)))
    }

    /// Checks a token against the bucket and object key of the signed body, in constant time as far as the
    /// secret is concerned.
    ///
    /// # Errors
    ///
    /// [`TokenError`] says why it is not believed; a stranger should only learn that it is not.
    pub fn check(
        &self,
        token: &str,
        bucket: &str,
        object: &str,
        now: SystemTime,
    ) -> Result<Granted, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Malformed);
        }
        let (claims, tag) = token.split_once('.').ok_or(TokenError::Malformed)?;
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| TokenError::Malformed)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| TokenError::Malformed)?;
        let mut genuine = false;
        for secret in &self.secrets {
            genuine |= mac(secret, bucket, &claims)?.verify_slice(&tag).is_ok();
        }
        if !genuine {
            return Err(TokenError::Forged);
        }
        let claims = Claims::decode(&claims).ok_or(TokenError::Malformed)?;
        let expires_at =
            UNIX_EPOCH.checked_add(Duration::from_secs(claims.expires)).ok_or(TokenError::Malformed)?;
        if now >= expires_at {
            return Err(TokenError::Expired);
        }
        if !claims.key.matches(object) {
            return Err(TokenError::OtherObject);
        }
        Ok(Granted { user_data: claims.user_data, expires_at })
    }
}

fn checked(secret: &[u8]) -> Result<Zeroizing<Vec<u8>>, TokenError> {
    if secret.len() < MIN_SECRET {
        return Err(TokenError::ShortSecret { length: secret.len() });
    }
    Ok(Zeroizing::new(secret.to_vec()))
}

/// The bucket is not in the token but in what is authenticated, with its length before it so that bucket and
/// claims cannot run into each other.
fn mac(secret: &[u8], bucket: &str, claims: &[u8]) -> Result<Hmac<Sha256>, TokenError> {
    // HMAC takes keys of any length; the error of the trait cannot occur.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret)
        .map_err(|_| TokenError::ShortSecret { length: secret.len() })?;
    mac.update(b"oss-callback token 1\0");
    mac.update(&u64::try_from(bucket.len()).unwrap_or(u64::MAX).to_be_bytes());
    mac.update(bucket.as_bytes());
    mac.update(claims);
    Ok(mac)
}

/// Shows how many secrets there are, nothing of them.
impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey").field("secrets", &self.secrets.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = &[7; 32];

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn token() -> (TokenKey, String) {
        let key = TokenKey::new(SECRET).unwrap();
        let token = key.mint("bucket", &KeyPattern::exact("a/b.jpg"), "user 42 ü", at(2_000)).unwrap();
        (key, token)
    }

    #[test]
    fn a_token_says_what_was_put_in() {
        let (key, token) = token();
        let granted = key.check(&token, "bucket", "a/b.jpg", at(1_999)).unwrap();
        assert_eq!(granted, Granted { user_data: "user 42 ü".into(), expires_at: at(2_000) });
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{token}");
    }

    #[test]
    fn an_expired_token_is_refused() {
        let (key, token) = token();
        assert_eq!(key.check(&token, "bucket", "a/b.jpg", at(2_000)), Err(TokenError::Expired));
    }

    #[test]
    fn a_token_for_another_object_is_refused() {
        let (key, token) = token();
        for object in ["a/b.jpg2", "a/b.jp", "A/b.jpg", ""] {
            assert_eq!(key.check(&token, "bucket", object, at(0)), Err(TokenError::OtherObject), "{object}");
        }
    }

    #[test]
    fn a_token_for_another_bucket_is_refused() {
        let (key, token) = token();
        assert_eq!(key.check(&token, "bucket2", "a/b.jpg", at(0)), Err(TokenError::Forged));
    }

    #[test]
    fn a_token_with_any_character_changed_is_refused() {
        let (key, token) = token();
        for at_byte in 0..token.len() {
            for replacement in ['A', 'B', '.', '=', '~'] {
                let mut altered: Vec<char> = token.chars().collect();
                if altered[at_byte] == replacement {
                    continue;
                }
                altered[at_byte] = replacement;
                let altered: String = altered.into_iter().collect();
                let error = key.check(&altered, "bucket", "a/b.jpg", at(0)).unwrap_err();
                assert!(matches!(error, TokenError::Forged | TokenError::Malformed), "{altered}: {error}");
            }
        }
        for malformed in ["", ".", "a.b.c", &token[1..], &token[..token.len() - 1], &"A".repeat(5_000)] {
            assert!(key.check(malformed, "bucket", "a/b.jpg", at(0)).is_err(), "{malformed}");
        }
    }

    #[test]
    fn a_token_with_a_part_of_its_tag_is_refused() {
        let (key, token) = token();
        let (claims, tag) = token.split_once('.').unwrap();
        let tag = URL_SAFE_NO_PAD.decode(tag).unwrap();
        for length in 0..tag.len() {
            let cut = format!("{claims}.{}", URL_SAFE_NO_PAD.encode(&tag[..length]));
            assert_eq!(key.check(&cut, "bucket", "a/b.jpg", at(0)), Err(TokenError::Forged), "{length}");
        }
        let longer = format!("{claims}.{}", URL_SAFE_NO_PAD.encode([&tag[..], &[0]].concat()));
        assert_eq!(key.check(&longer, "bucket", "a/b.jpg", at(0)), Err(TokenError::Forged));
    }

    #[test]
    fn bucket_and_claims_do_not_run_into_each_other() {
        let tag = |bucket, claims| mac(SECRET, bucket, claims).unwrap().finalize().into_bytes();
        assert_ne!(tag("ab", b"c"), tag("a", b"bc"));
        assert_ne!(tag("", b"abc"), tag("abc", b""));
    }

    #[test]
    fn a_text_longer_than_any_token_is_not_decoded() {
        let (key, _) = token();
        // Good base64, so that only its length can be what is refused: a shorter one is forged.
        for (length, error) in [(4_051, TokenError::Forged), (4_055, TokenError::Malformed)] {
            let text = format!("{}.{}", "A".repeat(length), "A".repeat(43));
            assert_eq!(key.check(&text, "bucket", "a/b.jpg", at(0)), Err(error), "{}", text.len());
        }
    }

    #[test]
    fn a_former_secret_checks_and_no_longer_mints() {
        let (old, token) = token();
        let both = TokenKey::new([8; 32]).unwrap().also_accept(SECRET).unwrap();
        assert!(both.check(&token, "bucket", "a/b.jpg", at(0)).is_ok());
        let minted = both.mint("bucket", &KeyPattern::prefix(""), "", at(1)).unwrap();
        assert_eq!(old.check(&minted, "bucket", "x", at(0)), Err(TokenError::Forged));
        assert!(both.check(&minted, "bucket", "x", at(0)).is_ok());
    }

    #[test]
    fn unusable_arguments_are_refused() {
        assert_eq!(TokenKey::new([1; 31]).unwrap_err(), TokenError::ShortSecret { length: 31 });
        let key = TokenKey::new(SECRET).unwrap();
        let long = "u".repeat(MAX_CLAIMS + 1);
        let refused = key.mint("b", &KeyPattern::prefix(""), &long, at(1));
        assert_eq!(refused, Err(TokenError::TooLong { length: MAX_CLAIMS + 1 }));
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(key.mint("b", &KeyPattern::prefix(""), "", before), Err(TokenError::Expiry));
        assert!(!format!("{key:?}").contains('7'));
    }

    #[test]
    fn the_longest_token_is_believed() {
        let key = TokenKey::new(SECRET).unwrap();
        let user = "u".repeat(MAX_CLAIMS);
        let token = key.mint("b", &KeyPattern::prefix(""), &user, at(u64::MAX >> 2)).unwrap();
        assert!(token.len() <= MAX_TOKEN);
        assert_eq!(key.check(&token, "b", "any", at(0)).unwrap().user_data, user);
    }
}
