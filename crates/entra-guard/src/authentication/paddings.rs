//! Signatures by the right key with a wrong padding.
//!
//! RSASSA-PKCS1-v1_5 has one encoding of a message (RFC 8017 section 9.2). A verifier that accepts others accepts forged
//! signatures for keys with small exponents.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512, digest};
use md5::{Digest, Md5};
use num_bigint::BigUint;
use serde_json::json;

use super::error::TokenFault;
use super::keys::KeySet;
use super::test_token::{HEADER, TestKey, claims, compact, segment};
use super::token::UnverifiedToken;

/// The bytes of `DigestInfo` in front of a SHA-256 hash (RFC 8017 section 9.2, note 1).
const SHA256_INFO: [u8; 19] =
    *b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

/// The length of the key and of an encoded message, in bytes.
const LENGTH: usize = 256;

/// Returns an encoded message: `head`, then `0xff` up to the length, then `tail`.
fn encoded(head: &[u8], tail: &[u8]) -> Vec<u8> {
    [head, &vec![0xff; LENGTH - head.len() - tail.len()], tail].concat()
}

fn info(prefix: &[u8], hash: &[u8]) -> Vec<u8> {
    [&[0], prefix, hash].concat()
}

/// Returns the right encoding of a message, and wrong encodings with a name for the fault of each.
fn encodings(message: &[u8]) -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let hash = digest(&SHA256, message);
    let hash = hash.as_ref();
    let right = info(&SHA256_INFO, hash);
    let good = encoded(&[0, 1], &right);
    let mut wrong: Vec<(String, Vec<u8>)> = vec![
        ("block type 0".into(), encoded(&[0, 0], &right)),
        ("block type 2".into(), encoded(&[0, 2], &right)),
        ("a first byte".into(), encoded(&[1, 1], &right)),
        ("no padding".into(), [&[0, 1], right.as_slice(), &[0; LENGTH - 54]].concat()),
        ("no separator".into(), encoded(&[0, 1], &right[1..])),
        ("two separators".into(), encoded(&[0, 1], &[&[0], right.as_slice()].concat())),
        (
            "no parameters".into(),
            encoded(
                &[0, 1],
                &info(b"\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20", hash),
            ),
        ),
        (
            "parameters other than NULL".into(),
            encoded(
                &[0, 1],
                &info(b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x00\x04\x20", hash),
            ),
        ),
        (
            "a length in two bytes".into(),
            encoded(
                &[0, 1],
                &info(
                    b"\x30\x81\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
                    hash,
                ),
            ),
        ),
        (
            "an indefinite length".into(),
            encoded(
                &[0, 1],
                &[
                    info(
                        b"\x30\x80\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
                        hash,
                    )
                    .as_slice(),
                    &[0, 0],
                ]
                .concat(),
            ),
        ),
        ("the hash alone".into(), encoded(&[0, 1], &[&[0], hash].concat())),
        ("a hash cut short".into(), encoded(&[0, 1], &info(&SHA256_INFO, &hash[..31]))),
    ];
    wrong.extend(other_digests(message));
    for (what, digest_info) in misspelt(hash) {
        wrong.push((what, encoded(&[0, 1], &[&[0], digest_info.as_slice()].concat())));
    }
    for length in [1, 8, 64, 200] {
        // Less padding, with arbitrary bytes behind it: how signatures were forged for an exponent of 3.
        let rest = LENGTH - 2 - 2 - right.len() - length;
        let garbage = [&[0, 1, 0xff, 0xff], right.as_slice(), &vec![0xa5; length], &vec![0; rest]].concat();
        wrong.push((format!("{length} bytes behind the hash"), garbage));
    }
    for place in (2..LENGTH - right.len()).step_by(16) {
        for byte in [0x00, 0xfe, 0x7f] {
            let mut changed = good.clone();
            changed[place] = byte;
            wrong.push((format!("{byte:#x} in the padding at {place}"), changed));
        }
    }
    for place in LENGTH - right.len()..LENGTH {
        let mut changed = good.clone();
        changed[place] ^= 0x01;
        wrong.push((format!("a bit at {place}"), changed));
    }
    (good, wrong)
}

