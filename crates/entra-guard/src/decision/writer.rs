//! What the decision logs of all requests share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::DecisionObserver;
use super::floods::Floods;
use crate::authentication::Authenticator;
use crate::policy::{AppIdentity, ClientKey, ListedClient, names_of};

/// What the decision logs of all requests share: limits, counters, and the names of apps.
pub(crate) struct Decisions {
    authenticator: Arc<Authenticator>,
    floods: Floods,
    observer: Option<Box<dyn DecisionObserver>>,
    names: RwLock<BTreeMap<ClientKey, String>>,
}

impl Decisions {
    pub(crate) fn new(
        authenticator: Arc<Authenticator>,
        observer: Option<Box<dyn DecisionObserver>>,
    ) -> Self {
        Self { authenticator, floods: Floods::default(), observer, names: RwLock::default() }
    }

    pub(super) fn key_set_age(&self) -> Option<Duration> {
        self.authenticator.keys().status().age
    }

    /// Names these apps in the log from now on.
    pub(crate) fn name_clients(&self, clients: &[ListedClient]) {
        self.names.write().unwrap_or_else(PoisonError::into_inner).extend(names_of(clients));
    }

    pub(super) fn name_of(&self, app: AppIdentity) -> Option<String> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        ClientKey::candidates(app).iter().find_map(|key| names.get(key)).cloned()
    }

    pub(super) fn allows(&self, app: Option<AppIdentity>, reason: &'static str) -> bool {
        self.floods.allows(app, reason)
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
        for (reason, left_out) in self.floods.suppressed_unverified() {
            tracing::info!(target: "decision", reason, left_out, "more requests without a valid token");
        }
        for (app, reason, left_out) in self.floods.suppressed_of_apps() {
            let client = app.and_then(|app| self.name_of(app));
            let client_id = app.map(|app| tracing::field::display(app.client_id));
            let tenant_id = app.map(|app| tracing::field::display(app.tenant));
            tracing::info!(
                target: "decision", reason, client_id, client, tenant_id, left_out, "more requests of an app"
            );
        }
    }
}

impl fmt::Debug for Decisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decisions").field("floods", &self.floods).finish_non_exhaustive()
    }
}
