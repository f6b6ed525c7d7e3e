//! Every word that a record of a decision has as its `reason` and a problem as its `code`: what it means, what mends it.

use super::RequestError;

/// A code of this API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonCode {
    /// The word: once published, it does not change.
    pub code: &'static str,
    /// What happened.
    pub meaning: &'static str,
    /// What to do about it, and whose turn it is.
    pub remedy: &'static str,
}

/// All codes: of decisions first, then of requests that were let in and are wrong in another way.
pub fn codes() -> impl Iterator<Item = ReasonCode> {
    let of_request = |error: &RequestError| ReasonCode {
        code: error.code(),
        meaning: error.text(),
        remedy: "The client corrects the request.",
    };
    DECISIONS.into_iter().chain(RequestError::ALL.iter().map(of_request))
}

/// What a decision's code means; nothing for a word that is none.
pub(super) fn meaning(code: &str) -> &'static str {
    of(code).map_or("", |decision| decision.meaning)
}

/// What mends a refusal of this code; nothing for a word that is none.
pub(super) fn remedy(code: &str) -> &'static str {
    of(code).map_or("", |decision| decision.remedy)
}

fn of(code: &str) -> Option<&'static ReasonCode> {
    DECISIONS.iter().find(|decision| decision.code == code)
}

macro_rules! decisions {
    ($($code:literal, $meaning:literal, $remedy:literal;)+) => {
        static DECISIONS: [ReasonCode; [$($code),+].len()] =
            [$(ReasonCode { code: $code, meaning: $meaning, remedy: $remedy }),+];
    };
}

