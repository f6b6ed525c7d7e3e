//! Strict mode: what Entra takes from libraries, but its documentation and RFC 7523 do not allow.
//!
//! It holds a client to the standard. <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp};
use shared::ids::ClientId;

use super::assertion::{Assertion, Audience};
use super::place::Place;

/// The longest life of an assertion.
const MAX_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// The most assertions of a tenant that are remembered at a time, at some 100 bytes each; room for a client that makes
/// one for each request of a load test.
const MAX_SEEN: usize = 100_000;

/// The same of a tenant that a test made; there may be a thousand of them.
const MAX_SEEN_OF_A_TEST: usize = 10_000;

/// The ids of a tenant's assertions that were used, each until it expires. A restart forgets them.
#[derive(Debug)]
pub(crate) struct SeenAssertions {
    most: usize,
    seen: Mutex<HashMap<Vec<u8>, Timestamp>>,
}

/// The rule that an assertion breaks by its form, if it breaks one.
pub(super) fn broken_rule(assertion: &Assertion<'_>, place: &Place<'_>) -> Option<&'static str> {
    let (header, claims) = (&assertion.header, &assertion.claims);
    let times = [claims.exp, claims.nbf, claims.iat];
    let life = claims.exp.zip(claims.nbf.or(claims.iat)).map(|(exp, from)| exp.at.duration_since(from.at));
    let rules = [
        (assertion.padded, "the segments of a JWS are not padded"),
        (header.alg != "PS256", "`alg` is PS256"),
        (header.typ.as_deref() != Some("JWT"), "`typ` is JWT"),
        (header.x5t_s256.is_none(), "`x5t#S256` names the certificate"),
        (
            header.x5t_s256.as_ref().is_some_and(|text| text.contains(['+', '/', '='])),
            "`x5t#S256` is in base64url without padding",
        ),
        (!matches!(claims.aud, Some(Audience::One(_))), "`aud` is one text"),
        (
            claims.aud.iter().flat_map(Audience::values).any(|aud| !place.is_documented_audience(aud)),
            "`aud` is the v2.0 token endpoint of the tenant, by its id",
        ),
        (times.iter().any(Option::is_none), "`exp`, `nbf` and `iat` are there"),
        (times.iter().flatten().any(|time| !time.is_integer), "`exp`, `nbf` and `iat` are whole numbers"),
        (life.is_some_and(|life| life > MAX_LIFE), "an assertion lives for 10 minutes at most"),
        (claims.jti.as_ref().is_none_or(String::is_empty), "`jti` is there"),
    ];
    rules.into_iter().find_map(|(broken, rule)| broken.then_some(rule))
}

impl SeenAssertions {
    /// Those of a tenant that a test made.
    pub(crate) fn of_a_test() -> Self {
        Self { most: MAX_SEEN_OF_A_TEST, ..Self::default() }
    }

    /// Remembers a client's verified assertion until `expiry`; whether it was used before, as a rule that it breaks.
    pub(super) fn remember(
        &self,
        client: ClientId,
        jti: &str,
        expiry: Timestamp,
        now: Timestamp,
    ) -> Result<(), &'static str> {
        let key = digest(&SHA256, format!("{client} {jti}").as_bytes()).as_ref().to_vec();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.get(&key).is_some_and(|expiry| now < *expiry) {
            return Err("an assertion is used once: this `jti` was seen before");
        }
        if seen.len() >= self.most {
            seen.retain(|_, expiry| now < *expiry);
        }
        // None is forgotten before its time, which would let it be used again.
        if seen.len() >= self.most {
            return Err("too many assertions at a time");
        }
        seen.insert(key, expiry);
        Ok(())
    }
}

impl Default for SeenAssertions {
    fn default() -> Self {
        Self { most: MAX_SEEN, seen: Mutex::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_assertion_is_used_once_while_it_lasts_and_the_store_is_bounded() {
        let seen = SeenAssertions::of_a_test();
        let [one, two] = [1, 2].map(|number| ClientId::from(uuid::Uuid::from_u128(number)));
        assert!(seen.remember(one, "a", second(100), second(0)).is_ok());
        assert!(seen.remember(one, "a", second(100), second(99)).is_err());
        assert!(seen.remember(two, "a", second(100), second(0)).is_ok());
        for number in 0..MAX_SEEN_OF_A_TEST {
            let full = seen.remember(one, &number.to_string(), second(50), second(0)).is_err();
            assert_eq!(full, number >= MAX_SEEN_OF_A_TEST - 2);
        }
        assert!(seen.remember(one, "b", second(200), second(60)).is_ok());
        assert!(seen.remember(two, "a", second(100), second(60)).is_err());
    }
}
