//! What an app can prove itself with, and whether what it presented is that.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use shared::claims::ClientAuthentication;

/// A credential registered for an app.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    /// One of the manifest's `passwordCredentials` whose value is known.
    Secret(Secret),
}

/// A client secret, kept as its hash.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    pub(crate) hash: SecretHash,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

/// The SHA-256 of a secret; the secret itself is not kept.
///
/// A plain hash suffices: a client secret is random, not a password that somebody can guess.
#[derive(Clone)]
pub(crate) struct SecretHash([u8; 32]);

impl SecretHash {
    pub(crate) fn of(secret: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        Self(hash)
    }

    /// Compares in constant time.
    fn matches(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash([redacted])")
    }
}

/// What a request presented.
#[derive(Debug)]
pub(crate) enum Presented {
    /// Nothing.
    Nothing,
    /// A client secret, in the body or by HTTP Basic.
    Secret(SecretHash),
    /// A client assertion (RFC 7523).
    Assertion,
}

/// Why a credential was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// None was presented.
    Missing,
    /// The secret is not one of the app's.
    WrongSecret,
    /// The secret is one of the app's, outside its time of validity.
    ExpiredSecret,
    /// The assertion is signed with a key that is not registered.
    UnregisteredCertificate,
}

/// Whether `presented` is one of the credentials `registered` for an app.
pub(crate) fn authenticate(
    registered: &[Credential],
    presented: &Presented,
    now: Timestamp,
) -> Result<ClientAuthentication, Refused> {
    match presented {
        Presented::Nothing => Err(Refused::Missing),
        // No app can have a certificate here, so the key of any assertion is unregistered.
        Presented::Assertion => Err(Refused::UnregisteredCertificate),
        Presented::Secret(presented) => {
            // Every secret is compared, so that the time taken does not tell which one matched.
            let (mut matched, mut valid) = (false, false);
            for Credential::Secret(secret) in registered {
                let equal = secret.hash.matches(presented);
                matched |= equal;
                valid |= equal && secret.start <= now && now < secret.end;
            }
            match (matched, valid) {
                (_, true) => Ok(ClientAuthentication::Secret),
                (true, false) => Err(Refused::ExpiredSecret),
                (false, false) => Err(Refused::WrongSecret),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(value: &str, start: i64, end: i64) -> Credential {
        let second = |second| Timestamp::from_second(second).unwrap();
        Credential::Secret(Secret { hash: SecretHash::of(value), start: second(start), end: second(end) })
    }

    #[test]
    fn a_secret_counts_from_its_start_until_its_end() {
        let registered = [secret("old", 0, 100), secret("new", 90, 200)];
        let try_at = |value: &str, second| {
            let presented = Presented::Secret(SecretHash::of(value));
            authenticate(&registered, &presented, Timestamp::from_second(second).unwrap())
        };
        assert_eq!(try_at("old", 99), Ok(ClientAuthentication::Secret));
        assert_eq!(try_at("new", 99), Ok(ClientAuthentication::Secret));
        assert_eq!(try_at("old", 100), Err(Refused::ExpiredSecret));
        assert_eq!(try_at("new", 89), Err(Refused::ExpiredSecret));
        assert_eq!(try_at("", 99), Err(Refused::WrongSecret));
        assert_eq!(try_at("olD", 99), Err(Refused::WrongSecret));
    }

    #[test]
    fn a_secret_given_twice_counts_while_one_of_them_is_valid() {
        let registered = [secret("same", 0, 100), secret("same", 0, 200)];
        let presented = Presented::Secret(SecretHash::of("same"));
        let now = Timestamp::from_second(150).unwrap();
        assert_eq!(authenticate(&registered, &presented, now), Ok(ClientAuthentication::Secret));
    }

    #[test]
    fn no_debug_shows_a_secret_or_its_hash() {
        let shown = format!("{:?}", secret("canary", 0, 1));
        assert!(shown.contains("[redacted]") && !shown.contains("canary"), "{shown}");
    }
}
