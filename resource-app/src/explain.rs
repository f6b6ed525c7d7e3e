//! What becomes of a token at this app: what authentication finds, and what each policy says.

mod remedy;
mod text;

use std::time::Duration;

use entra_shared::http_client::HttpClient;
use jiff::Timestamp;
use serde::Serialize;

use crate::app::StartError;
use crate::principal::Principal;
use crate::settings::Settings;
use crate::{azure_ad, router};
use entra_guard::authentication::keys::Keys;
use entra_guard::authentication::{AuthenticationError, CheckOutcome, Claims, ExplainedCheck, Explanation};
use entra_guard::authorization::{Policies, Policy, RESOURCE_POLICIES};

/// How long the first fetch of the keys may take: longer than two requests by default.
const FETCH_LIMIT: Duration = Duration::from_secs(15);

/// What this app makes of a token. Never holds the token itself.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What a request with the token gets.
    pub verdict: Verdict,
    /// The stable word for its refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Every check there is, in order.
    pub checks: Vec<ExplainedCheck>,
    /// What each policy says; nothing where the token is not accepted.
    pub policies: Vec<ExplainedPolicy>,
    /// Whether the claims are what the issuer wrote.
    pub claims_verified: bool,
    /// The claims, where they can be read.
    pub claims: Option<Claims>,
}

/// What becomes of a request with a token, before any policy is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There is a caller.
    Accepted,
    /// 401.
    Refused,
    /// The keys could not be fetched, so nobody can tell.
    Undecided,
}

/// What a policy says about the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedPolicy {
    /// Its name.
    pub policy: &'static str,
    /// Whether it says yes; nothing where each resource that a request names decides.
    pub granted: Option<bool>,
    /// A stable word for each requirement that is not met.
    pub reasons: Vec<&'static str>,
    /// What to do about them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<String>,
    /// What it would deny for, were the requirements enforced that are only reported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub would_deny: Vec<WouldDeny>,
    /// The requirements, where each resource decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub of_each_resource: Vec<String>,
}

/// A requirement that is only reported, and not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WouldDeny {
    /// The stable word.
    pub reason: &'static str,
    /// What to do about it.
    pub remedy: String,
}

/// Explains what becomes of a token at the app with these settings, now. Fetches the keys first.
///
/// # Errors
/// A setting is unusable.
pub async fn explain(settings: &Settings, token: &str) -> Result<Report, StartError> {
    let api = router::api()?;
    let client = HttpClient::new(&settings.http_client)?;
    let policies = azure_ad::authorization(api.policies().clone(), settings, None);
    let authenticator = azure_ad::authentication(settings, client);
    // A fetch that fails is logged; then the report says what can be said without the keys.
    let _ = tokio::time::timeout(FETCH_LIMIT, first_fetch(authenticator.keys())).await;
    let explanation = authenticator.explain(token, Timestamp::now().as_second()).await;
    Ok(Report::of(explanation, &policies))
}

async fn first_fetch(keys: &Keys) {
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    while keys.status().fetched + keys.status().failed == 0 {
        looks.tick().await;
    }
}

impl Report {
    fn of(explanation: Explanation, policies: &Policies) -> Self {
        let Explanation { verdict, checks, claims, verified } = explanation;
        let code = verdict.as_ref().err().map(|error| error.code());
        let refused = checks.iter().any(|check| check.outcome == CheckOutcome::Fail);
        let (verdict, policies) = match verdict {
            Ok(caller) => (Verdict::Accepted, explain_policies(policies, &Principal::of_token(caller))),
            Err(AuthenticationError::KeysUnavailable) if !refused => (Verdict::Undecided, Vec::new()),
            Err(_) => (Verdict::Refused, Vec::new()),
        };
        Self { verdict, code, checks, policies, claims_verified: verified, claims }
    }
}

fn explain_policies(policies: &Policies, principal: &Principal) -> Vec<ExplainedPolicy> {
    let mut explained: Vec<_> = policies.iter().map(|policy| explain_policy(policy, principal)).collect();
    explained.sort_by_key(|explained| explained.policy);
    explained
}

fn explain_policy(policy: &Policy, principal: &Principal) -> ExplainedPolicy {
    let name = policy.name();
    if RESOURCE_POLICIES.contains(&name) {
        // Without a resource it denies everybody, which says nothing about this caller.
        let of_each_resource = policy.requirements().iter().map(ToString::to_string).collect();
        let (reasons, remedies, would_deny) = (Vec::new(), Vec::new(), Vec::new());
        return ExplainedPolicy {
            policy: name,
            granted: None,
            reasons,
            remedies,
            would_deny,
            of_each_resource,
        };
    }
    let (reasons, would_deny) = match policy.decide(&principal.subject(), None) {
        Ok(would_deny) => (Vec::new(), would_deny),
        Err(denial) => (denial.reasons, denial.would_deny),
    };
    let remedy = |reason| remedy::of(reason, &policy.roles(), principal);
    let remedies = reasons.iter().copied().map(remedy).collect();
    let would_deny =
        would_deny.into_iter().map(|reason| WouldDeny { reason, remedy: remedy(reason) }).collect();
    let (granted, of_each_resource) = (Some(reasons.is_empty()), Vec::new());
    ExplainedPolicy { policy: name, granted, reasons, remedies, would_deny, of_each_resource }
}
