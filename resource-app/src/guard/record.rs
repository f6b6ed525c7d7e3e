//! The one record that each request under `/api` leaves.
//!
//! An event of the target `decision`: grants at debug, denials at info, of which a flood is summed up. Of a token that was
//! not verified it holds nothing at all, not even the key that the token names: whoever forges one would write into the
//! log.

use std::fmt;

use axum::response::Response;
use http::StatusCode;
use tracing::Level;

use super::app_floods::App;
use super::verdict::{Identified, Verdict};
use crate::error::{Code, RequestError};
use crate::observation::RequestContext;
use crate::principal::Principal;
use crate::state::AppState;
use entra_guard::authentication::Caller;

/// The target of the events, for whoever filters them.
const TARGET: &str = "decision";

/// The longest id that is taken over from a token or a key set, in bytes. Entra's have 22 and 27.
const MAX_ID_BYTES: usize = 64;

/// What is known of a request that is under way. It is written down when this is dropped, so that a request whose
/// handler panicked, took too long or lost its client is on record like every other; those have no status.
pub(super) struct Record<'r> {
    state: &'r AppState,
    context: &'r RequestContext<'r>,
    identified: Option<Identified>,
    answer: Option<(StatusCode, Option<Code>)>,
}

impl<'r> Record<'r> {
    /// The record of a request that has come to the guard.
    pub(super) fn new(state: &'r AppState, context: &'r RequestContext<'r>) -> Self {
        Self { state, context, identified: None, answer: None }
    }

    /// The request comes from this principal; the result is what policies need.
    pub(super) fn identify(&mut self, principal: Principal) -> Identified {
        self.identified.insert(Identified::new(principal)).clone()
    }

    /// Whether an answer may go out. Every one where a policy granted the request; otherwise the denial itself, or that
    /// the path does not have the method, or that something failed in here.
    pub(super) fn lets_out(&self, response: &Response) -> bool {
        let Some(identified) = &self.identified else { return false };
        let verdict = identified.verdict();
        if verdict.policy.is_some() && verdict.reasons.is_empty() {
            return true;
        }
        let refusal = verdict.reasons.first().copied().unwrap_or(RequestError::MethodNotAllowed.code());
        let Some(Code(code)) = response.extensions().get() else { return false };
        *code == refusal || response.status().is_server_error()
    }

    /// The request was answered.
    pub(super) fn answered(&mut self, response: &Response) {
        self.answer = Some((response.status(), response.extensions().get::<Code>().copied()));
    }

    /// The word for the problem that was answered, or for why nothing was.
    fn code(&self) -> Option<&'static str> {
        match self.answer {
            Some((_, code)) => code.map(|Code(code)| code),
            // Then this is dropped while the handler's panic unwinds.
            None if std::thread::panicking() => Some("panicked"),
            None if self.context.timed_out() => Some("timed_out"),
            None => Some("abandoned"),
        }
    }

    fn write(&self) {
        let Some(identified) = &self.identified else { return self.write_unverified() };
        let verdict = identified.verdict();
        let reason = match (verdict.reasons.first(), verdict.policy) {
            (Some(reason), _) => reason,
            (None, Some(_)) => "granted",
            // No policy was asked, since there is no such route.
            (None, None) => self.code().unwrap_or("no_policy"),
        };
        self.state.records.count(reason, verdict.policy);
        for (policy, reason) in &verdict.would_deny {
            self.state.records.count_would_deny(reason, policy);
        }
        let level = level(identified.principal(), &verdict);
        // Whoever asks for grants wants all of them; what an app can cause without asking is limited.
        let admitted = || {
            let app = App::from(identified.principal());
            level == Level::DEBUG || self.state.records.allows_app(app, reason)
        };
        if is_enabled(level) && admitted() {
            self.event(level, reason, Some((identified.principal(), &verdict)));
        }
    }

    /// Anybody can cause these, as fast as the network allows: only some are written one by one.
    fn write_unverified(&self) {
        let reason = self.code().unwrap_or("not_authenticated");
        let unavailable = self.answer.is_some_and(|(status, _)| status.is_server_error());
        let level = if unavailable { Level::WARN } else { Level::INFO };
        self.state.records.count(reason, None);
        if is_enabled(level) && self.state.records.allows(reason) {
            self.event(level, reason, None);
        }
    }

    fn event(&self, level: Level, reason: &str, verified: Option<(&Principal, &Verdict)>) {
        let caller = verified.and_then(|(principal, _)| principal.caller());
        let (principal, verdict) = verified.unzip();
        let would_deny = verdict.map(|verdict| &verdict.would_deny).filter(|them| !them.is_empty());
        let listed_name = principal.and_then(|it| self.state.records.name_of(App::from(it)));
        let client_id = principal.map(Principal::client_id);
        let name = self.context.name();
        macro_rules! event {
            ($level:expr) => {
                tracing::event!(
                    target: TARGET,
                    $level,
                    reason,
                    policy = verdict.and_then(|verdict| verdict.policy),
                    reasons = verdict.filter(|it| it.reasons.len() > 1).map(|it| it.reasons.join(" ")),
                    would_deny = would_deny.map(|them| words(them)),
                    status = self.answer.map(|(status, _)| status.as_u16()),
                    code = self.code().filter(|code| *code != reason),
                    client_id = client_id.map(tracing::field::display),
                    client = listed_name.map(tracing::field::display),
                    tenant_id = caller.map(Caller::tenant).map(tracing::field::display),
                    uti = caller.and_then(Caller::token_id).map(plain),
                    key_id = caller.map(Caller::key_id).map(plain),
                    method = name.method(),
                    route = name.route(),
                    request_id = name.request_id(),
                    key_set_age_seconds =
                        self.state.authenticator.keys().status().age.map(|age| age.as_secs()),
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

impl Drop for Record<'_> {
    fn drop(&mut self) {
        self.write();
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("identified", &self.identified).finish_non_exhaustive()
    }
}

fn level(principal: &Principal, verdict: &Verdict) -> Level {
    if principal.caller().is_none() {
        // The development handler let it pass.
        Level::WARN
    } else if verdict.reasons.is_empty() && verdict.would_deny.is_empty() {
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

/// Each reason behind its policy.
fn words(reasons: &[(&'static str, &'static str)]) -> String {
    reasons.iter().map(|(policy, reason)| format!("{policy}:{reason}")).collect::<Vec<_>>().join(" ")
}

/// An id as it is, if it is a plain word that can break no log.
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
