//! The record of one request.
//!
//! An event with the target `decision`: grants at debug, denials at info, floods summarized. A record of an unverified
//! token holds nothing of the token, since anyone could write into the log with a forged one.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::MatchedPath;
use axum::response::Response;
use entra_shared::correlation::RequestId;
use http::{Method, Request, StatusCode};
use tokio::time::Instant;
use tracing::Level;

use super::{Decision, Decisions};
use crate::answers::ProblemCode;
use crate::authentication::Caller;
use crate::principal::Principal;

/// The target of the events.
const TARGET: &str = "decision";

/// The longest id that is copied from a token or a key set, in bytes. Entra's have 22 and 27.
const MAX_ID_BYTES: usize = 64;

/// When a request's time is up, as an extension of the request.
///
/// A service with a time limit sets it, so that the decision log tells a timeout from a client that went away.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

/// The record of one request, written when this is dropped.
///
/// So a request that panicked, timed out or lost its client is logged like any other; it has no status.
pub(crate) struct DecisionLog {
    decisions: Arc<Decisions>,
    method: &'static str,
    route: Option<MatchedPath>,
    request_id: Option<RequestId>,
    deadline: Option<Deadline>,
    principal: Option<Principal>,
    decision: SharedDecision,
    answer: Option<(StatusCode, Option<&'static str>)>,
}

/// The decision of one request, shared with the policies that its handler evaluates.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedDecision(Arc<Mutex<Decision>>);

impl SharedDecision {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Decision> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DecisionLog {
    /// Starts the record of a request; `has_route` is false for a path that the guard has no route for.
    pub(crate) fn start<B>(decisions: &Arc<Decisions>, request: &Request<B>, has_route: bool) -> Self {
        let route = request.extensions().get().filter(|_| has_route);
        Self {
            decisions: Arc::clone(decisions),
            method: method_label(request.method()),
            route: route.cloned(),
            request_id: RequestId::find(request.headers()),
            deadline: request.extensions().get().copied(),
            principal: None,
            decision: SharedDecision::default(),
            answer: None,
        }
    }

    pub(crate) fn identified(&mut self, principal: &Principal) {
        self.principal = Some(principal.clone());
    }

    pub(crate) fn decision(&self) -> &SharedDecision {
        &self.decision
    }

    pub(crate) fn answered(&mut self, response: &Response) {
        let code = response.extensions().get().map(|ProblemCode(code)| *code);
        self.answer = Some((response.status(), code));
    }

    /// The code of the problem that was answered, or of why nothing was.
    fn code(&self) -> Option<&'static str> {
        match self.answer {
            Some((_, code)) => code,
            // The handler's panic unwinds through this.
            None if std::thread::panicking() => Some("panicked"),
            None if self.deadline.is_some_and(|Deadline(end)| end <= Instant::now()) => Some("timed_out"),
            None => Some("abandoned"),
        }
    }

    fn write(&self) {
        let Some(principal) = &self.principal else { return self.write_unverified() };
        let decision = self.decision.lock();
        let reason = match (decision.reasons.first(), decision.policy) {
            (Some(reason), _) => reason,
            (None, Some(_)) => "granted",
            // No policy was evaluated, since there is no such route.
            (None, None) => self.code().unwrap_or("no_policy"),
        };
        self.decisions.count(reason, decision.policy, &decision.would_deny);
        let level = level(principal, &decision);
        // Grants are complete if their level is enabled; all other records of an app are limited.
        let allowed = || level == Level::DEBUG || self.decisions.allows(Some(principal.app()), reason);
        if is_enabled(level) && allowed() {
            self.event(level, reason, Some((principal, &decision)));
        }
    }

    /// Anyone can cause these as fast as the network allows, so they are limited.
    fn write_unverified(&self) {
        let reason = self.code().unwrap_or("not_authenticated");
        let unavailable = self.answer.is_some_and(|(status, _)| status.is_server_error());
        let level = if unavailable { Level::WARN } else { Level::INFO };
        self.decisions.count(reason, None, &[]);
        if is_enabled(level) && self.decisions.allows(None, reason) {
            self.event(level, reason, None);
        }
    }

    fn event(&self, level: Level, reason: &str, verified: Option<(&Principal, &Decision)>) {
        let caller = verified.and_then(|(principal, _)| principal.caller());
        let (principal, decision) = verified.unzip();
        let would_deny = decision.map(|decision| &decision.would_deny).filter(|list| !list.is_empty());
        let key_set_age = self.decisions.key_set_age();
        macro_rules! event {
            ($level:expr) => {
                tracing::event!(
                    target: TARGET,
                    $level,
                    reason,
                    policy = decision.and_then(|decision| decision.policy),
                    reasons = decision.filter(|it| it.reasons.len() > 1).map(|it| it.reasons.join(" ")),
                    would_deny = would_deny.map(|list| words(list)),
                    status = self.answer.map(|(status, _)| status.as_u16()),
                    code = self.code().filter(|code| *code != reason),
                    client_id = principal.map(|it| tracing::field::display(it.client_id())),
                    client = principal.and_then(|it| self.decisions.name_of(it.app())),
                    tenant_id = caller.map(Caller::tenant).map(tracing::field::display),
                    uti = caller.and_then(Caller::token_id).map(plain),
                    key_id = caller.map(Caller::key_id).map(plain),
                    method = self.method,
                    route = self.route.as_ref().map_or("unmatched", MatchedPath::as_str),
                    request_id = self.request_id.as_ref().map(RequestId::as_str),
                    key_set_age_seconds = key_set_age.map(|age| age.as_secs()),
                    development = principal.filter(|it| it.caller().is_none()).map(|_| true),
                    "decision"
                )
            };
        }
        match level {
            Level::DEBUG => event!(Level::DEBUG),
            Level::WARN => event!(Level::WARN),
            _ => event!(Level::INFO),
        }
    }
}

impl Drop for DecisionLog {
    fn drop(&mut self) {
        self.write();
    }
}

impl fmt::Debug for DecisionLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecisionLog").field("decision", &self.decision).finish_non_exhaustive()
    }
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn level(principal: &Principal, decision: &Decision) -> Level {
    if principal.caller().is_none() {
        // The development handler let the request pass.
        Level::WARN
    } else if decision.reasons.is_empty() && decision.would_deny.is_empty() {
        Level::DEBUG
    } else {
        Level::INFO
    }
}

fn is_enabled(level: Level) -> bool {
    match level {
        Level::DEBUG => tracing::enabled!(target: TARGET, Level::DEBUG),
        Level::WARN => tracing::enabled!(target: TARGET, Level::WARN),
        _ => tracing::enabled!(target: TARGET, Level::INFO),
    }
}

fn words(reasons: &[(&'static str, &'static str)]) -> String {
    reasons.iter().map(|(policy, reason)| format!("{policy}:{reason}")).collect::<Vec<_>>().join(" ")
}

/// Replaces an id that could break a log.
fn plain(id: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+/=".contains(&byte);
    if (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(is_plain) { id } else { "not_plain" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_break_a_log_is_not_written() {
        assert_eq!(plain("Zm9v-_x.2AA"), "Zm9v-_x.2AA");
        for id in ["", "a b", "a\nb", "a\u{2028}b", "\u{1b}[31m", "a\"b", &"a".repeat(MAX_ID_BYTES + 1)] {
            assert_eq!(plain(id), "not_plain");
        }
    }
}
