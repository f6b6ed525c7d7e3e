//! What the records of all requests share.

use std::collections::BTreeMap;

use entra_shared::log_limit::LogLimit;

use super::app_floods::{App, AppFloods, LeftOut};
use crate::metrics::Metrics;
use entra_guard::authorization::{AuthorizationSettings, ClientKey, ClientName, ListedClient};

/// How many records of one reason are written between two summaries: of requests without a valid token, and of each app.
pub(super) const LINES: u64 = 20;

/// What the records of all requests share.
#[derive(Debug)]
pub(crate) struct Records {
    names: BTreeMap<ClientKey, ClientName>,
    metrics: Metrics,
    flood: LogLimit<&'static str>,
    app_floods: AppFloods,
}

impl Records {
    /// Records that call apps as the settings do, and are counted in these metrics.
    pub(crate) fn new(settings: &AuthorizationSettings, metrics: Metrics) -> Self {
        let name = |client: &ListedClient| (client.key(), client.name.clone());
        let names = settings.clients.iter().map(name).collect();
        Self { names, metrics, flood: LogLimit::new(LINES), app_floods: AppFloods::default() }
    }

    /// Says how many records were left out since the last time, where any were.
    pub(crate) fn sum_up(&self) {
        for (reason, left_out) in self.flood.take_suppressed() {
            tracing::info!(target: "decision", reason, left_out, "more requests without a valid token");
        }
        for LeftOut { app, reason, count } in self.app_floods.left_out() {
            let client = app.and_then(|app| self.name_of(app)).map(tracing::field::display);
            let client_id = app.map(|app| tracing::field::display(app.client_id));
            let tenant_id = app.map(|app| tracing::field::display(app.tenant));
            tracing::info!(
                target: "decision", reason, client_id, client, tenant_id, left_out = count, "more requests of an app"
            );
        }
    }

    pub(super) fn name_of(&self, app: App) -> Option<&ClientName> {
        ClientKey::of(app.tenant, app.client_id).iter().find_map(|key| self.names.get(key))
    }

    /// Whether the record of a request without a valid token is written.
    pub(super) fn allows(&self, reason: &'static str) -> bool {
        self.flood.allows(reason)
    }

    /// Whether the record of a request of this app is written.
    pub(super) fn allows_app(&self, app: App, reason: &'static str) -> bool {
        self.app_floods.allows(app, reason)
    }

    pub(super) fn count(&self, reason: &'static str, policy: Option<&'static str>) {
        self.metrics.decision(reason, policy.unwrap_or("none"));
    }

    pub(super) fn count_would_deny(&self, reason: &'static str, policy: &'static str) {
        self.metrics.would_deny(reason, policy);
    }
}
