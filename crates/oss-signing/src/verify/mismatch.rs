use super::Scheme;

/// Both sides of a signature that does not match, for the answer OSS gives and for finding the difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub(super) scheme: Scheme,
    pub(super) access_key_id: String,
    pub(super) signature_provided: String,
    pub(super) string_to_sign: Vec<u8>,
    pub(super) string_to_sign_text: String,
    pub(super) canonical_request: Option<String>,
}

impl Mismatch {
    pub(super) fn new(
        scheme: Scheme,
        access_key_id: &str,
        signature: &[u8],
        string_to_sign: Vec<u8>,
    ) -> Self {
        Self {
            scheme,
            access_key_id: access_key_id.to_owned(),
            signature_provided: super::lossy(signature),
            string_to_sign_text: super::lossy(&string_to_sign),
            string_to_sign,
            canonical_request: None,
        }
    }

    /// How the request is signed.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Who claims to have signed, as in `<OSSAccessKeyId>`.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The signature that was sent, as in `<SignatureProvided>`.
    pub fn signature_provided(&self) -> &str {
        &self.signature_provided
    }

    /// What the verifier signed, as in `<StringToSign>`; bytes that are not UTF-8 are replaced.
    pub fn string_to_sign(&self) -> &str {
        &self.string_to_sign_text
    }

    /// The exact bytes of the string to sign.
    pub fn string_to_sign_bytes(&self) -> &[u8] {
        &self.string_to_sign
    }

    /// The bytes of the string to sign in the notation of `<StringToSignBytes>`: upper-case pairs, each followed by a
    /// space.
    pub fn string_to_sign_hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        self.string_to_sign.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15), ' ']).collect()
    }

    /// The canonical request of V4, as in `<CanonicalRequest>`; bytes that are not UTF-8 are replaced.
    pub fn canonical_request(&self) -> Option<&str> {
        self.canonical_request.as_deref()
    }
}