decisions! {
    "granted", "A policy said yes.", "Nothing.";

    // No validated token.
    "token_missing", "No access token was sent.",
        "The client acquires a token and sends it as `Authorization: Bearer <token>`.";
    "several_credentials", "More than one Authorization header was sent.", "The client sends one.";
    "token_in_query", "An access token was sent in the query as well.",
        "The client sends it in the Authorization header alone; the one in the query is to be taken as leaked.";
    "credential_syntax", "The Authorization header is not of the form `Bearer <token>`.",
        "The client sends the scheme, one space and the token as it was issued.";
    "token_too_large", "The access token is larger than 16 KiB.",
        "The administrator looks for what fills it; an app's token is a few kilobytes.";
    "token_malformed", "The access token is not a signed JWT.",
        "The client sends the access token as it was issued, whole, and not another text.";
    "algorithm_not_allowed", "The access token is not signed with RS256.", "The client sends a token of Entra ID's.";
    "type_not_allowed", "The JWT is of another kind than an access token.",
        "The client sends the access token, and neither an ID token nor its own assertion.";
    "header_member_not_allowed", "The token's header asks for an extension that is not supported.",
        "The client sends a token of Entra ID's.";
    "key_id_missing", "The access token does not name its signing key.", "The client sends a token of Entra ID's.";
    "claims_malformed", "A claim is missing or malformed.", "The client sends an access token for this API.";
    "token_sender_constrained", "The access token is bound to a key that was not proved.",
        "The client acquires a plain bearer token.";
    "version_not_accepted", "The access token is of a version that this API does not accept.",
        "The administrator sets requestedAccessTokenVersion of this API's registration, or this API accepts the version \
         (azure_ad.accepted_token_versions).";
    "issuer_mismatch", "The access token was issued by another authority or tenant.",
        "The client asks the tenant of this API, in the same cloud.";
    "tenant_mismatch", "The access token was issued for another tenant.", "The client asks the tenant of this API.";
    "audience_mismatch", "The access token was issued for another API.",
        "The client asks for the scope of this API: `api://<its client id>/.default`.";
    "token_expired", "The access token has expired.",
        "The client acquires a new one before the old one's time is up; if it did, a clock is wrong.";
    "token_not_yet_valid", "The access token is not valid yet.", "Somebody sets the clock of this machine.";
    "lifetime_not_plausible", "The access token's times contradict each other.",
        "The client sends a token of Entra ID's.";
    "subject_ambiguous", "The token does not say whether an app or a user is its subject.",
        "The administrator adds the optional claim `idtyp` to this API's registration.";
    "key_unknown", "The access token is signed with a key that the authority does not publish.",
        "The client sends a token of the tenant of this API; after a rollover, it tries again a little later.";
    "key_issuer_mismatch", "The access token is signed with another issuer's key.",
        "The client asks the tenant of this API.";
    "signature_invalid", "The access token was not signed by the key that it names.",
        "The client sends the token as it was issued. Whoever reads this often is looking at forged tokens.";
    "keys_unavailable", "There is no key set to judge the access token by, or none that is new enough.",
        "The client tries again later, with the same token; the operator looks at this API's way to the authority.";
    "abandoned", "The client went away before it was answered.", "Nothing.";
    "timed_out", "The request used up its time before it was answered.",
        "The client sends its body without pauses; if it did, the operator looks at what the request waited for.";
    "panicked", "This API panicked before the request was answered.", "The operator reads the log by the request's id.";
    "not_authenticated", "The request was refused before it was judged.", "The operator looks at the request's log.";

    // A validated token, and a policy that said no.
    "not_app_only", "The access token is a user's.",
        "The client acquires a token for itself, with the client credentials grant.";
    "credential_too_weak", "The app proved who it is by less than the policy demands.",
        "The client acquires its token with a certificate or a federated credential.";
    "role_missing", "The app was not granted the app role.",
        "The administrator grants the role to the app and consents to it; the client then acquires a new token.";
    "client_not_allowed", "The app is not among those that this API lists for the policy.",
        "The operator adds it to [[authorization.clients]], or leaves it out on purpose.";
    "not_creator", "Another app created the resource.", "The app that created it makes the change.";
    "target_missing", "A policy about a resource was asked without one.", "This API is to be mended.";
    "vetoed", "A handler vetoed.", "The operator looks at what the handler is for.";
    "policy_not_in_use", "A policy was asked that guards no route.", "This API is to be mended.";
    "no_policy", "No policy was asked.", "This API is to be mended.";

    // Not the caller's doing.
    "store_unavailable", "The database did not answer.", "The client tries again later; the operator reads the log.";
    "resource_unreadable", "What is stored of the resource is damaged.",
        "The operator restores it, or a client that may deletes it; the log names it.";
    "not_ready", "The app is starting, or waiting for what it needs.", "The client tries again later.";
    "internal_error", "This API failed.", "The operator reads the log by the request's id.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use entra_guard::authentication::{AuthenticationError, RequestFault, TokenFault};
    use entra_guard::authorization::Requirement;

    #[test]
    fn every_code_that_can_occur_is_in_the_table_once_and_no_other() {
        let token = TokenFault::ALL.iter().map(|fault| fault.code());
        let request = RequestFault::ALL.iter().map(|fault| fault.code());
        let others = [AuthenticationError::NoCredential, AuthenticationError::KeysUnavailable];
        let requirements = [
            Requirement::app_only(),
            Requirement::confidential_client(),
            Requirement::role(entra_guard::authorization::Role::ResourceRead),
            Requirement::listed_client(BTreeSet::new()),
            Requirement::creator(),
            Requirement::target(),
        ];
        let fixed = [
            "granted",
            "abandoned",
            "timed_out",
            "panicked",
            "not_authenticated",
            "vetoed",
            "policy_not_in_use",
            "no_policy",
        ];
        let failures = ["store_unavailable", "resource_unreadable", "not_ready", "internal_error"];
        let mut expected: Vec<&str> = token.chain(request).collect();
        expected.extend(others.map(AuthenticationError::code));
        expected.extend(requirements.iter().map(Requirement::reason));
        expected.extend(RequestError::ALL.iter().map(|error| error.code()));
        expected.extend(fixed.into_iter().chain(failures));
        expected.sort_unstable();
        let mut table: Vec<&str> = codes().map(|code| code.code).collect();
        table.sort_unstable();
        assert_eq!(table, expected);
    }

    /// Programs act on these and dashboards count them: one that is gone or renamed breaks them. A new one is added here.
    const PUBLISHED: &str = "
        abandoned algorithm_not_allowed audience_mismatch claims_malformed client_not_allowed
        content_too_large credential_syntax credential_too_weak granted header_member_not_allowed
        idempotency_key_reused incomplete_body internal_error invalid_cursor invalid_idempotency_key
        invalid_if_match invalid_limit invalid_name invalid_query invalid_resource issuer_mismatch
        key_id_missing key_issuer_mismatch key_unknown keys_unavailable lifetime_not_plausible
        malformed_json method_not_allowed no_policy not_app_only not_authenticated not_creator not_ready
        panicked policy_not_in_use precondition_failed precondition_required request_timeout
        resource_not_found resource_unreadable role_missing route_not_found several_credentials signature_invalid
        store_unavailable subject_ambiguous target_missing tenant_mismatch timed_out token_expired
        token_in_query token_malformed token_missing token_not_yet_valid token_sender_constrained
        token_too_large type_not_allowed unsupported_media_type version_not_accepted vetoed
    ";

    #[test]
    fn the_codes_are_those_that_were_published() {
        let published: Vec<&str> = PUBLISHED.split_whitespace().collect();
        let mut table: Vec<&str> = codes().map(|code| code.code).collect();
        table.sort_unstable();
        assert_eq!(table, published);
    }

    #[test]
    fn every_code_is_a_word_and_says_what_mends_it() {
        for ReasonCode { code, meaning, remedy } in codes() {
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
            assert!(!meaning.is_empty() && !remedy.is_empty(), "{code}");
        }
    }
}
