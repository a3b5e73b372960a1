//! A request from a stranger to the callback's URL, and every text of it that is parsed by itself.
#![no_main]

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use oss_callback::{DecodedCallback, Freshness, PublicKey, TokenKey, Verifier};

fuzz_target!(|data: &[u8]| {
    if let Some(request) = oss_fuzz::request(data) {
        let (head, body) = request.into_parts();
        let path = Verifier::official().expect_path(head.uri.path());
        for verifier in [Some(Verifier::official()), path.ok()].into_iter().flatten() {
            if let Ok(verified) = verifier.verify(&head, &body) {
                let _ = verified.payload::<BTreeMap<String, String>>();
                let _ = verified.json::<serde_json::Value>();
                let _ = verified.query("user");
            }
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = PublicKey::from_pem(text);
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let _ = Freshness::within(Duration::from_secs(900)).check(text, now);
    let key = TokenKey::new([7; 32]).expect("it is long enough");
    assert!(key.check(text, "examplebucket", "key", now).is_err(), "a token was forged");
    let (callback, variables) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(decoded) = DecodedCallback::decode(callback, Some(variables))
        && let Ok(callback) = decoded.to_callback(true)
    {
        let _ = callback.encode();
    }
});
