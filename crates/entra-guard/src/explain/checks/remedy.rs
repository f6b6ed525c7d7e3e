//! Remedies for failed checks.

use entra_shared::azure_ad::Version;

use crate::authentication::{Claims, Examination, TokenFault};

/// Returns the name of the check, and what to do if it fails.
pub(super) fn describe(fault: TokenFault, examination: &Examination<'_>) -> (&'static str, String) {
    let claims = |remedy: fn(&Examination<'_>, &Claims) -> String| {
        examination.claims.as_ref().map(|claims| remedy(examination, claims)).unwrap_or_default()
    };
    match fault {
        TokenFault::TooLarge => ("size", TOO_LARGE.into()),
        TokenFault::Malformed => ("form", MALFORMED.into()),
        TokenFault::Algorithm => ("algorithm", ALGORITHM.into()),
        TokenFault::Type => ("type", TYPE.into()),
        TokenFault::HeaderMember => ("header members", HEADER_MEMBER.into()),
        TokenFault::KeyId => ("key id", KEY_ID.into()),
        TokenFault::Claims => ("claims", malformed_claims(examination)),
        TokenFault::SenderConstrained => ("sender constraint", SENDER_CONSTRAINED.into()),
        TokenFault::Version => ("version", claims(version)),
        TokenFault::Issuer => ("issuer", claims(issuer)),
        TokenFault::Tenant => ("tenant", claims(tenant)),
        TokenFault::Audience => ("audience", claims(audience)),
        TokenFault::Expired => ("expiry", claims(expired)),
        TokenFault::NotYetValid => ("start", claims(not_yet_valid)),
        TokenFault::Lifetime => ("lifetime", claims(lifetime)),
        TokenFault::Subject => ("subject", claims(subject)),
        TokenFault::KeyUnknown => ("signing key", KEY_UNKNOWN.into()),
        TokenFault::KeyIssuer => ("key's issuer", KEY_ISSUER.into()),
        TokenFault::Signature => ("signature", SIGNATURE.into()),
    }
}

const TOO_LARGE: &str =
    "longer than 16 KiB, which no access token for an app is; send fewer roles or groups in it";
const MALFORMED: &str = "not a JWT in compact form: three parts of canonical base64url with a dot between them, the \
    first two JSON objects without repeated members; copy it whole, without quotes or line breaks";
const ALGORITHM: &str =
    "`alg` is not RS256, the only algorithm Entra signs access tokens with; this one is not Entra's";
const TYPE: &str =
    "`typ` is not an access token's (JWT or at+jwt); send the access token, and not another kind";
const HEADER_MEMBER: &str = "the header has crit, b64, zip, enc, cty, epk or p2c, none of which Entra writes; this one is not Entra's";
const KEY_ID: &str = "the header has no usable `kid`; Entra always names the key, so this one is not Entra's";
const SENDER_CONSTRAINED: &str =
    "the token has `cnf`, so it is of use only with a proof this API does not take; ask for a bearer token";
const KEY_UNKNOWN: &str = "the authority of azure_ad.instance publishes no key of that name: the token is from another \
    authority (another cloud, the local stand-in), or its key was withdrawn; get a new token, and check \
    azure_ad.instance and azure_ad.tenant_id; a registration with claims mapping has a custom signing key: set \
    azure_ad.custom_signing_key";
const KEY_ISSUER: &str = "the key is published for another issuer than the token's; this one is not Entra's";
const SIGNATURE: &str = "the key that the token names did not sign it: the token was changed, or cut when it was \
    copied, or it was forged; get a new one";

fn malformed_claims(examination: &Examination<'_>) -> String {
    let problem = examination.problem.as_deref();
    let problem = problem.unwrap_or("missing azp (v2.0) or appid (v1.0), the client's id");
    format!("{problem}; no access token of Entra for an app is like that, but an ID token may be")
}