/// Returns encodings for other algorithms, which an RS256 key never signs.
fn other_digests(message: &[u8]) -> Vec<(String, Vec<u8>)> {
    let hash = digest(&SHA256, message);
    let hash = hash.as_ref();
    vec![
        (
            "SHA-1".into(),
            encoded(
                &[0, 1],
                &info(
                    b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
                    digest(&SHA1_FOR_LEGACY_USE_ONLY, message).as_ref(),
                ),
            ),
        ),
        (
            "MD5".into(),
            encoded(
                &[0, 1],
                &info(
                    b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10",
                    &Md5::digest(message),
                ),
            ),
        ),
        (
            "SHA-512".into(),
            encoded(
                &[0, 1],
                &info(
                    b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
                    digest(&SHA512, message).as_ref(),
                ),
            ),
        ),
        (
            "the name of SHA-512".into(),
            encoded(
                &[0, 1],
                &info(b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x20", hash),
            ),
        ),
        ("another message".into(), encoded(&[0, 1], &info(&SHA256_INFO, digest(&SHA256, b"x").as_ref()))),
    ]
}

/// Encodes an element of DER, correctly or not.
type Spelling = fn(u8, &[u8]) -> Vec<u8>;

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, len(content)], content].concat()
}

/// Returns the `DigestInfo` of a SHA-256 with one of its five elements encoded differently.
fn digest_info(hash: &[u8], place: usize, spelling: Spelling) -> Vec<u8> {
    let element = |at, tag, content: &[u8]| {
        let spelling = if at == place { spelling } else { der };
        spelling(tag, content)
    };
    let algorithm = [element(2, 0x06, &SHA256_INFO[6..15]), element(3, 0x05, &[])].concat();
    let content = [element(1, 0x30, &algorithm), element(4, 0x04, hash)].concat();
    element(0, 0x30, &content)
}

/// Returns variants of `DigestInfo` in which one element has an encoding that lenient BER parsers accept, or a wrong
/// one.
fn misspelt(hash: &[u8]) -> Vec<(String, Vec<u8>)> {
    const ELEMENTS: [&str; 5] = ["DigestInfo", "algorithm", "identifier", "parameters", "digest"];
    let spellings: [(&str, Spelling); 27] = [
        ("length in two bytes", |tag, content| [&[tag, 0x81, len(content)], content].concat()),
        ("length in three bytes", |tag, content| [&[tag, 0x82, 0, len(content)], content].concat()),
        ("length in four bytes", |tag, content| [&[tag, 0x83, 0, 0, len(content)], content].concat()),
        ("length in nine bytes", |tag, content| {
            [&[tag, 0x88, 0, 0, 0, 0, 0, 0, 0, len(content)], content].concat()
        }),
        ("length that overflows", |tag, content| {
            [&[tag, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, len(content)], content].concat()
        }),
        ("indefinite length", |tag, content| [&[tag, 0x80], content, &[0, 0]].concat()),
        ("indefinite length without an end", |tag, content| [&[tag, 0x80], content].concat()),
        ("length too long", |tag, content| [&[tag, len(content) + 1], content].concat()),
        ("length too short", |tag, content| [&[tag, len(content).wrapping_sub(1)], content].concat()),
        ("length of 255", |tag, content| [&[tag, 0xff], content].concat()),
        ("no length", |tag, content| [&[tag], content].concat()),
        ("nothing at all", |_, _| Vec::new()),
        ("twice", |tag, content| [der(tag, content), der(tag, content)].concat()),
        ("constructed", |tag, content| der(tag ^ 0x20, content)),
        ("tag of an application", |tag, content| der(tag | 0x40, content)),
        ("tag of a context", |tag, content| der(tag | 0x80, content)),
        ("tag of zero", |_, content| der(0, content)),
        ("tag of a number", |_, content| der(0x02, content)),
        ("tag in two bytes", |tag, content| [&[tag | 0x1f, 0x1f], &der(tag, content)[1..]].concat()),
        ("content missing", |tag, _| der(tag, &[])),
        ("byte behind the content", |tag, content| der(tag, &[content, &[0]].concat())),
        ("byte before the content", |tag, content| der(tag, &[&[0], content].concat())),
        ("NULL behind the content", |tag, content| der(tag, &[content, &[0x05, 0]].concat())),
        ("NULL before the content", |tag, content| der(tag, &[&[0x05, 0], content].concat())),
        ("NULL behind it", |tag, content| [der(tag, content), vec![0x05, 0]].concat()),
        ("zeros behind it", |tag, content| [der(tag, content), vec![0, 0]].concat()),
        ("in a list", |tag, content| der(0x30, &der(tag, content))),
    ];
    let right = digest_info(hash, usize::MAX, der);
    assert_eq!(right, [&SHA256_INFO[..], hash].concat(), "the test itself writes it rightly");
    let all = ELEMENTS.iter().enumerate().flat_map(|(place, element)| {
        spellings.map(|(what, spelling)| (format!("{element}: {what}"), digest_info(hash, place, spelling)))
    });
    all.filter(|(_, misspelt)| *misspelt != right).collect()
}

