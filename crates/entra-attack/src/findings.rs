//! The mistakes that an API can make. Each row of the suite is evidence of one of them.

use serde::{Deserialize, Serialize};

/// The severity of a failed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The answer is a refusal, but a wrong one, or a valid caller is refused.
    Polite,
    /// A token is accepted that only Entra's own key could have made.
    Strict,
    /// A token is accepted that Entra's key never signed, or signed for another party.
    Fatal,
}

impl Severity {
    /// Returns its name in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Polite => "polite",
            Self::Strict => "strict",
            Self::Fatal => "fatal",
        }
    }
}

/// The kind of rule that demands that a row passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// An RFC that holds for every API with bearer tokens.
    Rfc,
    /// Entra's own validation rules.
    Entra,
    /// No rule demands it. The row measures a choice, such as the leeway for clocks.
    Choice,
}

/// A mistake that an API can make, with its meaning and its remedy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The stable id.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) severity: Severity,
    pub(crate) basis: Basis,
    /// The rule that is broken, as an RFC section, a page of Entra's documentation, or a CVE of the same class.
    pub(crate) why: &'static str,
    pub(crate) remedy: &'static str,
    /// Mistakes that alone make the rows of this one fail as well.
    pub(crate) implied_by: &'static [&'static str],
}

const CLAIMS: &str = "https://learn.microsoft.com/entra/identity-platform/claims-validation";

const fn finding(
    (id, severity, basis): (&'static str, Severity, Basis),
    title: &'static str,
    why: &'static str,
    remedy: &'static str,
) -> Finding {
    Finding { id, title, severity, basis, why, remedy, implied_by: &[] }
}

impl Finding {
    const fn implied_by(mut self, others: &'static [&'static str]) -> Self {
        self.implied_by = others;
        self
    }
}

use Basis::{Choice, Entra, Rfc};
use Severity::{Fatal, Polite, Strict};

