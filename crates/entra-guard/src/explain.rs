//! Explains how the guard judges a token: every check, and every policy.

mod checks;
mod remedy;
mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::authentication::{AuthenticationError, Claims, Examination, TokenFault};
use crate::guard::Guard;
use crate::policy::Rules;
use crate::principal::Principal;
use crate::routes::{GuardedRoutes, RouteError, RouteRules};
use checks::explain_checks;
pub use checks::{CheckOutcome, ExplainedCheck};

/// How long [`Guard::explain`] waits for the first fetch of the keys.
const FETCH_LIMIT: Duration = Duration::from_secs(15);

/// The explanation of a token. It never contains the token itself.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Whether a request with the token is authenticated.
    pub verdict: Verdict,
    /// The reason code of the refusal, if the token is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// All checks, in order.
    pub checks: Vec<ExplainedCheck>,
    /// The decisions of the policies; empty unless the token is accepted.
    pub policies: Vec<ExplainedPolicy>,
    /// Whether the signature of the claims was verified.
    pub claims_verified: bool,
    /// The claims, if they can be read.
    pub claims: Option<Claims>,
}

/// Whether a request with a token is authenticated, before any policy is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The request is authenticated as the caller that the token names.
    Accepted,
    /// The request is refused with 401.
    Refused,
    /// The keys could not be fetched, so the token cannot be judged.
    Undecided,
}

/// The decision of one policy about the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedPolicy {
    /// The policy's name.
    pub policy: &'static str,
    /// Whether the policy grants the request; `None` if that depends on the resource.
    pub granted: Option<bool>,
    /// The reason codes of the requirements that are not met.
    pub reasons: Vec<&'static str>,
    /// The remedies for these reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<String>,
    /// The requirements that are only reported and not met.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub would_deny: Vec<WouldDeny>,
    /// The requirements that depend on the resource.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub of_each_resource: Vec<String>,
}

/// A requirement that is only reported and not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WouldDeny {
    /// The reason code.
    pub reason: &'static str,
    /// What to do about it.
    pub remedy: String,
}

impl Guard {
    /// Explains what becomes of a token on these routes, now. Waits up to 15 seconds for the first fetch of the keys.
    ///
    /// # Errors
    /// As for [`GuardedRoutes::table`].
    pub async fn explain<S: Clone + Send + Sync + 'static>(
        &self,
        token: &str,
        routes: &GuardedRoutes<S>,
    ) -> Result<Report, RouteError> {
        routes.table()?;
        let rules = routes.rules()?;
        let authenticator = &self.inner().authenticator;
        // A failed fetch is logged; the report then says what can be said without the keys.
        let _ = tokio::time::timeout(FETCH_LIMIT, authenticator.keys().first_fetch()).await;
        let examination = authenticator.examine(token, jiff::Timestamp::now().as_second()).await;
        Ok(Report::new(examination, &rules))
    }
}

impl Report {
    fn new(examination: Examination<'_>, rules: &[RouteRules]) -> Self {
        let checks = explain_checks(&examination);
        let refused = examination.checks.iter().any(|(_, passed)| !passed);
        let claims_verified = examination.checks.contains(&(TokenFault::Signature, true));
        let code = examination.verdict.as_ref().err().map(|error| error.code());
        let (verdict, policies) = match examination.verdict {
            Ok(caller) => (Verdict::Accepted, explain_policies(rules, &Principal::for_caller(caller))),
            Err(AuthenticationError::KeysUnavailable) if !refused => (Verdict::Undecided, Vec::new()),
            Err(_) => (Verdict::Refused, Vec::new()),
        };
        Self { verdict, code, checks, policies, claims_verified, claims: examination.claims }
    }
}

/// Explains each policy once for each set of requirements that it has on its routes.
fn explain_policies(routes: &[RouteRules], principal: &Principal) -> Vec<ExplainedPolicy> {
    let mut explained = BTreeMap::new();
    for route in routes {
        for rules in [Some(&route.caller), route.tried.as_ref()].into_iter().flatten() {
            let key = (rules.name, rules.requirement_names());
            explained.entry(key).or_insert_with(|| explain_policy(rules, principal));
        }
        if let Some((_, resource)) = route.policies().iter().find(|(_, policy)| policy.on_resource) {
            let requirements = resource.requirements.clone();
            explained.entry((resource.policy, requirements.clone())).or_insert_with(|| ExplainedPolicy {
                policy: resource.policy,
                granted: None,
                reasons: Vec::new(),
                remedies: Vec::new(),
                would_deny: Vec::new(),
                of_each_resource: requirements,
            });
        }
    }
    explained.into_values().collect()
}

fn explain_policy(rules: &Rules, principal: &Principal) -> ExplainedPolicy {
    let (reasons, would_deny) = match rules.evaluate(&principal.subject(), &()) {
        Ok(would_deny) => (Vec::new(), would_deny),
        Err(denial) => (denial.reasons, denial.would_deny),
    };
    let remedy = |reason| remedy::for_reason(reason, &rules.roles(), principal);
    ExplainedPolicy {
        policy: rules.name,
        granted: Some(reasons.is_empty()),
        remedies: reasons.iter().copied().map(remedy).collect(),
        would_deny: would_deny
            .into_iter()
            .map(|reason| WouldDeny { reason, remedy: remedy(reason) })
            .collect(),
        of_each_resource: Vec::new(),
        reasons,
    }
}
