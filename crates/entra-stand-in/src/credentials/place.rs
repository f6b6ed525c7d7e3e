//! Where a client proves itself: what its assertions have to be made for.

use entra_shared::azure_ad::Instance;
use entra_shared::ids::TenantId;
use url::Url;

use crate::directory::{Directory, Tenant};
use crate::origin::{Origin, is_entras};

/// What may follow the tenant in the audience of an assertion: either token endpoint, or either issuer.
const PATHS: [&str; 4] = ["oauth2/v2.0/token", "oauth2/token", "v2.0", ""];

/// A tenant at the base URL that the client used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) base: &'a Instance,
    /// The stand-in's other names, by which clients know it as well.
    pub(crate) origin: &'a Origin,
    pub(crate) directory: &'a Directory,
    pub(crate) tenant: &'a Tenant,
}

impl Place<'_> {
    /// Whether an assertion's audience is this tenant: by its token endpoints or issuers, by its id or a domain.
    ///
    /// Under any name and port of the stand-in's: libraries make the URL of the host that they were given.
    pub(super) fn is_audience(&self, audience: &str) -> bool {
        let Ok(url) = Url::parse(audience) else { return false };
        let Some(path) = self.path(&url) else { return false };
        let (segment, rest) = path.split_once('/').unwrap_or((path, ""));
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        self.is_tenant(segment) && PATHS.contains(&rest)
    }

    /// Whether an audience is the one that is documented: the v2.0 token endpoint of the tenant, by its id.
    pub(super) fn is_documented_audience(&self, audience: &str) -> bool {
        let endpoint = |base: &Instance| format!("{base}/{}/oauth2/v2.0/token", self.tenant.id);
        [self.base, self.origin.canonical()].into_iter().any(|base| endpoint(base) == audience)
    }

    /// A tenant that a test made is in no directory, and has no domain.
    fn is_tenant(&self, segment: &str) -> bool {
        let named = || self.directory.tenant_named(segment).map(|tenant| tenant.id);
        TenantId::parse(segment).ok().or_else(named) == Some(self.tenant.id)
    }

    /// Whether a token is the stand-in's own, under whatever name and port of its own, or the real Entra's.
    pub(super) fn is_entra(&self, issuer: &str) -> bool {
        let Ok(url) = Url::parse(issuer) else { return false };
        if url.host_str().is_some_and(is_entras) {
            return true;
        }
        // Another program of this machine may issue under the same name: by its port, and not of this tenant.
        let port = url.port_or_known_default();
        let ports = [self.base, self.origin.canonical()].map(|base| base.url().port_or_known_default());
        let path = self.path(&url);
        let names_tenant =
            || path.is_some_and(|path| self.is_tenant(path.split('/').next().unwrap_or_default()));
        path.is_some() && (ports.contains(&port) || port == Some(self.origin.port()) || names_tenant())
    }

    /// What follows the base URL in a URL of the stand-in's, whatever its port.
    fn path<'u>(&self, url: &'u Url) -> Option<&'u str> {
        let is_bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        let is_own = url.scheme() == "https" && url.host_str().is_some_and(|host| self.origin.is_own(host));
        if !is_own || !is_bare || url.fragment().is_some() {
            return None;
        }
        let base = self.origin.canonical().url().path().trim_end_matches('/');
        let path = url.path();
        path.strip_prefix(base).and_then(|rest| rest.strip_prefix('/')).or_else(|| path.strip_prefix('/'))
    }
}
