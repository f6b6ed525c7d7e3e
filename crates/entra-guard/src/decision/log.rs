//! The record of one request.
//!
//! It is a `tracing` event with the target `decision`. Grants are logged at debug, denials at info, and floods are
//! summarized. The record of an unverified token contains nothing of the token, because anyone could write into the log
//! with a forged one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::MatchedPath;
use axum::response::Response;
use entra_shared::correlation::RequestId;
use http::{Method, Request, StatusCode};
use tokio::time::Instant;
use tracing::Level;

use super::Decision;
use super::shared::{Decisions, Source};
use crate::answers::ProblemCode;
use crate::authentication::Caller;
use crate::principal::Principal;

/// The target of the events.
const TARGET: &str = "decision";

/// The longest id that is copied from a token or a key set, in bytes. Entra's have 22 and 27.
const MAX_ID_BYTES: usize = 64;

/// The time at which a request times out, as an extension of the request. A service with a time limit sets it, so that
/// the decision log can tell a timeout from a client that disconnected.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

/// The record of one request, written when this is dropped.
///
/// So a request that panicked, timed out or lost its client is logged like any other; it has no status.
pub(crate) struct DecisionLog {
    decisions: Arc<Decisions>,
    method: Method,
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
            method: request.method().clone(),
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

    /// Returns the code of the problem in the response, or of the reason why there is no response.
    fn code(&self) -> Option<&'static str> {
        match self.answer {
            Some((_, code)) => code,
            // The handler's panic unwinds through this.
            None if std::thread::panicking() => Some("panicked"),
            None if self.deadline.is_some_and(|Deadline(end)| end <= Instant::now()) => Some("timed_out"),
            None => Some("abandoned"),
        }
    }

    fn reason(&self, decision: &Decision) -> &'static str {
        match (decision.reasons().first(), decision.policy) {
            (Some(reason), _) => reason,
            (None, Some(_)) => "granted",
            // No policy was evaluated: there is no valid token, or no such route.
            (None, None) if self.principal.is_none() => self.code().unwrap_or("not_authenticated"),
            (None, None) => self.code().unwrap_or("no_policy"),
        }
    }

    fn level(&self, decision: &Decision) -> Level {
        let is_grant = decision.reasons().is_empty() && decision.would_deny.is_empty();
        let by_token = self.principal.as_ref().map(|principal| principal.caller().is_some());
        match by_token {
            // The development handler let the request pass.
            Some(false) => Level::WARN,
            Some(true) if is_grant => Level::DEBUG,
            None if self.answer.is_some_and(|(status, _)| status.is_server_error()) => Level::WARN,
            _ => Level::INFO,
        }
    }

    fn event(&self, level: Level, reason: &str, decision: &Decision) {
        let principal = self.principal.as_ref();
        let caller = principal.and_then(Principal::caller);
        let agent = caller.and_then(Caller::agent);
        macro_rules! event {
            ($level:expr) => {
                tracing::event!(
                    target: TARGET,
                    $level,
                    reason,
                    policy = decision.policy,
                    reasons = (decision.reasons().len() > 1).then(|| decision.reasons().join(" ")),
                    would_deny = words(&decision.would_deny),
                    status = self.answer.map(|(status, _)| status.as_u16()),
                    code = self.code().filter(|code| *code != reason),
                    client_id = principal.map(|it| tracing::field::display(it.client_id())),
                    client = principal.and_then(|it| self.decisions.name_of(it.app())),
                    tenant_id = caller.map(Caller::tenant).map(tracing::field::display),
                    uti = caller.and_then(Caller::token_id).map(plain),
                    agent = agent.map(|_| true),
                    agent_blueprint = agent.and_then(|it| it.blueprint).map(tracing::field::display),
                    key_id = caller.map(Caller::key_id).map(plain),
                    method = method_label(&self.method),
                    route = self.route.as_ref().map_or("unmatched", MatchedPath::as_str),
                    request_id = self.request_id.as_ref().map(RequestId::as_str),
                    key_set_age_seconds = self.decisions.key_set_age().map(|age| age.as_secs()),
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
        let decision = self.decision.lock();
        let (reason, level) = (self.reason(&decision), self.level(&decision));
        self.decisions.count(reason, decision.policy, &decision.would_deny);
        let source = self.principal.as_ref().map_or(Source::Unverified, |it| Source::App(it.app()));
        // Grants are complete if their level is enabled; all other records are limited.
        if level == Level::DEBUG || self.decisions.allows(source, reason) {
            self.event(level, reason, &decision);
        }
    }
}

fn method_label(method: &Method) -> &str {
    use Method as M;
    let known = [M::GET, M::HEAD, M::POST, M::PUT, M::PATCH, M::DELETE, M::OPTIONS].contains(method);
    if known { method.as_str() } else { "other" }
}

fn words(reasons: &[(&'static str, &'static str)]) -> Option<String> {
    let words: Vec<_> = reasons.iter().map(|(policy, reason)| format!("{policy}:{reason}")).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Returns an id, or a placeholder if the id could break a log line.
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
