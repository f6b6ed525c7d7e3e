//! A public key of a key set, and the conditions to admit it.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_shared::json::Object;
use entra_shared::jwt::is_signed_by;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The admitted sizes of RSA keys, in bits: from NIST's minimum to aws-lc's maximum.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The public exponent of all of Entra's keys, 65537 (`AQAB`).
const EXPONENT: [u8; 3] = [1, 0, 1];

/// The longest `kid`, in bytes.
pub(super) const MAX_KEY_ID_BYTES: usize = 256;

/// A public key that tokens may be signed with.
pub struct SigningKey {
    /// The key id, shared with the callers of tokens that the key signed.
    id: Arc<str>,
    key: DecodingKey,
    modulus: Vec<u8>,
    issuer: Option<String>,
    cloud: Option<String>,
}

impl SigningKey {
    /// Returns the key id (`kid`).
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// Returns the issuer that Entra publishes the key for. `{tenantid}` in it stands for any tenant.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Returns the cloud that Entra publishes the key for.
    pub(super) fn cloud(&self) -> Option<&str> {
        self.cloud.as_deref()
    }

    /// Returns whether this base64url signature of the message was made with the key and RS256.
    pub(in crate::authentication) fn has_signed(&self, message: &[u8], signature: &str) -> bool {
        is_signed_by(&self.key, Algorithm::RS256, message, signature)
    }
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        // All admitted keys have the same exponent.
        self.modulus == other.modulus && self.issuer == other.issuer && self.cloud == other.cloud
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The members that [`Jwk`] leaves out: two that only Entra writes, and those that only a private key has.
///
/// Private members: RFC 7518 sections 6.3.2 and 6.4.1.
#[derive(Deserialize)]
struct OtherMembers {
    issuer: Option<String>,
    cloud_instance_name: Option<String>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl OtherMembers {
    /// Returns whether the entry contains any part of a private key, with which anyone could sign.
    fn is_private(&self) -> bool {
        let Self { d, p, q, dp, dq, qi, oth, k, .. } = self;
        [d, p, q, dp, dq, qi, oth, k].into_iter().any(Option::is_some)
    }
}

/// Parses an entry of a key set. Returns the key, or the reason why the key is not usable.
pub(super) fn admit(entry: &str) -> Result<SigningKey, &'static str> {
    let Object(members): Object<OtherMembers> = serde_json::from_str(entry).map_err(|_| "malformed")?;
    if members.is_private() {
        return Err("published with its private half");
    }
    let Jwk { common, algorithm } = serde_json::from_str(entry).map_err(|_| "malformed")?;
    let AlgorithmParameters::RSA(rsa) = algorithm else { return Err("not an RSA key") };
    check_purpose(&common)?;
    let key_id = common
        .key_id
        .filter(|id| (1..=MAX_KEY_ID_BYTES).contains(&id.len()))
        .ok_or("without a usable kid")?;
    let modulus = modulus(&rsa.n)?;
    if decode(&rsa.e)? != EXPONENT {
        return Err("with an exponent other than 65537");
    }
    let key = DecodingKey::from_rsa_raw_components(&modulus, &EXPONENT);
    let OtherMembers { issuer, cloud_instance_name: cloud, .. } = members;
    Ok(SigningKey { id: key_id.into(), key, modulus, issuer, cloud })
}

/// Refuses keys that are not for RS256 signatures (RFC 7517 sections 4.2 to 4.4).
fn check_purpose(key: &CommonParameters) -> Result<(), &'static str> {
    let can_verify = key.key_operations.as_ref().is_none_or(|ops| ops.contains(&KeyOperations::Verify));
    if key.public_key_use != Some(PublicKeyUse::Signature) || !can_verify {
        return Err("not for signatures");
    }
    // Entra publishes no `alg`.
    if key.key_algorithm.is_some_and(|algorithm| algorithm != KeyAlgorithm::RS256) {
        return Err("for another algorithm");
    }
    Ok(())
}

/// Returns the id of a key that is not usable, if it has one.
pub(super) fn name(jwk: &str) -> Option<Arc<str>> {
    #[derive(Deserialize)]
    struct Named {
        kid: String,
    }
    let Object(Named { kid }) = serde_json::from_str(jwk).ok()?;
    (kid.len() <= MAX_KEY_ID_BYTES).then(|| kid.into())
}

fn modulus(text: &str) -> Result<Vec<u8>, &'static str> {
    let bytes = decode(text)?;
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return Err("without a modulus") };
    let bits = (bytes.len() * 8).saturating_sub(first.leading_zeros() as usize);
    if *first == 0 || last % 2 == 0 || !MODULUS_BITS.contains(&bits) {
        return Err("with an unsafe modulus");
    }
    Ok(bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| "not in base64url")
}
