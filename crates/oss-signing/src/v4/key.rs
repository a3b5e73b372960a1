use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::mac;
use crate::name::Region;
use crate::signer::SignError;
use crate::stamp::Stamp;

use super::canonical::Scope;
use super::{Product, TERMINATOR};

/// The V4 key of one UTC day, region and product.
///
/// It signs like the access key secret, but for that day and scope only. A service that holds the secret can give the
/// bytes to one that must not, and that one [signs](Self::sign) with them the policies of forms, or strings to sign that
/// it builds itself. A [`V4Signer`](crate::V4Signer) takes the secret and derives the key alone.
///
/// It is wiped from memory on drop and never shown by `Debug`.
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// # use oss_signing::{Product, Region, SigningKey};
/// # let region: Region = "cn-hangzhou".parse()?;
/// # let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_734_060_187);
/// let handed_out = *SigningKey::derive("secret", now, &region, Product::Oss)?.as_bytes();
///
/// let policy_in_base64 = "eyJjb25kaXRpb25zIjpbXX0=";
/// let signature = SigningKey::from_bytes(handed_out).sign(policy_in_base64.as_bytes());
/// # assert_eq!(signature.len(), 64);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SigningKey {
    bytes: Zeroizing<[u8; 32]>,
    /// HMAC with the key already absorbed, which saves two of the blocks every signature would hash.
    ready: Hmac<Sha256>,
}

impl SigningKey {
    /// Derives the key of the UTC day that `time` lies in.
    ///
    /// # Errors
    /// [`SignError::TimeOutOfRange`] outside the years 1970 to 9999.
    pub fn derive(
        secret: &str,
        time: SystemTime,
        region: &Region,
        product: Product,
    ) -> Result<Self, SignError> {
        let stamp = Stamp::new(time).ok_or(SignError::TimeOutOfRange)?;
        Ok(Self::for_day(secret, &stamp.compact()[..8], region.as_str(), product.as_str()))
    }

    /// The key that somebody else has derived.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { ready: mac::hmac_sha256(&bytes), bytes: Zeroizing::new(bytes) }
    }

    /// The signature of a string to sign, or of a policy in base64, as V4 writes it: 64 lower-case hex digits.
    pub fn sign(&self, message: &[u8]) -> String {
        self.hex_signature(message).map(char::from).into_iter().collect()
    }

    /// The 32 bytes of the key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    pub(crate) fn for_day(secret: &str, date: &[u8], region: &str, product: &str) -> Self {
        let mut key = Zeroizing::new(Vec::with_capacity(9 + secret.len()));
        key.extend_from_slice(b"aliyun_v4");
        key.extend_from_slice(secret.as_bytes());
        let mut bytes: Zeroizing<[u8; 32]> = Zeroizing::new(mac::finish(mac::hmac_sha256(&key), date).into());
        for part in [region, product, TERMINATOR] {
            *bytes = mac::finish(mac::hmac_sha256(&*bytes), part.as_bytes()).into();
        }
        let ready = mac::hmac_sha256(&*bytes);
        Self { bytes, ready }
    }

    pub(crate) fn hex_signature(&self, message: &[u8]) -> [u8; 64] {
        mac::hex(&mac::finish(self.ready.clone(), message).into())
    }

    /// Compares in constant time.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let mut ready = self.ready.clone();
        ready.update(message);
        mac::unhex(signature).is_some_and(|bytes| ready.verify_slice(&bytes).is_ok())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}

/// The keys of one region and product that were used last: deriving one costs more than the signature itself.
pub(crate) struct KeyRing {
    region: Region,
    product: Product,
    /// Region and product as a scope writes them.
    after_date: String,
    slots: Mutex<Vec<Slot>>,
}

struct Slot {
    secret: Zeroizing<String>,
    date: [u8; 8],
    key: Arc<SigningKey>,
}

impl KeyRing {
    /// Enough for a credential rotation at midnight; a server with more callers derives anew.
    const SLOTS: usize = 8;

    pub(crate) fn new(region: Region, product: Product) -> Self {
        let after_date = Scope::after_date(region.as_str(), product.as_str());
        Self { region, product, after_date, slots: Mutex::new(Vec::new()) }
    }

    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    pub(crate) fn product(&self) -> Product {
        self.product
    }

    pub(crate) fn scope<'a>(&'a self, date: &'a [u8; 8]) -> Scope<'a> {
        Scope { date, rest: &self.after_date }
    }

    pub(crate) fn get(&self, secret: &str, date: &[u8; 8]) -> Arc<SigningKey> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.iter().find(|slot| slot.date == *date && *slot.secret == secret) {
            return Arc::clone(&slot.key);
        }
        let key = Arc::new(SigningKey::for_day(secret, date, self.region.as_str(), self.product.as_str()));
        if slots.len() >= Self::SLOTS {
            slots.remove(0);
        }
        slots.push(Slot { secret: Zeroizing::new(secret.to_owned()), date: *date, key: Arc::clone(&key) });
        key
    }
}

impl Clone for KeyRing {
    fn clone(&self) -> Self {
        Self::new(self.region.clone(), self.product)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("region", &self.region)
            .field("product", &self.product)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_tells_secrets_and_days_apart_and_forgets_the_oldest() {
        let ring = KeyRing::new(Region::try_from("cn-hangzhou").unwrap(), Product::Oss);
        let first = *ring.get("secret", b"20241213").as_bytes();
        assert_eq!(*ring.get("secret", b"20241213").as_bytes(), first);
        assert_ne!(*ring.get("other", b"20241213").as_bytes(), first);
        assert_ne!(*ring.get("secret", b"20241214").as_bytes(), first);
        for number in 0..50 {
            ring.get(&format!("secret {number}"), b"20241213");
        }
        assert_eq!(ring.slots.lock().unwrap().len(), KeyRing::SLOTS);
        assert_eq!(*ring.get("secret", b"20241213").as_bytes(), first);
    }

    #[test]
    fn debug_shows_no_key() {
        let region = Region::try_from("cn-hangzhou").unwrap();
        let ring = KeyRing::new(region.clone(), Product::Oss);
        let key = ring.get("hush-hush", b"20241213");
        let shown = format!("{ring:?} {key:?}");
        let hex = String::from_utf8(mac::hex(key.as_bytes()).to_vec()).unwrap();
        assert!(!shown.contains("hush") && !shown.contains(&hex[..8]), "{shown}");
    }
}
