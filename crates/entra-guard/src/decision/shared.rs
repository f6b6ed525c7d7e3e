//! The state that the decision logs of all requests share.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use entra_shared::log_limit::LogLimit;

use super::DecisionObserver;
use crate::authentication::Authenticator;
use crate::policy::{AppIdentity, ListedClient};

/// How many lines of one source and reason are written between two summaries.
const LINES: u64 = 20;

/// How many pairs of source and reason are counted separately between two summaries.
const MAX_KEYS: usize = 1000;

/// The origin of log lines that are limited together, so that a flood from one app does not hide the lines of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// Requests without a valid token.
    Unverified,
    App(AppIdentity),
    /// The apps beyond [`MAX_KEYS`].
    OtherApps,
}

/// The state that the decision logs of all requests share: rate limits, counters, and names of apps.
pub(crate) struct Decisions {
    authenticator: Arc<Authenticator>,
    limit: LogLimit<(Source, &'static str)>,
    observer: Option<Box<dyn DecisionObserver>>,
    clients: RwLock<Vec<ListedClient>>,
}

impl Decisions {
    pub(crate) fn new(
        authenticator: Arc<Authenticator>,
        observer: Option<Box<dyn DecisionObserver>>,
    ) -> Self {
        Self { authenticator, limit: log_limit(), observer, clients: RwLock::default() }
    }

    pub(super) fn key_set_age(&self) -> Option<Duration> {
        self.authenticator.keys().status().age
    }

    /// Shows these apps by name in the log from now on.
    pub(crate) fn name_clients(&self, clients: &[ListedClient]) {
        let mut named = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        for client in clients {
            if !named.contains(client) {
                named.push(client.clone());
            }
        }
    }

    /// Returns the name under which an app is logged. A name given for the app in its tenant takes precedence.
    pub(super) fn name_of(&self, app: AppIdentity) -> Option<String> {
        let named = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        let client = named.iter().filter(|client| client.matches(app)).max_by_key(|client| client.tenant_id);
        client.map(|client| client.name.clone())
    }

    /// Counts a line; returns whether to write it.
    pub(super) fn allows(&self, source: Source, reason: &'static str) -> bool {
        self.limit.allows((source, reason))
    }

    pub(super) fn count(
        &self,
        reason: &'static str,
        policy: Option<&'static str>,
        would_deny: &[(&'static str, &'static str)],
    ) {
        let Some(observer) = &self.observer else { return };
        observer.decided(reason, policy);
        for (policy, reason) in would_deny {
            observer.would_deny(reason, policy);
        }
    }

    /// Logs how many records were suppressed since the last call.
    pub(crate) fn summarize(&self) {
        for ((source, reason), left_out) in self.limit.take_suppressed() {
            let app = match source {
                Source::Unverified => {
                    tracing::info!(target: "decision", reason, left_out, "more requests without a valid token");
                    continue;
                }
                Source::App(app) => Some(app),
                Source::OtherApps => None,
            };
            let client = app.and_then(|app| self.name_of(app));
            let client_id = app.map(|app| tracing::field::display(app.client_id));
            let tenant_id = app.map(|app| tracing::field::display(app.tenant));
            tracing::info!(
                target: "decision", reason, client_id, client, tenant_id, left_out, "more requests of an app"
            );
        }
    }
}

fn log_limit() -> LogLimit<(Source, &'static str)> {
    LogLimit::new(LINES).with_max_keys(MAX_KEYS, |(source, reason)| match source {
        Source::App(_) => (Source::OtherApps, reason),
        Source::Unverified | Source::OtherApps => (source, reason),
    })
}

#[cfg(test)]
mod tests {
    use entra_shared::ids::{ClientId, TenantId};
    use uuid::Uuid;

    use super::*;

    fn app(number: usize) -> Source {
        in_tenant(0, number)
    }

    fn in_tenant(tenant: u128, number: usize) -> Source {
        let client_id = ClientId::from(Uuid::from_u128(number as u128));
        Source::App(AppIdentity { tenant: TenantId::from(Uuid::from_u128(tenant)), client_id })
    }

    fn written(limit: &LogLimit<(Source, &'static str)>, source: Source, requests: u64) -> u64 {
        (0..requests).filter(|_| limit.allows((source, "role_missing"))).count() as u64
    }

    fn suppressed(limit: &LogLimit<(Source, &'static str)>) -> Vec<((Source, &'static str), u64)> {
        limit.take_suppressed().collect()
    }

    #[test]
    fn each_app_has_its_first_lines_and_then_a_number() {
        let limit = log_limit();
        let first = written(&limit, app(1), 3000);
        assert!((1..100).contains(&first), "{first}");
        for other in [app(2), in_tenant(9, 1), Source::Unverified] {
            assert_eq!(written(&limit, other, 1), 1);
        }
        assert!(limit.allows((app(1), "client_not_allowed")));
        assert_eq!(suppressed(&limit), [((app(1), "role_missing"), 3000 - first)]);
        assert_eq!(suppressed(&limit), []);
        assert_eq!(written(&limit, app(1), 1), 1);
    }

    #[test]
    fn apps_beyond_the_most_share_one_limit_and_are_all_counted() {
        let limit = log_limit();
        let from_apps: u64 = (0..10_000).map(|number| written(&limit, app(number), 1)).sum();
        assert!((1000..1100).contains(&from_apps), "{from_apps}");
        // Requests without a token still have lines of their own.
        assert_eq!(written(&limit, Source::Unverified, 1), 1);
        let [((Source::OtherApps, _), count)] = suppressed(&limit)[..] else { panic!("one summary") };
        assert_eq!(from_apps + count, 10_000);
    }
}
