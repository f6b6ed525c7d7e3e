//! Whom a request is for: looked up before anything else, since the tenant's clock, faults and journal go with it.

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
    /// Requests that stand for many tenants (`common`) are the first one's.
    tenant: Option<Arc<LiveTenant>>,
    /// The journal of all tenants.
    journal: Arc<Journal>,
}

impl Addressed {
    /// A request for this endpoint, if it is for one.
    pub(super) async fn by(endpoint: Option<Endpoint>, request: &mut Request, state: &AppState) -> Self {
        // The segment is decoded as the endpoint's own is, so that both see the same tenant.
        let Ok(segment) = request.extract_parts::<TenantSegment>().await;
        let tenant = endpoint.and_then(|endpoint| match endpoint {
            Endpoint::Instance => resolved(&TenantSegment::of(asked_about(request.uri().query()?)?), state),
            Endpoint::ManagedIdentity => identity_query::tenant(request.uri().query(), state),
            _ => resolved(&segment, state),
        });
        Self { endpoint, tenant, journal: Arc::clone(&state.tenants.journal) }
    }

    /// The time by the tenant's clock.
    pub(super) fn now(&self) -> Timestamp {
        self.tenant.as_ref().map_or_else(Timestamp::now, |tenant| tenant.clock.now())
    }

    /// What is to go wrong this time.
    pub(super) fn fault(&self, now: Timestamp) -> Option<Fault> {
        self.tenant.as_ref()?.faults.next(self.endpoint?, now)
    }

    /// Begins the journals' entry on the request.
    pub(super) fn recording(self, context: Context, fault: Option<&Fault>) -> Recording {
        let tenant = self.tenant.as_ref().map(|tenant| tenant.id);
        let entry = self.endpoint.map(|endpoint| Entry::unanswered(endpoint, tenant, &context, fault));
        Recording { addressed: self, entry }
    }
}

/// An entry that goes into the journals once there is an answer, or once the client gave up waiting for one.
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

/// The tenant in the URL that instance discovery is asked about.
fn asked_about(query: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, url) = pairs.find(|(name, _)| name == "authorization_endpoint")?;
    Some(Url::parse(&url).ok()?.path_segments()?.next()?.to_owned())
}
