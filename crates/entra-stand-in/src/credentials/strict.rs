//! Strict mode, which refuses what Entra accepts although its documentation or RFC 7523 forbids it.
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>

use jiff::SignedDuration;

use super::assertion::{Assertion, Audience, Header};
use super::tenant_address::TenantAddress;

/// The longest life of an assertion.
const MAX_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// Returns the rule that the header of any assertion breaks, a federated token's included.
pub(super) fn broken_header_rule(header: &Header) -> Option<&'static str> {
    let rules = [
        (header.zip, "`zip` belongs to an encrypted token"),
        (header.enc, "`enc` belongs to an encrypted token"),
    ];
    rules.into_iter().find_map(|(broken, rule)| broken.then_some(rule))
}

/// Returns the first rule that the assertion's header or claims break, without regard to its signature.
pub(super) fn broken_rule(assertion: &Assertion<'_>, address: &TenantAddress<'_>) -> Option<&'static str> {
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
            claims.aud.iter().flat_map(Audience::values).any(|aud| !address.is_documented_audience(aud)),
            "`aud` is the v2.0 token endpoint of the tenant, by its id",
        ),
        (times.iter().any(Option::is_none), "`exp`, `nbf` and `iat` are there"),
        (times.iter().flatten().any(|time| !time.is_integer), "`exp`, `nbf` and `iat` are whole numbers"),
        (life.is_some_and(|life| life > MAX_LIFE), "an assertion lives for 10 minutes at most"),
        (claims.jti.as_ref().is_none_or(String::is_empty), "`jti` is there"),
    ];
    rules.into_iter().find_map(|(broken, rule)| broken.then_some(rule))
}
