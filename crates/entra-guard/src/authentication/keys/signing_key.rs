//! A key of a key set, and what admits it.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_shared::json::Object;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::roca;

/// The sizes of RSA keys that are admitted, in bits: what NIST allows, up to what the cryptography verifies.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The public exponent of every key of Entra's, 65537 (`AQAB`).
const EXPONENT: [u8; 3] = [1, 0, 1];

/// The longest `kid`, in bytes.
pub(super) const MAX_KEY_ID_BYTES: usize = 256;

/// A public key that tokens may be signed with.
pub struct SigningKey {
    /// Shared with whoever the tokens name that the key signed.
    id: Arc<str>,
    /// Kept parsed, with what aws-lc works out of the modulus once: no token pays for that.
    key: ParsedPublicKey,
    modulus: Vec<u8>,
    issuer: Option<String>,
    cloud: Option<String>,
}

impl SigningKey {
    /// Its name, the `kid`.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The issuer that Entra publishes the key for; `{tenantid}` stands for any tenant.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The cloud of Entra's that the key is published for.
    pub(super) fn cloud(&self) -> Option<&str> {
        self.cloud.as_deref()
    }

    /// Whether the key signed the message, with RS256.
    pub(in crate::authentication) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        // The exponent is the same for all.
        self.modulus == other.modulus && self.issuer == other.issuer && self.cloud == other.cloud
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// RFC 7517 section 4 and RFC 7518 section 6.3.1, and Entra's own `issuer` and `cloud_instance_name`.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
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

impl Jwk {
    /// Whether something is published that only the key's owner may know (RFC 7518 sections 6.3.2 and 6.4.1): from any
    /// of it the rest can be worked out, or the key is one for other uses as well.
    fn is_private(&self) -> bool {
        let Self { d, p, q, dp, dq, qi, oth, k, .. } = self;
        [d, p, q, dp, dq, qi, oth, k].into_iter().any(Option::is_some)
    }
}

/// The key that an entry of a key set publishes, with its name; or why it is not admitted.
pub(super) fn admit(jwk: &str) -> Result<(String, SigningKey), &'static str> {
    let Object(jwk): Object<Jwk> = serde_json::from_str(jwk).map_err(|_| "malformed")?;
    if jwk.kty != "RSA" {
        return Err("not an RSA key");
    }
    if jwk.is_private() {
        return Err("published with its private half");
    }
    if jwk.usage.as_deref() != Some("sig")
        || jwk.key_ops.is_some_and(|ops| ops.iter().all(|op| op != "verify"))
    {
        return Err("not for signatures");
    }
    // Entra writes no `alg`; where somebody does, it must be the one algorithm in use.
    if jwk.alg.is_some_and(|alg| alg != "RS256") {
        return Err("for another algorithm");
    }
    let key_id =
        jwk.kid.filter(|id| (1..=MAX_KEY_ID_BYTES).contains(&id.len())).ok_or("without a usable kid")?;
    let modulus = modulus(jwk.n.as_deref().unwrap_or_default())?;
    if decode(jwk.e.as_deref().unwrap_or_default())? != EXPONENT {
        return Err("with an exponent other than 65537");
    }
    let components = RsaPublicKeyComponents { n: modulus.as_slice(), e: EXPONENT.as_slice() };
    let key = components
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        .map_err(|_| "not a key that can verify")?;
    let id = key_id.as_str().into();
    Ok((key_id, SigningKey { id, key, modulus, issuer: jwk.issuer, cloud: jwk.cloud_instance_name }))
}

/// The name of a key that was not admitted, where it has one.
pub(super) fn name(jwk: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        kid: String,
    }
    let Object(Named { kid }) = serde_json::from_str(jwk).ok()?;
    (kid.len() <= MAX_KEY_ID_BYTES).then_some(kid)
}

fn modulus(text: &str) -> Result<Vec<u8>, &'static str> {
    let bytes = decode(text)?;
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return Err("without a modulus") };
    let bits = (bytes.len() * 8).saturating_sub(first.leading_zeros() as usize);
    if *first == 0 || last % 2 == 0 || !MODULUS_BITS.contains(&bits) {
        return Err("with an unsafe modulus");
    }
    if roca::is_suspect(&bytes) {
        return Err("from a generator whose keys can be factored");
    }
    Ok(bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| "not in base64url")
}
