//! The path segment that names a tenant.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use entra_shared::azure_ad::{Instance, Version};
use entra_shared::ids::{Domain, TenantId};
use http::request::Parts;

use crate::directory::Tenant;
use crate::errors::{Echo, Endpoint, Refusal};
use crate::tenants::{LiveTenant, Tenants};

/// The tenant of all personal accounts, the same everywhere.
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The first segment of the path.
#[derive(Debug)]
pub(super) struct TenantSegment(String);

/// The tenant, or tenants, that the segment names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named<'d> {
    /// A tenant, named by its id or one of its domains.
    Tenant(&'d Tenant),
    /// The tenant of the account that signs in.
    Any(Alias),
}

/// The tenant of a request, with its directory entry at that time.
#[derive(Debug)]
pub(crate) enum Resolved {
    Tenant(Arc<LiveTenant>, Arc<Tenant>),
    Any(Alias),
}

/// A name that stands for many tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alias {
    /// Work, school and personal accounts.
    Common,
    /// Work and school accounts.
    Organizations,
    /// Personal accounts.
    Consumers,
}

impl<S: Send + Sync> FromRequestParts<S> for TenantSegment {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        // A segment that is not UTF-8 names no tenant.
        let path = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(path.map(|Path(segment)| segment).unwrap_or_default()))
    }
}

impl TenantSegment {
    /// Creates the segment of another URL.
    pub(super) fn new(segment: String) -> Self {
        Self(segment)
    }

    /// Finds the tenant of the segment, ignoring case.
    pub(super) fn resolve(&self, tenants: &Tenants, endpoint: Endpoint) -> Result<Resolved, Refusal> {
        Self::named(&self.0, tenants, endpoint)
    }

    /// Finds the tenant of another URL's segment.
    pub(super) fn named(segment: &str, tenants: &Tenants, endpoint: Endpoint) -> Result<Resolved, Refusal> {
        if let Some(alias) = Alias::parse(segment) {
            return Ok(Resolved::Any(alias));
        }
        let tenant = if let Ok(id) = TenantId::parse(segment) {
            tenants.tenant(id)
        } else if Domain::parse(segment).is_ok() {
            tenants.by_domain(segment)
        } else {
            return Err(Refusal::MalformedTenant { tenant: Echo::new(segment) });
        };
        tenant
            .map(Resolved::for_tenant)
            .ok_or_else(|| Refusal::UnknownTenant { tenant: Echo::new(segment), endpoint })
    }
}

impl Resolved {
    fn for_tenant(tenant: Arc<LiveTenant>) -> Self {
        let entry = tenant.entry();
        Self::Tenant(tenant, entry)
    }

    /// Returns the tenant, unless it is an alias.
    pub(crate) fn tenant(&self) -> Option<&Arc<LiveTenant>> {
        match self {
            Self::Tenant(tenant, _) => Some(tenant),
            Self::Any(_) => None,
        }
    }

    pub(super) fn named(&self) -> Named<'_> {
        match self {
            Self::Tenant(_, entry) => Named::Tenant(entry),
            Self::Any(alias) => Named::Any(*alias),
        }
    }
}

impl Alias {
    fn parse(segment: &str) -> Option<Self> {
        [Self::Common, Self::Organizations, Self::Consumers]
            .into_iter()
            .find(|alias| alias.as_str().eq_ignore_ascii_case(segment))
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::Organizations => "organizations",
            Self::Consumers => "consumers",
        }
    }
}

impl Named<'_> {
    /// Returns the tenant's name in URLs, which is its id even if the client used a domain.
    pub(super) fn segment(self) -> String {
        match self {
            Self::Tenant(tenant) => tenant.id.to_string(),
            Self::Any(alias) => alias.as_str().to_owned(),
        }
    }

    pub(super) fn has_own_key_set(self) -> bool {
        matches!(self, Self::Tenant(tenant) if tenant.has_own_key_set)
    }

    /// Returns the issuer of its tokens; for an alias, with a placeholder for the tenant.
    pub(super) fn issuer(self, base: &Instance, version: Version) -> String {
        let tenant = match self {
            Self::Tenant(tenant) => return base.issuer(tenant.id, version),
            Self::Any(Alias::Common | Alias::Organizations) => "{tenantid}",
            Self::Any(Alias::Consumers) => PERSONAL_ACCOUNTS,
        };
        match version {
            Version::V1 => format!("{base}/{tenant}/"),
            Version::V2 => format!("{base}/{tenant}/v2.0"),
        }
    }
}
