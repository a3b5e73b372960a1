//! A request that is signed, and received.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use http::header::{HOST, HeaderName, HeaderValue, RANGE};
use http::request::Parts;
use oss_signing::{
    Addressing, Credentials, Endpoint, ObjectKey, Resource, Scheme, Signer as _, V1Signer, Verified,
    VerifyError,
};
use proptest::prelude::{
    Just, Strategy, any, prop_assert, prop_assert_eq, prop_assume, prop_oneof, proptest,
};

use crate::support::v4_signer;
use crate::{ACCESS_KEY_ID, BUCKET, LIFETIME, SECRET, config, tricky, verify};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_signed_request_verifies_as_the_server_sees_it(sent in sent(), signer in signers()) {
        let request = sent.signed(signer);
        let received = Received::parse(&request, &sent);
        prop_assert_eq!(received.key.as_bytes(), sent.key.as_bytes());
        let verified = received.verify().unwrap();
        prop_assert_eq!(verified.scheme(), signer);
        prop_assert_eq!(verified.security_token(), sent.token.as_deref());
        // Whoever has another secret has signed something else.
        let other = received.verify_with("exampleSecretKey/With+Chars=02").unwrap_err();
        prop_assert_eq!(other.code(), "SignatureDoesNotMatch");
    }

    #[test]
    fn a_second_signature_replaces_the_first(sent in sent(), later in 1_u64..1_000_000) {
        for signer in [Scheme::V1Header, Scheme::V4Header, Scheme::V1Query, Scheme::V4Query] {
            let at_once = Sent { time: sent.time + Duration::from_secs(later), ..sent.clone() };
            let mut twice = sent.signed(signer);
            at_once.sign(&mut twice, signer);
            prop_assert_eq!(sorted(&twice), sorted(&at_once.signed(signer)));
        }
    }

    #[test]
    fn a_one_bit_change_of_a_signed_part_is_refused(
        sent in sent(), signer in signers(), part in 0_usize..6, position in any::<usize>(), bit in 0_u32..7,
    ) {
        let mut received = Received::parse(&sent.signed(signer), &sent);
        prop_assume!(received.flip(part, position, bit));
        let result = received.verify();
        prop_assert!(result.is_err(), "{:?} was accepted", received.parts);
    }
}

#[derive(Clone, Debug)]
struct Sent {
    addressing: Addressing,
    key: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, Vec<u8>>,
    token: Option<String>,
    time: SystemTime,
}

impl Sent {
    fn signed(&self, scheme: Scheme) -> Parts {
        let endpoint: Endpoint = "http://oss.example:8080".parse().unwrap();
        let key = ObjectKey::try_from(self.key.as_str()).unwrap();
        let query: Vec<_> = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let url = endpoint
            .with_addressing(self.addressing)
            .url(Some(&BUCKET.parse().unwrap()), Some(&key), &query)
            .unwrap();
        let mut request = http::Request::put(url).body(()).unwrap().into_parts().0;
        for (name, value) in &self.headers {
            request
                .headers
                .insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value).unwrap());
        }
        self.sign(&mut request, scheme);
        request
    }

    fn sign(&self, request: &mut Parts, scheme: Scheme) {
        let resource = Resource::object(BUCKET, &self.key);
        let token = self.token.clone().unwrap_or_default();
        let credentials = Credentials::new(ACCESS_KEY_ID, SECRET).with_security_token(token);
        let v4 = v4_signer().with_additional_headers([HOST, RANGE]);
        match scheme {
            Scheme::V1Header => V1Signer::new().sign(request, resource, &credentials, self.time),
            Scheme::V4Header => v4.sign(request, resource, &credentials, self.time),
            Scheme::V1Query => V1Signer::new().presign(request, resource, &credentials, self.time, LIFETIME),
            _ => v4.presign(request, resource, &credentials, self.time, LIFETIME),
        }
        .unwrap();
    }
}

/// The request as it comes out of a socket: origin form, a Host header, and a key that is decoded from the path.
#[derive(Debug)]
struct Received {
    parts: Parts,
    key: String,
    time: SystemTime,
}

impl Received {
    fn parse(request: &Parts, sent: &Sent) -> Self {
        let mut parts = request.clone();
        let host = request.uri.authority().unwrap().as_str();
        parts.headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        let path = request.uri.path_and_query().unwrap().clone();
        parts.uri = path.as_str().parse().unwrap();
        let path = path.path().strip_prefix('/').unwrap();
        let path = match sent.addressing {
            Addressing::PathStyle => path.strip_prefix(BUCKET).unwrap().strip_prefix('/').unwrap(),
            _ => path,
        };
        Self { parts, key: String::from_utf8(decode(path)).unwrap(), time: sent.time }
    }

    fn verify(&self) -> Result<Verified, VerifyError> {
        self.verify_with(SECRET)
    }

    fn verify_with(&self, secret: &str) -> Result<Verified, VerifyError> {
        verify(&self.parts, &self.key, self.time, secret)
    }

