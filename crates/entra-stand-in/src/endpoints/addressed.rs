//! Finds a request's tenant first, since its clock, faults and journal apply to everything else.

use std::sync::Arc;

use axum::RequestExt;
use axum::extract::Request;
use axum::response::Response;
use jiff::Timestamp;
use url::{Url, form_urlencoded};

use super::tenant::TenantSegment;
use super::{AppState, identity_query};
use crate::context::Context;
use crate::endpoint::Endpoint;
use crate::errors;
use crate::faults::Fault;
use crate::journal::{Entry, Journal};
use crate::tenants::LiveTenant;

/// The endpoint and the tenant of a request.
pub(super) struct Addressed {
    endpoint: Option<Endpoint>,
    /// The tenant; the first one for requests to `common` and the like.
    tenant: Option<Arc<LiveTenant>>,
    /// The journal of all tenants.
    journal: Arc<Journal>,
}

impl Addressed {
    /// Finds the tenant of a request to this endpoint, if it is for one.
    pub(super) async fn by(endpoint: Option<Endpoint>, request: &mut Request, state: &AppState) -> Self {
        // Decoded like the endpoint's own path segment, so that both find the same tenant.
        let Ok(segment) = request.extract_parts::<TenantSegment>().await;
        let tenant = endpoint.and_then(|endpoint| match endpoint {
            Endpoint::Instance => resolved(&TenantSegment::new(asked_about(request.uri().query()?)?), state),
            Endpoint::ManagedIdentity => identity_query::tenant(request.uri().query(), state),
            _ => resolved(&segment, state),
        });
        Self { endpoint, tenant, journal: Arc::clone(&state.tenants.journal) }
    }

    /// Returns the time by the tenant's clock.
    pub(super) fn now(&self) -> Timestamp {
        self.tenant.as_ref().map_or_else(Timestamp::now, |tenant| tenant.clock.now())
    }

    /// Takes the fault for this request, if there is one.
    pub(super) fn fault(&self, now: Timestamp) -> Option<Fault> {
        self.tenant.as_ref()?.faults.next(self.endpoint?, now)
    }

    /// Begins the journal entry of the request.
    pub(super) fn recording(self, context: Context, fault: Option<&Fault>) -> Recording {
        let tenant = self.tenant.as_ref().map(|tenant| tenant.id);
        let entry = self.endpoint.map(|endpoint| Entry::unanswered(endpoint, tenant, &context, fault));
        Recording { addressed: self, entry }
    }
}

/// A journal entry that is written on drop, which is after the response or when the client disconnects.
pub(super) struct Recording {
    addressed: Addressed,
    entry: Option<Entry>,
}

impl Recording {
    pub(super) fn answered(mut self, response: &Response) {
        self.entry = self.entry.take().map(|entry| entry.answered(response));
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let Some(entry) = self.entry.take().map(Arc::new) else { return };
        if let Some(tenant) = &self.addressed.tenant {
            tenant.journal.add(Arc::clone(&entry));
        }
        self.addressed.journal.add(entry);
    }
}

fn resolved(segment: &TenantSegment, state: &AppState) -> Option<Arc<LiveTenant>> {
    let resolved = segment.resolve(&state.tenants, errors::Endpoint::Discovery).ok()?;
    Some(Arc::clone(resolved.tenant().unwrap_or(state.tenants.first())))
}

/// Returns the tenant in the URL that an instance discovery request asks about.
fn asked_about(query: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, url) = pairs.find(|(name, _)| name == "authorization_endpoint")?;
    Some(Url::parse(&url).ok()?.path_segments()?.next()?.to_owned())
}
