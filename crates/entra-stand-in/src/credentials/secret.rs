//! Client secrets.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A client secret, stored as its hash.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Secret {
    /// The secret's id, which clients often send by mistake instead of its value.
    pub(crate) key_id: Uuid,
    pub(crate) hash: SecretHash,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// The time from which the secret is known. A new secret is refused as wrong until it has propagated.
    pub(crate) known_from: Timestamp,
}

/// The SHA-256 of a secret; the secret itself is not stored.
///
/// A plain hash suffices, since a client secret is random and cannot be guessed like a password.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SecretHash([u8; 32]);

/// Why a secret is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WrongSecret {
    /// The app has no such secret.
    Unknown,
    /// The value is the id of one of the app's secrets.
    IsId,
    /// The value is a secret of the app that is not valid now.
    Expired,
}

impl SecretHash {
    pub(crate) fn from_secret(secret: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        Self(hash)
    }

    /// Reads 64 hexadecimal digits.
    pub(crate) fn parse(hex: &str) -> Option<Self> {
        let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
        let byte = |pair: &[u32]| u8::try_from(pair.iter().fold(0, |byte, digit| byte * 16 + digit)).ok();
        let bytes: Vec<u8> = digits.chunks(2).map(byte).collect::<Option<_>>()?;
        (digits.len() == 64).then(|| bytes.try_into().ok()).flatten().map(Self)
    }

    /// Compares in constant time.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash([redacted])")
    }
}

/// Returns the SHA-256 of a secret in hexadecimal, for `sha256` of a directory's `[[secrets]]`.
#[must_use]
pub fn hash_secret(secret: &str) -> String {
    super::assertion::hex(&SecretHash::from_secret(secret).0).to_lowercase()
}

/// Checks that `presented` is one of the secrets and valid now.
pub(super) fn check<'a>(
    mut registered: impl Iterator<Item = &'a Secret> + Clone,
    presented: &SecretHash,
    now: Timestamp,
) -> Result<(), WrongSecret> {
    // All secrets are compared, so that timing does not reveal which one matched.
    let (mut matched, mut valid) = (false, false);
    for secret in registered.clone() {
        let equal = secret.hash.matches(presented) && secret.known_from <= now;
        matched |= equal;
        valid |= equal && secret.start <= now && now < secret.end;
    }
    let is_id = |secret: &Secret| SecretHash::from_secret(&secret.key_id.to_string()).matches(presented);
    match (matched, valid) {
        (_, true) => Ok(()),
        (true, false) => Err(WrongSecret::Expired),
        (false, false) if registered.any(is_id) => Err(WrongSecret::IsId),
        (false, false) => Err(WrongSecret::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(value: &str, start: i64, end: i64) -> Secret {
        let second = |second| Timestamp::from_second(second).unwrap();
        Secret {
            key_id: Uuid::from_u128(7),
            hash: SecretHash::from_secret(value),
            start: second(start),
            end: second(end),
            known_from: Timestamp::MIN,
        }
    }

    #[test]
    fn a_secret_that_has_not_spread_is_a_wrong_one() {
        let now = |second| Timestamp::from_second(second).unwrap();
        let slow = [Secret { known_from: now(5), ..secret("new", 0, 200) }];
        assert_eq!(check(slow.iter(), &SecretHash::from_secret("new"), now(4)), Err(WrongSecret::Unknown));
        assert_eq!(check(slow.iter(), &SecretHash::from_secret("new"), now(5)), Ok(()));
    }

    #[test]
    fn a_secret_counts_from_its_start_until_its_end() {
        let registered = [secret("old", 0, 100), secret("new", 90, 200)];
        let try_at = |value: &str, second| {
            check(registered.iter(), &SecretHash::from_secret(value), Timestamp::from_second(second).unwrap())
        };
        assert_eq!(try_at("old", 99), Ok(()));
        assert_eq!(try_at("new", 99), Ok(()));
        assert_eq!(try_at("old", 100), Err(WrongSecret::Expired));
        assert_eq!(try_at("new", 89), Err(WrongSecret::Expired));
        assert_eq!(try_at("", 99), Err(WrongSecret::Unknown));
        assert_eq!(try_at("olD", 99), Err(WrongSecret::Unknown));
        assert_eq!(try_at("00000000-0000-0000-0000-000000000007", 99), Err(WrongSecret::IsId));
    }

    #[test]
    fn a_hash_is_read_as_it_is_printed_and_nothing_else_is() {
        let hex = hash_secret("abc");
        // The example of FIPS 180-4.
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        for right in [hex.clone(), hex.to_uppercase()] {
            assert!(SecretHash::parse(&right).unwrap().matches(&SecretHash::from_secret("abc")));
        }
        for wrong in ["", &hex[2..], &hex[1..], &format!("{hex}00"), &hex.replace('b', "g"), &"ü".repeat(32)]
        {
            assert!(SecretHash::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_given_twice_counts_while_one_of_them_is_valid() {
        let registered = [secret("same", 0, 100), secret("same", 0, 200)];
        let now = Timestamp::from_second(150).unwrap();
        assert_eq!(check(registered.iter(), &SecretHash::from_secret("same"), now), Ok(()));
    }

    #[test]
    fn no_debug_shows_a_secret_or_its_hash() {
        let shown = format!("{:?}", secret("canary", 0, 1));
        assert!(shown.contains("[redacted]") && !shown.contains("canary"), "{shown}");
    }
}
