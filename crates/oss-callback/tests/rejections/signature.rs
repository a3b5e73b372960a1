//! The signature itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oss_callback::{BodyCheck, VerifyError, string_to_sign};

use crate::support::{head, plus_modulus, raw_sign, sign, verifier};
use crate::{BODY, TARGET, refusal, with};

#[test]
fn a_signature_that_is_not_below_the_modulus() {
    for bytes in [[0xff; 64], [0xb9; 64].map(|b| b | 0x40)] {
        let error = refusal(&with("authorization", &STANDARD.encode(bytes)));
        assert_eq!(error, VerifyError::ForeignSignature { body: BodyCheck::Unknown });
    }
}

#[test]
fn a_second_spelling_of_a_signature() {
    // The number plus the modulus is the same number to the modulus; it fits 64 bytes for some signatures.
    let (body, signature) = (0..100_u32)
        .find_map(|n| {
            let body = n.to_string();
            let sum = plus_modulus(sign(&string_to_sign(TARGET, body.as_bytes())))?;
            Some((body, sum))
        })
        .unwrap();
    let mut head = head(TARGET, body.as_bytes());
    verifier().verify(&head, body.as_bytes()).unwrap();
    head.headers.insert("authorization", STANDARD.encode(signature).parse().unwrap());
    let error = verifier().verify(&head, body.as_bytes()).unwrap_err();
    assert_eq!(error, VerifyError::ForeignSignature { body: BodyCheck::Unknown });
}

#[test]
fn trivial_signatures() {
    for last in [0, 1, 2] {
        let mut bytes = [0; 64];
        bytes[63] = last;
        let error = refusal(&with("authorization", &STANDARD.encode(bytes)));
        assert_eq!(error, VerifyError::ForeignSignature { body: BodyCheck::Unknown });
    }
}

#[test]
fn a_padding_that_a_lenient_parser_would_take() {
    use md5::Digest as _;
    let digest: [u8; 16] = md5::Md5::digest(string_to_sign(TARGET, BODY)).into();
    let info = b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10";
    // Digest not at the end, with garbage behind it: Bleichenbacher's forgery of 2006.
    let early =
        [b"\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\x00".as_slice(), info, &digest, &[7; 19]].concat();
    // Block type 2, zero padding, no DigestInfo, and DigestInfo without its NULL.
    let typed = [[0, 2].as_slice(), &[0xff; 27], &[0], info, &digest].concat();
    let zeros = [[0, 1].as_slice(), &[0; 27], &[0], info, &digest].concat();
    let unprefixed = [[0, 1].as_slice(), &[0xff; 45], &[0], &digest].concat();
    let short_info = b"\x30\x1e\x30\x0a\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x04\x10";
    let no_null = [[0, 1].as_slice(), &[0xff; 29], &[0], short_info, &digest].concat();
    for message in [early, typed, zeros, unprefixed, no_null] {
        let signature = raw_sign(&<[u8; 64]>::try_from(message).unwrap());
        let error = refusal(&with("authorization", &STANDARD.encode(signature)));
        assert_eq!(error, VerifyError::ForeignSignature { body: BodyCheck::Unknown });
    }
}

#[test]
fn an_encoded_message_that_differs_in_one_bit() {
    use md5::Digest as _;
    let digest: [u8; 16] = md5::Md5::digest(string_to_sign(TARGET, BODY)).into();
    let info = b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10";
    let message = [[0, 1].as_slice(), &[0xff; 27], &[0], info, &digest].concat();
    let message = <[u8; 64]>::try_from(message).unwrap();
    let presented = |message: &[u8; 64]| with("authorization", &STANDARD.encode(raw_sign(message)));
    verifier().verify(&presented(&message), BODY).unwrap();
    // The first bit is left out: with it the message would not be below the modulus.
    for bit in 1..512 {
        let mut altered = message;
        altered[bit / 8] ^= 0x80 >> (bit % 8);
        let body = BodyCheck::Unknown;
        let expected = if bit < 384 {
            VerifyError::ForeignSignature { body }
        } else {
            VerifyError::OtherContent { body }
        };
        assert_eq!(refusal(&presented(&altered)), expected, "{bit}");
    }
}

#[test]
fn a_text_that_was_hashed_twice() {
    use md5::Digest as _;
    let once = md5::Md5::digest(string_to_sign(TARGET, BODY));
    let head = with("authorization", &STANDARD.encode(sign(&once)));
    assert_eq!(refusal(&head), VerifyError::OtherContent { body: BodyCheck::Unknown });
}
