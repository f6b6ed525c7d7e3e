//! The rows of the suite, each with what is sent, what must come back, and the finding that a failure is evidence of.

use crate::findings::{self, Finding};

/// A row that the suite itself defines; the other rows are tokens of the stand-in's catalogue.
#[derive(Debug)]
pub(crate) struct OwnRow {
    /// The stable id.
    pub(crate) id: &'static str,
    /// The id of the finding that a wrong acceptance is evidence of.
    pub(crate) finding: &'static str,
    pub(crate) sent: &'static str,
    pub(crate) expected: &'static str,
}

const REFUSED: &str = "401 with a challenge";
const ACCEPTED: &str = "as a good token's";

const fn row(id: &'static str, finding: &'static str, sent: &'static str, expected: &'static str) -> OwnRow {
    OwnRow { id, finding, sent, expected }
}

/// The rows that the suite itself defines, in the order of a run. Rows of routes have the route behind their id.
pub(crate) static OWN_ROWS: [OwnRow; 34] = [
    row("route/without-token", "unguarded-route", "no token", REFUSED),
    row("route/without-role", "role-missing", "a token without roles", "403"),
    row("route/described", "unguarded-route", "no token, to an operation of the OpenAPI document", REFUSED),
    row("keys/announced", "availability", "a token signed with a key that was published before", ACCEPTED),
    row("keys/unannounced", "availability", "a token signed with a key that replaced all others", ACCEPTED),
    row(
        "keys/removed",
        "removed-key",
        "tokens signed with a key that is published no longer",
        "401 within 24 hours",
    ),
    row("keys/empty-set", "availability", "a good token while the key set is empty", ACCEPTED),
    row("keys/broken-set", "availability", "a good token while the key set is no JSON", ACCEPTED),
    row(
        "keys/authority-down",
        "availability",
        "a good token while the authority breaks connections",
        ACCEPTED,
    ),
    row(
        "keys/authority-slow",
        "availability",
        "a good token while the authority takes 3 s",
        "the same, in under 2 s",
    ),
    row("keys/other-issuer", "key-issuer", "a token signed with a published key of another issuer", REFUSED),
    row("request/scheme-in-capitals", "valid-refused", "`BEARER` and a good token", ACCEPTED),
    row("request/scheme-in-lower-case", "valid-refused", "`bearer` and a good token", ACCEPTED),
    row("request/no-scheme", "credential-syntax", "a good token without a scheme", REFUSED),
    row("request/basic", "credential-syntax", "Basic credentials", REFUSED),
    row("request/dpop-scheme", "bound-token", "a good token under the scheme DPoP", REFUSED),
    row("request/empty-credential", "credential-syntax", "`Bearer` alone", "400 or 401"),
    row(
        "request/two-headers-good-bad",
        "credential-syntax",
        "two headers, a good token and a bad one",
        "400 or 401",
    ),
    row(
        "request/two-headers-bad-good",
        "credential-syntax",
        "two headers, a bad token and a good one",
        "400 or 401",
    ),
    row(
        "request/two-headers-good-good",
        "credential-syntax",
        "two headers, twice a good token",
        "400 or 401",
    ),
    row("request/two-in-one-header", "credential-syntax", "one header with two tokens", "400 or 401"),
    row("request/token-in-query", "credential-syntax", "a good token in the query alone", REFUSED),
    row(
        "request/token-in-query-too",
        "credential-syntax",
        "a good token in the header and in the query",
        "400 or 401",
    ),
    row("request/replayed-prefix", "verified-prefix", "an accepted token with another signature", REFUSED),
    row(
        "request/method-override",
        "unguarded-route",
        "`X-HTTP-Method-Override: OPTIONS` without a token",
        REFUSED,
    ),
    row("token/other-tenant", "tenant", "a token that another tenant issued for the same API", REFUSED),
    row("token/other-api", "audience", "a token of the tenant for another API", REFUSED),
    row("expiry/leeway", "leeway", "tokens that ended ever longer ago", "401 after at most 5 minutes"),
    row("expiry/before-the-end", "valid-refused", "a token that leaves the leeway in 3 s", ACCEPTED),
    row("expiry/after-the-end", "cache", "the same token after that", REFUSED),
    row(
        "flood/fetches",
        "fetch-flood",
        "hundreds of tokens with made-up key ids",
        "at most a tenth as many fetches of keys",
    ),
    row(
        "flood/answers",
        "refusal",
        "hundreds of tokens with made-up key ids",
        "401, or 503 with Retry-After",
    ),
    row("flood/valid-callers", "availability", "good tokens during that flood", ACCEPTED),
    row("flood/afterwards", "availability", "a good token after that flood", ACCEPTED),
];