    /// Flips one bit of a signed part; `false` where that part does not exist or would no longer be valid.
    fn flip(&mut self, part: usize, position: usize, bit: u32) -> bool {
        match part {
            0 => flip_text(&mut self.key, position, bit),
            1 => {
                let mut method = self.parts.method.as_str().to_owned();
                flip_text(&mut method, position, bit)
                    && method.parse().map(|method| self.parts.method = method).is_ok()
            }
            2 => self.flip_header(|name| name.starts_with("x-oss-") || name == "content-type", position, bit),
            3 => self.flip_header(|name| name == "authorization", position, bit),
            4 => self.flip_query(|name| name.starts_with("x-oss-") || name == "callback", position, bit),
            _ => self.flip_query(|name| name == "Signature" || name == "x-oss-signature", position, bit),
        }
    }

    fn flip_header(&mut self, signed: impl Fn(&str) -> bool, position: usize, bit: u32) -> bool {
        let names: Vec<_> = self.parts.headers.keys().filter(|name| signed(name.as_str())).cloned().collect();
        let Some(name) = names.get(position % names.len().max(1)) else { return false };
        let mut value = self.parts.headers[name].as_bytes().to_vec();
        let Some(byte) = value.len().checked_sub(1).map(|last| &mut value[position % (last + 1)]) else {
            return false;
        };
        *byte ^= 1 << bit;
        let unchanged = value.trim_ascii() == self.parts.headers[name].as_bytes().trim_ascii();
        !unchanged
            && HeaderValue::from_bytes(&value).map(|value| self.parts.headers.insert(name, value)).is_ok()
    }

    fn flip_query(&mut self, signed: impl Fn(&str) -> bool, position: usize, bit: u32) -> bool {
        let query = self.parts.uri.query().unwrap_or_default().to_owned();
        let mut pairs: Vec<(String, String)> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        let signed: Vec<_> = (0..pairs.len()).filter(|&at| signed(&pairs[at].0)).collect();
        let Some(&at) = signed.get(position % signed.len().max(1)) else { return false };
        if !flip_text(&mut pairs[at].1, position, bit) {
            return false;
        }
        let endpoint: Endpoint = "http://h.example".parse().unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let rebuilt = endpoint.url(None, None, &pairs).unwrap();
        let path = self.parts.uri.path().to_owned();
        self.parts.uri = format!("{path}?{}", rebuilt.query().unwrap_or_default()).parse().unwrap();
        true
    }
}

/// Everything of a request, with the query in an order of its own.
fn sorted(request: &Parts) -> (String, Vec<String>, BTreeMap<String, Vec<u8>>) {
    let mut query: Vec<_> = request.uri.query().unwrap_or_default().split('&').map(str::to_owned).collect();
    query.sort();
    let headers = request.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    (request.uri.path().to_owned(), query, headers)
}

fn flip_text(text: &mut String, position: usize, bit: u32) -> bool {
    let mut bytes = std::mem::take(text).into_bytes();
    let length = bytes.len();
    if length == 0 {
        return false;
    }
    bytes[position % length] ^= 1 << bit;
    String::from_utf8(bytes).map(|changed| *text = changed).is_ok()
}

fn sent() -> impl Strategy<Value = Sent> {
    let addressing =
        prop_oneof![Just(Addressing::VirtualHost), Just(Addressing::PathStyle), Just(Addressing::Cname)];
    let query = proptest::collection::btree_map(
        prop_oneof![tricky(1..12), "acl|uploads|partNumber|uploadId|callback|callback-var|x-oss-process"],
        prop_oneof![tricky(0..12), "[A-Za-z0-9+/]{0,16}={0,2}"],
        0..6,
    );
    let name = "x-oss-(meta-[a-z0-9]{1,6}|callback|object-acl)|content-type|content-md5|range|cache-control";
    let value = proptest::collection::vec(prop_oneof![0x20_u8..0x7f, Just(b'\t'), 0x80_u8..=0xff], 0..20);
    let headers = proptest::collection::btree_map(name, value, 0..8);
    let token = proptest::option::of("[A-Za-z0-9+/=;&%][ -~]{0,30}[A-Za-z0-9=]");
    (addressing, tricky(1..40), query, headers, token, 0_u64..4_000_000_000).prop_map(
        |(addressing, key, query, headers, token, seconds)| Sent {
            addressing,
            key: key.trim_start_matches(['/', '\\']).to_owned() + "k",
            query: query.into_iter().filter(|(name, _)| !is_reserved(name)).collect(),
            headers,
            token,
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        },
    )
}

fn is_reserved(name: &str) -> bool {
    ["Signature", "Expires", "OSSAccessKeyId", "security-token"].contains(&name)
}

fn signers() -> impl Strategy<Value = Scheme> {
    prop_oneof![Just(Scheme::V1Header), Just(Scheme::V1Query), Just(Scheme::V4Header), Just(Scheme::V4Query)]
}

fn text(raw: &str) -> String {
    String::from_utf8(decode(raw)).unwrap()
}

fn decode(raw: &str) -> Vec<u8> {
    let mut bytes = raw.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
        } else {
            byte
        });
    }
    decoded
}
