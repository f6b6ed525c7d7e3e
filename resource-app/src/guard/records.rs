//! What the records of all requests share.

use std::collections::BTreeMap;

use super::flood::{Admission, FloodLimit};
use crate::authorization::{AuthorizationSettings, ClientKey, ClientName, ListedClient, Subject};
use crate::metrics::Metrics;

/// What the records of all requests share.
#[derive(Debug)]
pub(crate) struct Records {
    names: BTreeMap<ClientKey, ClientName>,
    metrics: Metrics,
    flood: FloodLimit,
}

impl Records {
    /// Records that call apps as the settings do, and are counted in these metrics.
    pub(crate) fn new(settings: &AuthorizationSettings, metrics: Metrics) -> Self {
        let name = |client: &ListedClient| (client.key(), client.name.clone());
        Self { names: settings.clients.iter().map(name).collect(), metrics, flood: FloodLimit::default() }
    }

    /// Says how many records were left out since the last time, where any were.
    pub(crate) fn sum_up(&self) {
        for (reason, left_out) in self.flood.left_out() {
            tracing::info!(target: "decision", reason, left_out, "more requests without a valid token");
        }
    }

    pub(super) fn name_of(&self, subject: &Subject<'_>) -> Option<&ClientName> {
        ClientKey::of(subject).iter().find_map(|key| self.names.get(key))
    }

    pub(super) fn admit(&self, reason: &'static str) -> Admission {
        self.flood.admit(reason)
    }

    pub(super) fn count(&self, reason: &'static str, policy: Option<&'static str>) {
        self.metrics.decision(reason, policy.unwrap_or("none"));
    }

    pub(super) fn count_would_deny(&self, reason: &'static str, policy: &'static str) {
        self.metrics.would_deny(reason, policy);
    }
}
