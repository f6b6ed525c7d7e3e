//! Where a client proves itself: what its assertions have to be made for.

use shared::azure_ad::Instance;
use shared::ids::TenantId;

use crate::directory::{Directory, Tenant};

/// What may follow the tenant in the audience of an assertion: either token endpoint, or either issuer.
const PATHS: [&str; 4] = ["oauth2/v2.0/token", "oauth2/token", "v2.0", ""];

/// A tenant at the base URL that the client used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) base: &'a Instance,
    /// The base URL for whoever knows no better one, which clients use as well.
    pub(crate) canonical: &'a Instance,
    pub(crate) directory: &'a Directory,
    pub(crate) tenant: &'a Tenant,
}

impl Place<'_> {
    /// Whether an assertion's audience is this tenant: by its token endpoints or issuers, by its id or a domain.
    pub(super) fn is_audience(&self, audience: &str) -> bool {
        let Some(path) = self.path(audience) else { return false };
        let (segment, rest) = path.split_once('/').unwrap_or((path, ""));
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        self.is_tenant(segment) && PATHS.contains(&rest)
    }

    /// Whether an audience is the one that is documented: the v2.0 token endpoint of the tenant, by its id.
    pub(super) fn is_documented_audience(&self, audience: &str) -> bool {
        let endpoint = |base: &Instance| format!("{base}/{}/oauth2/v2.0/token", self.tenant.id);
        [self.base, self.canonical].iter().any(|base| endpoint(base) == audience)
    }

    /// A tenant that a test made is in no directory, and has no domain.
    fn is_tenant(&self, segment: &str) -> bool {
        let named = || self.directory.tenant_named(segment).map(|tenant| tenant.id);
        TenantId::parse(segment).ok().or_else(named) == Some(self.tenant.id)
    }

    /// Whether an issuer is the stand-in itself.
    pub(super) fn is_own_issuer(&self, issuer: &str) -> bool {
        self.path(issuer).is_some()
    }

    /// What follows the base URL.
    fn path<'t>(&self, url: &'t str) -> Option<&'t str> {
        [self.base, self.canonical].iter().find_map(|base| {
            let base = base.as_str();
            let (start, rest) = url.split_at_checked(base.len())?;
            start.eq_ignore_ascii_case(base).then(|| rest.strip_prefix('/')).flatten()
        })
    }
}
