//! Verifies RSA signatures of assertions, with jsonwebtoken.
//!
//! Only the signature check is jsonwebtoken's. Its `decode` takes no clock, and the times of an assertion are checked by
//! the tenant's.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_shared::jwt::is_signed_by;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};

/// The smallest and largest modulus, in bytes.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Reads the `alg` of a client assertion (RFC 7518 section 3.1), case-sensitive; `None` for algorithms Entra refuses.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "PS256" => Some(Algorithm::PS256),
        "RS256" => Some(Algorithm::RS256),
        "RS384" => Some(Algorithm::RS384),
        "RS512" => Some(Algorithm::RS512),
        _ => None,
    }
}

/// An RSA public key of 2048 to 8192 bits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RsaKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl RsaKey {
    /// Creates a key from big-endian numbers; `None` if it is too small or too large.
    pub(super) fn new(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        // DER writes a zero before a number whose first bit is set.
        let number = |bytes: &[u8]| {
            let start = bytes.iter().position(|byte| *byte != 0)?;
            bytes.get(start..).map(<[u8]>::to_vec)
        };
        let key = Self { modulus: number(modulus)?, exponent: number(exponent)? };
        (MODULUS_BYTES.contains(&key.modulus.len()) && key.exponent.len() <= 8).then_some(key)
    }

    /// Returns whether this key made the signature.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let key = DecodingKey::from_rsa_raw_components(&self.modulus, &self.exponent);
        // Encoded again, since libraries pad the segments and jsonwebtoken accepts none padded.
        is_signed_by(&key, algorithm, message, &BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}