fn len(content: &[u8]) -> u8 {
    u8::try_from(content.len()).unwrap()
}

#[test]
fn only_the_one_padding_is_taken() {
    let key = TestKey::new();
    let keys = KeySet::parse(json!({ "keys": [key.jwk("K1")] }).to_string().as_bytes()).unwrap();
    let signing_key = keys.find("K1").unwrap();
    let token = compact(HEADER, &claims().to_string());
    let message = token.rsplit_once('.').unwrap().0;
    let fault = |signature: &[u8]| {
        let token = format!("{message}.{}", segment(signature));
        UnverifiedToken::parse(&token).unwrap().verify(&signing_key).err()
    };
    let (good, wrong) = encodings(message.as_bytes());
    assert!(wrong.len() >= 213, "{}", wrong.len());
    assert_eq!(fault(&key.sign_raw(&good)), None, "the test itself signs rightly");
    for (what, encoded) in wrong {
        assert_eq!(encoded.len(), LENGTH, "{what}");
        assert_eq!(fault(&key.sign_raw(&encoded)), Some(TokenFault::Signature), "{what}");
    }
}

#[test]
fn signatures_that_are_no_number_below_the_modulus_are_refused() {
    let key = TestKey::new();
    let keys = KeySet::parse(json!({ "keys": [key.jwk("K1")] }).to_string().as_bytes()).unwrap();
    let signing_key = keys.find("K1").unwrap();
    let good = key.sign(HEADER, &claims());
    let (message, _) = good.rsplit_once('.').unwrap();
    let encoded = encodings(message.as_bytes()).0;
    let signature = BigUint::from_bytes_be(&key.sign_raw(&encoded));
    let modulus = key.modulus();
    let number = |number: BigUint| {
        let bytes = number.to_bytes_be();
        [vec![0; LENGTH.saturating_sub(bytes.len())], bytes].concat()
    };
    let wrong = [
        vec![0; LENGTH],
        number(BigUint::from(1_u8)),
        number(&modulus - 1_u8),
        number(modulus.clone()),
        number(&modulus + 1_u8),
        number(&signature + &modulus),
        vec![0xff; LENGTH],
        [vec![0], number(signature.clone())].concat(),
        number(signature.clone())[1..].to_vec(),
        [number(signature.clone()), vec![0]].concat(),
        number(signature.clone()).repeat(2),
        vec![0],
    ];
    for signature in wrong {
        let token = format!("{message}.{}", segment(&signature));
        let fault = UnverifiedToken::parse(&token).unwrap().verify(&signing_key).err();
        assert_eq!(fault, Some(TokenFault::Signature), "{signature:?}");
    }
}
