//! Authenticates a request, forwards it, and suppresses any response that no policy allowed.

use std::sync::Arc;

use axum::response::Response;
use http::header::{self, HeaderValue};
use http::{Extensions, Request};

use super::RouteRules;
use super::authorized::Granted;
use crate::answers::{DenialAnswered, Refusal};
use crate::decision::DecisionLog;
use crate::guard::Inner;
use crate::principal::Principal;

/// The policies and the handler of a request, or the refusal if no handler matches.
pub(super) type Target<F> = Result<(Arc<RouteRules>, F), Refusal>;

/// Authenticates a request, evaluates its route's policies and forwards it.
///
/// `has_route` is whether the path has a route; only then does the decision log name it.
pub(super) async fn run<B, F, O>(
    guard: &Inner,
    mut request: Request<B>,
    has_route: bool,
    target: Target<F>,
) -> Response
where
    F: FnOnce(Request<B>) -> O,
    O: Future<Output = Response>,
{
    let mut log = DecisionLog::start(&guard.decisions, &request, has_route);
    let mut response = match guard.identify(request.headers(), request.uri()).await {
        Err(error) => guard.refuse(&Refusal::Authentication(error)),
        Ok(principal) => {
            log.identified(&principal);
            let admitted = target.and_then(|(rules, forward)| {
                admit(request.extensions_mut(), principal, rules, &log).map(|()| forward)
            });
            match admitted {
                Err(refusal) => guard.refuse(&refusal),
                Ok(forward) => suppress_unless_granted(guard, &log, forward(request).await),
            }
        }
    };
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    log.answered(&response);
    response
}

/// Evaluates the policies about callers; if they grant the request, puts the proof into it.
fn admit(
    extensions: &mut Extensions,
    principal: Principal,
    rules: Arc<RouteRules>,
    log: &DecisionLog,
) -> Result<(), Refusal> {
    let decision = log.decision();
    {
        let (subject, mut decision) = (principal.subject(), decision.lock());
        match rules.caller.evaluate(&subject, &()) {
            Ok(would_deny) => decision.granted(rules.caller.name, &would_deny),
            Err(denial) => {
                decision.denied(&denial);
                return Err(Refusal::Denied(denial));
            }
        }
        if let Some(tried) = &rules.tried {
            let would_deny = tried
                .evaluate(&subject, &())
                .unwrap_or_else(|denial| [denial.reasons, denial.would_deny].concat());
            decision.tried(tried.name, &would_deny);
        }
    }
    extensions.insert(Granted { principal, rules, decision: decision.clone() });
    Ok(())
}

/// Suppresses a response that no policy allowed: answers with the denial if the handler did, or else with 500.
fn suppress_unless_granted(guard: &Inner, log: &DecisionLog, response: Response) -> Response {
    let denial = {
        let decision = log.decision().lock();
        if decision.is_granted() {
            return response;
        }
        decision.denial.clone()
    };
    let answered = response.extensions().get::<DenialAnswered>().is_some();
    match denial {
        _ if response.status().is_server_error() => response,
        Some(denial) if answered => guard.refuse(&Refusal::Denied(denial)),
        _ => {
            tracing::error!("a handler answered in spite of a policy's denial; its response was suppressed");
            guard.refuse(&Refusal::Internal)
        }
    }
}
