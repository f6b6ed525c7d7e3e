//! The reason codes: what each means and what to do about it.

/// A reason code of the guard, in the decision log and as the `code` of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReasonCode {
    /// The code. A published code does not change.
    pub code: &'static str,
    /// What happened.
    pub meaning: &'static str,
    /// What to do about it, and who does it.
    pub remedy: &'static str,
}

impl ReasonCode {
    /// Creates a code that an app adds to the guard's codes, for a table of all of them.
    #[must_use]
    pub const fn new(code: &'static str, meaning: &'static str, remedy: &'static str) -> Self {
        Self { code, meaning, remedy }
    }
}

/// Returns all reason codes of the guard. A team's own requirements add codes that are not listed here.
#[must_use]
pub fn codes() -> &'static [ReasonCode] {
    &CODES
}

/// Returns what a code means; empty for a code that is not the guard's.
pub(super) fn meaning(code: &str) -> &'static str {
    find(code).map_or("", |it| it.meaning)
}

/// Appends the remedy of a code to a text.
pub(super) fn with_remedy(text: &str, code: &str) -> String {
    let text = text.trim_end_matches('.');
    match find(code) {
        Some(it) => [text, ". ", it.remedy].concat(),
        None => text.to_owned(),
    }
}

fn find(code: &str) -> Option<&'static ReasonCode> {
    CODES.iter().find(|it| it.code == code)
}

macro_rules! codes {
    ($($code:literal, $meaning:literal, $remedy:literal;)+) => {
        static CODES: [ReasonCode; [$($code),+].len()] =
            [$(ReasonCode { code: $code, meaning: $meaning, remedy: $remedy }),+];
    };
}

codes! {
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
    "token_not_yet_valid", "The access token is not valid yet.", "The operator sets the clock of this machine.";
    "lifetime_not_plausible", "The access token's times contradict each other.",
        "The client sends a token of Entra ID's.";
    "subject_ambiguous", "The token does not say whether an app or a user is its subject.",
        "The administrator adds the optional claim `idtyp` to this API's registration.";
    "key_unknown", "The access token is signed with a key that the authority does not publish.",
        "The client sends a token of the tenant of this API; after a rollover, it tries again a little later. If the \
         registration has a custom signing key, the operator sets `azure_ad.custom_signing_key`.";
    "key_issuer_mismatch", "The access token is signed with another issuer's key.",
        "The client asks the tenant of this API.";
    "signature_invalid", "The access token was not signed by the key that it names.",
        "The client sends the token as it was issued. If this is frequent, someone is sending forged tokens.";
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
    "agent_not_allowed", "The app is an agent (Entra Agent ID), and the policy takes none.",
        "Another app makes the request, or a developer lets the policy take agents.";
    "role_missing", "The app was not granted the app role.",
        "The administrator grants the role to the app and consents to it; the client then acquires a new token.";
    "client_not_allowed", "The app is not among those that this API lists for the policy.",
        "The operator adds it to [[authorization.clients]], or leaves it out on purpose.";
    "not_creator", "Another app created the resource.", "The app that created it makes the change.";
    "vetoed", "A handler vetoed.", "The operator looks at what the handler is for.";
    "no_policy", "No policy was evaluated.", "A developer fixes this API.";

    // A valid token, and no route.
    "route_not_found", "There is nothing at this path.", "The client corrects the path.";
    "method_not_allowed", "The path does not have this method.", "The client corrects the method.";

    // Not the caller's doing.
    "internal_error", "This API failed.", "The operator reads the log by the request's id.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use entra_shared::ids::{ClientId, TenantId};
    use http::Method;
    use uuid::Uuid;

    use super::*;
    use crate::AppRole;
    use crate::answers::Refusal;
    use crate::authentication::{Agent, AuthenticationError, RequestFault, TokenFault};
    use crate::policy::{
        AppIdentity, Demands, Enforcement, ListedClient, Policy, Requirement, Requirements, ResourcePolicy,
        Rules, Subject,
    };

    struct ReadPolicy;

    impl Policy for ReadPolicy {
        const NAME: &'static str = "ReadPolicy";
        fn requirements() -> Requirements {
            let id = "c7e1b8f0-52d4-4c63-9f0e-6a1d3b8e2f51";
            Requirements::app().role(AppRole::new("Orders.Read", id, "Read orders."))
        }
    }

    struct OrderPolicy;

    impl ResourcePolicy for OrderPolicy {
        const NAME: &'static str = "OrderPolicy";
        type Resource = ();
        type Caller = ReadPolicy;
        fn requirements() -> Requirements<()> {
            Requirements::resource()
        }
        fn creator((): &()) -> Option<AppIdentity> {
            None
        }
    }

    /// The reason codes of the built-in requirements, from a caller that meets none of them.
    fn reasons() -> Vec<&'static str> {
        let caller = Subject { app_only: false, client_authentication: None, ..Subject::app(&[]) };
        let other = ListedClient {
            client_id: ClientId::from(Uuid::from_u128(99)),
            tenant_id: Some(TenantId::from(Uuid::from_u128(99))),
            name: "other".to_owned(),
            policies: vec!["ReadPolicy".to_owned()],
        };
        let demands = Demands::default()
            .write_requires_certificate(Enforcement::Enforced)
            .only_creator_changes(Enforcement::Enforced)
            .clients(vec![other], Enforcement::Enforced);
        let of_caller = Rules::for_policy::<ReadPolicy>(&Method::POST, &demands).unwrap();
        let of_resource = Rules::for_resource_policy::<OrderPolicy>(&Method::POST, &demands).unwrap();
        let of_caller = of_caller.evaluate(&caller, &()).unwrap_err().reasons;
        let agent = Some(Agent::default());
        let no_agents = Rules::<()>::new("NoAgents", vec![Requirement::no_agents()]).unwrap();
        let of_agent = no_agents.evaluate(&Subject { agent, ..caller }, &()).unwrap_err().reasons;
        [of_caller, of_resource.evaluate(&caller, &()).unwrap_err().reasons, of_agent].concat()
    }

    #[test]
    fn every_code_that_can_occur_is_in_the_table_once_and_no_other() {
        let others = [AuthenticationError::NoCredential, AuthenticationError::KeysUnavailable];
        let refusals = [Refusal::RouteNotFound, Refusal::MethodNotAllowed, Refusal::Internal];
        let logged =
            ["granted", "abandoned", "timed_out", "panicked", "not_authenticated", "vetoed", "no_policy"];
        let mut expected: BTreeSet<&str> = reasons().into_iter().chain(logged).collect();
        expected.extend(TokenFault::ALL.iter().map(|fault| fault.code()));
        expected.extend(RequestFault::ALL.iter().map(|fault| fault.code()));
        expected.extend(others.map(AuthenticationError::code));
        expected.extend(refusals.iter().map(Refusal::code));
        let mut table: Vec<&str> = codes().iter().map(|code| code.code).collect();
        table.sort_unstable();
        assert_eq!(table, expected.into_iter().collect::<Vec<_>>());
    }
}
