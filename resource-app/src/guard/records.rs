//! What the records of all requests share.

use std::collections::BTreeMap;

use shared::flood::{Admission, FloodLimit};
use shared::ids::ClientId;

use crate::authorization::{AuthorizationSettings, ClientName, ListedClient};
use crate::metrics::Metrics;

/// How many records of one reason are written between two summaries, of requests without a valid token.
const LINES: u64 = 20;

/// What the records of all requests share.
#[derive(Debug)]
pub(crate) struct Records {
    names: BTreeMap<ClientId, ClientName>,
    metrics: Metrics,
    flood: FloodLimit,
}

impl Records {
    /// Records that call apps as the settings do, and are counted in these metrics.
    pub(crate) fn new(settings: &AuthorizationSettings, metrics: Metrics) -> Self {
        let name = |client: &ListedClient| (client.client_id, client.name.clone());
        Self { names: settings.clients.iter().map(name).collect(), metrics, flood: FloodLimit::new(LINES) }
    }

    /// Says how many records were left out since the last time, where any were.
    pub(crate) fn sum_up(&self) {
        for (reason, left_out) in self.flood.left_out() {
            tracing::info!(target: "decision", reason, left_out, "more requests without a valid token");
        }
    }

    pub(super) fn name_of(&self, client_id: ClientId) -> Option<&ClientName> {
        self.names.get(&client_id)
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