/// All findings, the worst first.
pub(crate) static FINDINGS: [Finding; 44] = [
    finding(
        ("signature", Fatal, Rfc),
        "The signature is not verified",
        "RFC 7515 section 5.2; CVE-2015-9235",
        "Verify the signature with the key of the tenant's key set that `kid` names, before any claim is read.",
    ),
    finding(
        ("signature-padding", Fatal, Rfc),
        "The signature's padding is not compared as a whole",
        "RFC 8017 section 8.2.2; CVE-2006-4339, CVE-2020-28042",
        "Verify RSA signatures with a maintained library that compares the whole encoded message.",
    )
    .implied_by(&["signature"]),
    finding(
        ("verified-prefix", Fatal, Rfc),
        "A remembered token is recognized without its signature",
        "RFC 7515 section 5.2",
        "Key a cache of verified tokens by the whole token, or by a hash of all of it.",
    )
    .implied_by(&["signature"]),
    finding(
        ("alg-none", Fatal, Rfc),
        "Unsigned tokens (`alg: none`) are accepted",
        "RFC 8725 section 3.1 and 3.2; CVE-2015-2951",
        "Allow RS256 alone, by an exact comparison.",
    ),
    finding(
        ("algorithm-confusion", Fatal, Rfc),
        "A public key is taken for the secret of an HMAC",
        "RFC 8725 section 2.1 and 3.1; CVE-2015-9235, CVE-2022-29217, CVE-2024-33663",
        "Allow RS256 alone, and bind each key to its algorithm.",
    ),
    finding(
        ("weak-secret", Fatal, Rfc),
        "Tokens signed with a guessable secret are accepted",
        "RFC 8725 section 2.2 and 3.5; CVE-2019-20933",
        "Allow RS256 alone, and remove secrets from the validation settings.",
    ),
    finding(
        ("key-choice", Fatal, Rfc),
        "A token chooses the key that verifies it",
        "RFC 8725 section 3.10; CVE-2018-0114",
        "Ignore `jwk`, `jku`, `x5u` and `x5c`. Take keys from the tenant's key set alone.",
    )
    .implied_by(&["signature"]),
    finding(
        ("key-issuer", Fatal, Entra),
        "A key of another issuer verifies the API's tokens",
        "Entra, \"Validate the signing key issuer\", https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer",
        "Compare the key's `issuer` with the token's, after replacing `{tenantid}` by `tid`.",
    ),
    finding(
        ("tenant", Fatal, Entra),
        "Tokens of any tenant are accepted",
        CLAIMS,
        "Compare `iss` and `tid` with the tenants that the API serves.",
    ),
    finding(
        ("audience", Fatal, Rfc),
        "Tokens for other APIs are accepted",
        "RFC 7519 section 4.1.3; RFC 8725 section 3.9",
        "Compare `aud` with the API's client id (v2.0), or with its App ID URI (v1.0).",
    ),
    finding(
        ("role-from-scp", Fatal, Entra),
        "A user's scope counts as an app role",
        CLAIMS,
        "Read app roles from `roles` alone; `scp` holds what a user delegated.",
    ),
    finding(
        ("role-missing", Fatal, Entra),
        "The app role is not checked",
        "https://learn.microsoft.com/entra/identity-platform/scenario-protected-web-api-verification-scope-app-roles",
        "Require the role in `roles`: any app of the tenant can acquire a token without roles.",
    ),
    finding(
        ("unguarded-route", Fatal, Rfc),
        "A route answers without a token",
        "RFC 6750 section 3",
        "Guard every route by default, and name those that are public.",
    ),
    finding(
        ("role-comparison", Strict, Entra),
        "A text that resembles the role counts as the role",
        CLAIMS,
        "Compare each element of `roles` with the role, exactly and as a whole.",
    )
    .implied_by(&["role-missing"]),
    finding(
        ("role-elsewhere", Strict, Entra),
        "Roles are read from other claims than `roles`",
        CLAIMS,
        "Read app roles from the top-level claim `roles` alone.",
    )
    .implied_by(&["role-missing"]),
    finding(
        ("role-type", Strict, Entra),
        "A `roles` claim that is no list of texts is accepted",
        "RFC 8725 section 3.8; Entra always sends an array of strings",
        "Refuse a token whose `roles` is not an array of strings.",
    )
    .implied_by(&["role-missing"]),
    finding(
        ("user-token", Strict, Entra),
        "A user's token is accepted in place of an app's",
        CLAIMS,
        "Refuse tokens with `scp` at an API for apps alone; test an API for both with `--accepts-users`.",
    ),
    finding(
        ("issuer", Strict, Rfc),
        "`iss` is not compared exactly",
        "RFC 7519 section 4.1.1; RFC 8725 section 3.8; CVE-2024-53861",
        "Compare `iss` as a whole, byte by byte, with the tenant's issuer.",
    ),
    finding(
        ("tenant-claim", Strict, Entra),
        "`tid` is not checked",
        CLAIMS,
        "Require `tid` to be a GUID that agrees with `iss`.",
    ),
    finding(
        ("audience-form", Strict, Entra),
        "`aud` is compared loosely",
        CLAIMS,
        "Entra sends one text: compare it exactly. Entra's v1.0 audiences do not belong into v2.0 tokens.",
    )
    .implied_by(&["audience"]),
    finding(
        ("expiry", Strict, Rfc),
        "Expired tokens are accepted",
        "RFC 7519 section 4.1.4",
        "Require `exp`, a number, and refuse a token after it.",
    ),
    finding(
        ("cache", Strict, Rfc),
        "A remembered token is accepted after its end",
        "RFC 7519 section 4.1.4",
        "Check `exp` at each use of a remembered token, or forget it then.",
    )
    .implied_by(&["expiry"]),
    finding(
        ("lifetime", Strict, Entra),
        "A lifetime that Entra never grants is accepted",
        "https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes: 24 hours at most, 28 with continuous access evaluation",
        "Refuse tokens whose `exp` is more than 28 hours after `iat`.",
    )
    .implied_by(&["expiry"]),
    finding(
        ("not-before", Strict, Rfc),
        "`nbf` is not checked",
        "RFC 7519 section 4.1.5",
        "Refuse a token before its `nbf`, with at most five minutes of leeway.",
    ),
    finding(
        ("issued-at", Strict, Entra),
        "`iat` is not checked",
        "RFC 7519 section 4.1.6; Entra always sends it",
        "Require `iat`, a number, which is neither in the future nor after `exp`.",
    ),
    finding(
        ("required-claim", Strict, Entra),
        "A claim that Entra always sends may be missing",
        CLAIMS,
        "Refuse a token without `nbf`, or with a claim that is `null`.",
    )
    .implied_by(&["not-before"]),
    finding(
        ("token-version", Strict, Entra),
        "Versions of tokens are mixed",
        "https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats",
        "Require `ver` to agree with the issuer, and read the claims of that version.",
    ),
    finding(
        ("identity", Strict, Entra),
        "The caller's ids are not checked",
        CLAIMS,
        "Require `oid` and the client's id as GUIDs, and `sub` to agree with `oid` in an app's token.",
    ),
    finding(
        ("algorithm-list", Strict, Rfc),
        "Other algorithms than RS256 are accepted",
        "RFC 8725 section 3.1",
        "Allow RS256 alone, by an exact comparison.",
    )
    .implied_by(&["signature"]),
    finding(
        ("key-id", Strict, Entra),
        "`kid` does not decide which key verifies",
        "https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-signature",
        "Take the key with exactly this `kid`, and try no other.",
    )
    .implied_by(&["signature"]),
    finding(
        ("critical-header", Strict, Rfc),
        "Header members that must be understood are ignored",
        "RFC 7515 section 4.1.11; RFC 7797 section 6; CVE-2025-59420",
        "Refuse tokens with `crit`, `b64`, `zip` or members of an encryption.",
    ),
    finding(
        ("token-kind", Strict, Rfc),
        "Another kind of token counts as an access token",
        "RFC 8725 section 2.8 and 3.11; RFC 9068 section 4",
        "Check `aud`, `typ` and the claims that only access tokens have.",
    )
    .implied_by(&["audience"]),
    finding(
        ("bound-token", Strict, Rfc),
        "A token bound to a key is accepted without proof of the key",
        "RFC 8705 section 3; RFC 9449 section 7.1",
        "Refuse tokens with `cnf`, or check the proof.",
    ),
    finding(
        ("json", Strict, Rfc),
        "Ambiguous or malformed JSON is accepted",
        "RFC 8725 section 2.4; RFC 7515 section 4 (repeated members); RFC 8259",
        "Refuse repeated members, invalid UTF-8, and anything after the object.",
    ),
    finding(
        ("number-range", Strict, Rfc),
        "Numbers out of range are accepted as times",
        "RFC 7519 section 2 (NumericDate)",
        "Refuse times that no clock can show.",
    )
    .implied_by(&["expiry"]),
    finding(
        ("encoding", Strict, Rfc),
        "Malformed base64url or a wrong number of parts is accepted",
        "RFC 7515 section 2, 5.2 and 7.1; RFC 4648 section 3.5",
        "Decode base64url strictly: no padding, no white space, no stray bits, three parts.",
    )
    .implied_by(&["signature"]),
    finding(
        ("credential-syntax", Strict, Rfc),
        "A request with several or misplaced credentials is accepted",
        "RFC 6750 section 2 and 2.3; RFC 9700 section 4.3.2",
        "Accept one `Authorization` header, and no token in a query.",
    ),
    finding(
        ("fetch-flood", Strict, Entra),
        "Each made-up key id makes the API fetch keys",
        "https://learn.microsoft.com/entra/identity-platform/signing-key-rollover; RFC 8725 section 2.9",
        "Limit how often an unknown `kid` may cause a fetch, for instance to once in 30 seconds.",
    ),
    finding(
        ("removed-key", Strict, Entra),
        "A removed key is used for longer than a day",
        "https://learn.microsoft.com/entra/identity-platform/signing-key-rollover",
        "Fetch the key set at least once a day, and forget keys that are gone.",
    ),
    finding(
        ("leeway", Strict, Choice),
        "The leeway for clocks is more than five minutes",
        "RFC 7519 section 4.1.4 (\"usually no more than a few minutes\")",
        "Reduce the leeway to five minutes or less.",
    )
    .implied_by(&["expiry"]),
    finding(
        ("type", Strict, Choice),
        "`typ` is not checked",
        "RFC 8725 section 3.11; Entra sends `JWT`",
        "Refuse tokens of other types.",
    ),
    finding(
        ("refusal", Polite, Rfc),
        "A refusal has the wrong status, or no challenge",
        "RFC 6750 section 3 and 3.1; RFC 9110 section 15.5.2",
        "Answer 401 with `WWW-Authenticate: Bearer` to an invalid token, 403 to a missing role, 400 to malformed credentials.",
    ),
    finding(
        ("valid-refused", Polite, Entra),
        "A valid token is refused",
        CLAIMS,
        "Ignore unknown claims and members, and accept what the catalogue lists as valid.",
    ),
    finding(
        ("availability", Polite, Entra),
        "Valid callers suffer from the authority's trouble",
        "https://learn.microsoft.com/entra/identity-platform/signing-key-rollover",
        "Keep the last good keys, fetch in the background, and fetch at once if a token names a new key.",
    ),
];

/// Returns the finding with this id.
pub(crate) fn named(id: &str) -> Option<&'static Finding> {
    FINDINGS.iter().find(|finding| finding.id == id)
}