fn version(examination: &Examination<'_>, claims: &Claims) -> String {
    let accepted: Vec<_> =
        examination.expectations.versions().iter().map(|version| version.as_str()).collect();
    format!(
        "`ver` is {}, and azure_ad.accepted_token_versions is {accepted:?}; add it there, or set \
         requestedAccessTokenVersion in the API's registration, which decides the version",
        claims.ver
    )
}

fn issuer(examination: &Examination<'_>, claims: &Claims) -> String {
    format!(
        "`iss` is {:?}; v{} tokens of this instance and tenant have {:?}; check azure_ad.instance and \
         azure_ad.tenant_id, and which tenant the client asks",
        claims.iss,
        claims.ver,
        examination.expectations.issuer(claims).unwrap_or_default()
    )
}

fn tenant(_: &Examination<'_>, claims: &Claims) -> String {
    format!(
        "`tid` is {}, which is neither azure_ad.tenant_id nor among azure_ad.accepted_tenants; check both, and which \
         tenant the client asks",
        claims.tid
    )
}

fn audience(examination: &Examination<'_>, claims: &Claims) -> String {
    /// The identifiers of Microsoft Graph, a resource that clients often request because they copied a sample.
    const GRAPH: [&str; 3] = [
        "00000003-0000-0000-c000-000000000000",
        "https://graph.microsoft.com",
        "https://graph.microsoft.com/",
    ];
    let accepted = examination.expectations.audiences(claims.ver).join(" or ");
    let found = format!("`aud` is {:?}, and this API is {accepted}", claims.aud);
    if GRAPH.contains(&claims.aud.as_str()) {
        format!("{found}: the token is for Microsoft Graph; ask for the scope api://<this API>/.default")
    } else if claims.ver == Version::V1 {
        format!(
            "{found}: it is what the client asked for, because requestedAccessTokenVersion is 1 in the API's \
             registration; if it is an App ID URI of this API, add it to azure_ad.app_id_uris, else ask for this API"
        )
    } else {
        format!("{found}: the token is for another API; ask for the scope api://<this API>/.default")
    }
}

fn expired(examination: &Examination<'_>, claims: &Claims) -> String {
    let ago = span(examination.now.saturating_sub(claims.exp));
    format!("expired {ago} ago by this machine's clock; get a new token, or check the clock")
}

fn not_yet_valid(examination: &Examination<'_>, claims: &Claims) -> String {
    let ahead = span(claims.nbf.max(claims.iat).saturating_sub(examination.now));
    format!("valid only in {ahead} by this machine's clock; check the clock, Entra back-dates its tokens")
}

fn lifetime(_: &Examination<'_>, claims: &Claims) -> String {
    let life = span(claims.exp.saturating_sub(claims.nbf.min(claims.iat)));
    format!(
        "`iat`, `nbf` and `exp` span {life} or contradict each other; no token of Entra's spans more than 28 h"
    )
}

fn subject(_: &Examination<'_>, claims: &Claims) -> String {
    let idtyp = claims.idtyp.as_deref().unwrap_or("absent");
    let same = if claims.sub == claims.oid.to_string() { "the same" } else { "different" };
    let scp = if claims.scp.is_some() { "present" } else { "absent" };
    format!(
        "neither clearly an app's nor a user's: `idtyp` is {idtyp:?}, `sub` and `oid` are {same}, `scp` is {scp}; get the \
         token with the client credentials grant"
    )
}

/// Formats a number of seconds for people.
fn span(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    match (seconds / 86_400, seconds / 3_600, seconds / 60) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {} min", minutes % 60),
        (days, hours, _) => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_what_people_count_in() {
        let spans = [0, 59, 60, 3_599, 3_661, 86_399, 90_000, -180, i64::MIN].map(span);
        let expected = [
            "0 s",
            "59 s",
            "1 min",
            "59 min",
            "1 h 1 min",
            "23 h 59 min",
            "1 d 1 h",
            "3 min",
            "106751991167300 d 15 h",
        ];
        assert_eq!(spans, expected);
    }
}
