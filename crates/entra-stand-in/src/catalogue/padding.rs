//! Signatures of the right size and key, but with a padding other than RSASSA-PKCS1-v1_5 with SHA-256.
//!
//! <https://www.rfc-editor.org/rfc/rfc8017#section-8.2.2>

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use num_bigint::BigUint;

use super::Expected::InvalidToken;
use super::forge::{Forge, Rows, join, message, row};
use crate::MintError;
use crate::keys::SigningKey;

/// The DER before a SHA-256 and a SHA-1 digest (RFC 8017 section 9.2).
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];
/// The same without the algorithm's parameters, which RFC 8017 does not allow in a signature.
const SHA256_INFO_WITHOUT_NULL: [u8; 17] =
    [0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x20];
const SHA1_INFO: [u8; 15] =
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];

pub(super) fn add(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let message = message(forge.header().to_string(), forge.claims().to_string());
    let good = forge.key.signature(&RSA_PKCS1_SHA256, message.as_bytes())?;
    let private = PrivateKey::from_signing_key(&forge.key).ok_or(MintError::Failed)?;
    for (name, signature) in numbers(&private.modulus, &good) {
        let wrong = "the signature is no number that the key makes";
        row(rows, InvalidToken, (format!("signature/{name}"), wrong), join(&message, &signature));
    }
    for (name, padded) in paddings(message.as_bytes(), good.len()) {
        let signature = private.apply(&padded, good.len());
        let wrong = "the signed digest is not padded as it should be";
        row(rows, InvalidToken, (format!("padding/{name}"), wrong), join(&message, &signature));
    }
    Ok(())
}

fn numbers(modulus: &BigUint, good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let size = good.len();
    let number = |number: BigUint| in_bytes(&number, size);
    vec![
        ("empty-byte", vec![0]),
        ("zero", vec![0; size]),
        ("one", number(BigUint::from(1_u8))),
        ("modulus-less-one", number(modulus - 1_u8)),
        ("modulus", number(modulus.clone())),
        ("not-reduced", (modulus + BigUint::from_bytes_be(good)).to_bytes_be()),
        ("zero-in-front", [&[0], good].concat()),
        ("zero-behind", [good, &[0]].concat()),
        ("cut-by-one", good.iter().copied().take(size - 1).collect()),
        ("first-byte-missing", good.iter().copied().skip(1).collect()),
        ("512-bytes", [good, good].concat()),
        ("all-ones", vec![0xff; size]),
    ]
}

/// Returns encoded messages (`00 01 ff .. ff 00` and the digest), each with one defect.
fn paddings(message: &[u8], size: usize) -> Vec<(&'static str, Vec<u8>)> {
    let sha256 = [&SHA256_INFO[..], digest(&SHA256, message).as_ref()].concat();
    let sha1 = [&SHA1_INFO[..], digest(&SHA1_FOR_LEGACY_USE_ONLY, message).as_ref()].concat();
    let bare = digest(&SHA256, message).as_ref().to_vec();
    let without_null = [&SHA256_INFO_WITHOUT_NULL[..], &bare].concat();
    let padded = |start: [u8; 2], fill: u8, separator: u8, info: &[u8], rest: usize| {
        let filling = size.saturating_sub(3 + info.len() + rest);
        [&start[..], &vec![fill; filling], &[separator], info, &vec![0; rest]].concat()
    };
    let short = |fill: usize| {
        let rest = size - 3 - fill - sha256.len();
        [&[0, 1][..], &vec![0xff; fill], &[0], &sha256, &vec![0x11; rest]].concat()
    };
    let mut broken_fill = padded([0, 1], 0xff, 0, &sha256, 0);
    if let Some(byte) = broken_fill.get_mut(40) {
        *byte = 0xfe;
    }
    vec![
        ("type-2", padded([0, 2], 0xff, 0, &sha256, 0)),
        ("type-0", padded([0, 0], 0xff, 0, &sha256, 0)),
        ("first-byte-1", padded([1, 1], 0x01, 0, &sha256, 0)),
        ("filled-with-zeros", padded([0, 1], 0, 0, &sha256, 0)),
        ("one-byte-of-the-filling", broken_fill),
        ("separator-missing", padded([0, 1], 0xff, 0xff, &sha256, 0)),
        ("zeros-behind-the-digest", padded([0, 1], 0xff, 0, &sha256, 8)),
        ("garbage-behind-the-digest", short(8)),
        ("no-filling", short(0)),
        ("digest-alone", padded([0, 1], 0xff, 0, &bare, 0)),
        ("null-parameter-missing", padded([0, 1], 0xff, 0, &without_null, 0)),
        ("sha-1", padded([0, 1], 0xff, 0, &sha1, 0)),
        (
            "digest-of-nothing",
            padded([0, 1], 0xff, 0, &[&SHA256_INFO[..], digest(&SHA256, b"").as_ref()].concat(), 0),
        ),
    ]
}

/// The numbers of an RSA key. No `Debug`.
struct PrivateKey {
    modulus: BigUint,
    exponent: BigUint,
}

impl PrivateKey {
    fn from_signing_key(key: &SigningKey) -> Option<Self> {
        let der = key.private_key().ok()?;
        // PKCS #8 (RFC 5208): version, algorithm, and in an octet string the key (RFC 8017 appendix A.1.2).
        let (info, _) = element(der.as_ref())?;
        let (_, rest) = element(info)?;
        let (_, rest) = element(rest)?;
        let (octets, _) = element(rest)?;
        let (numbers, _) = element(octets)?;
        let (_, rest) = element(numbers)?;
        let (_, rest) = element(rest)?;
        let (_, rest) = element(rest)?;
        let (exponent, _) = element(rest)?;
        let modulus = BASE64_URL_SAFE_NO_PAD.decode(key.modulus()).ok()?;
        Some(Self { modulus: BigUint::from_bytes_be(&modulus), exponent: BigUint::from_bytes_be(exponent) })
    }

    /// Applies the private key; not in constant time, which does not matter for tokens that must be refused.
    fn apply(&self, padded: &[u8], size: usize) -> Vec<u8> {
        in_bytes(&BigUint::from_bytes_be(padded).modpow(&self.exponent, &self.modulus), size)
    }
}

/// Splits DER into the content of the first element and the rest.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_tag, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        (bytes.iter().fold(0, |length: usize, byte| (length << 8) | usize::from(*byte)), rest)
    };
    rest.split_at_checked(length)
}

fn in_bytes(number: &BigUint, size: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    [vec![0; size.saturating_sub(bytes.len())], bytes].concat()
}