/// The finding that a row of the catalogue is evidence of. The first entry that the row's name begins with decides.
static CATALOGUE: [(&str, &str); 66] = [
    ("changed/", "signature"),
    ("signature/", "signature"),
    ("padding/", "signature-padding"),
    ("alg/", "alg-none"),
    ("hmac/", "algorithm-confusion"),
    ("rsa/", "algorithm-list"),
    ("foreign-key/", "key-choice"),
    ("kid/", "key-id"),
    ("who/tenant-other", "tenant"),
    ("who/tid-", "tenant-claim"),
    ("null/tid", "tenant-claim"),
    ("iss/", "issuer"),
    ("null/iss", "issuer"),
    ("version/other-issuer", "issuer"),
    ("version/v1-issuer", "issuer"),
    ("version/other-cloud", "issuer"),
    ("aud/list-of-another", "audience"),
    ("aud/list-of-a-number", "audience"),
    ("aud/list", "audience-form"),
    ("aud/upper-case", "audience-form"),
    ("aud/braces", "audience-form"),
    ("aud/space-behind", "audience-form"),
    ("version/v1-audience", "audience-form"),
    ("aud/", "audience"),
    ("null/aud", "audience"),
    ("user/scope-alone", "role-from-scp"),
    ("user/scope-in-an-apps-token", "role-from-scp"),
    ("user/", "user-token"),
    ("roles/missing", "role-missing"),
    ("roles/empty", "role-missing"),
    ("roles/null", "role-missing"),
    ("roles/other-case", "role-comparison"),
    ("roles/other", "role-missing"),
    ("roles/in-", "role-elsewhere"),
    ("roles/nested", "role-elsewhere"),
    ("roles/type-", "role-type"),
    ("roles/", "role-comparison"),
    ("time/expired-just", "leeway"),
    ("time/exp-huge", "lifetime"),
    ("time/exp-u64", "lifetime"),
    ("time/exp-year-10000", "lifetime"),
    ("time/exp-milliseconds", "lifetime"),
    ("time/lifetime", "lifetime"),
    ("time/exp", "expiry"),
    ("null/exp", "expiry"),
    ("time/nbf-missing", "required-claim"),
    ("null/nbf", "required-claim"),
    ("time/nbf-", "not-before"),
    ("time/iat-", "issued-at"),
    ("null/iat", "issued-at"),
    ("who/ver-", "token-version"),
    ("null/ver", "token-version"),
    ("version/", "token-version"),
    ("who/app-with-scope", "user-token"),
    ("who/", "identity"),
    ("null/", "identity"),
    ("header/typ-", "type"),
    ("header/cty-", "token-kind"),
    ("header/nested-jwt", "token-kind"),
    ("header/", "critical-header"),
    ("other/bound-", "bound-token"),
    ("other/", "token-kind"),
    ("json/exp-", "number-range"),
    ("json/iat-", "number-range"),
    ("json/", "json"),
    ("repeated/", "json"),
];

/// Returns the finding that the acceptance of a bad token of the catalogue is evidence of.
///
/// A name that no entry fits is evidence of `encoding`, to which `base64/` and `segments/` belong.
pub(crate) fn finding_of_token(name: &str) -> &'static Finding {
    let is_secret = name.starts_with("hmac/") && name.contains("-secret-");
    let id = CATALOGUE.iter().find(|(prefix, _)| name.starts_with(prefix)).map_or("encoding", |(_, id)| *id);
    named(if is_secret { "weak-secret" } else { id })
}

/// Returns the row with this id.
pub(crate) fn own(id: &str) -> &'static OwnRow {
    #[expect(clippy::expect_used, reason = "a test asks for each id that the code names")]
    OWN_ROWS.iter().find(|row| row.id == id).expect("a row of the table")
}

pub(crate) fn named(id: &str) -> &'static Finding {
    #[expect(clippy::expect_used, reason = "a test looks each id of the tables up")]
    findings::named(id).expect("a finding of the table")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::FINDINGS;

    #[test]
    fn every_id_is_unique_and_every_reference_leads_somewhere() {
        let ids: std::collections::HashSet<_> = FINDINGS.iter().map(|finding| finding.id).collect();
        assert_eq!(ids.len(), FINDINGS.len());
        for id in CATALOGUE.iter().map(|(_, id)| id).chain(OWN_ROWS.iter().map(|row| &row.finding)) {
            assert!(ids.contains(id), "{id}");
        }
        assert!(FINDINGS.iter().flat_map(|finding| finding.implied_by).all(|id| ids.contains(id)));
        let rows: std::collections::HashSet<_> = OWN_ROWS.iter().map(|row| row.id).collect();
        assert_eq!(rows.len(), OWN_ROWS.len());
    }

    #[test]
    fn the_worst_findings_come_first() {
        assert!(FINDINGS.is_sorted_by(|one, other| one.severity >= other.severity));
    }
}
