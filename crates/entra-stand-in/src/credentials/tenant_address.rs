//! The URLs that name a tenant of the stand-in in an assertion's `aud` and `iss`.

use std::collections::HashMap;

use entra_shared::azure_ad::{Instance, Version};
use entra_shared::ids::TenantId;
use url::Url;

use crate::origin::{Origin, is_entras};

/// The paths that may follow the tenant in an assertion's audience. They are those of both token endpoints and both
/// issuers.
const PATHS: [&str; 4] = ["oauth2/v2.0/token", "oauth2/token", "v2.0", ""];

/// A tenant at the base URL that the client used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TenantAddress<'a> {
    pub(crate) base: &'a Instance,
    /// The stand-in's other host names and ports.
    pub(crate) origin: &'a Origin,
    pub(crate) tenant: TenantId,
    /// The domain names of all tenants, in lower case.
    pub(crate) domains: &'a HashMap<String, TenantId>,
}

impl TenantAddress<'_> {
    /// Returns whether an audience is a token endpoint or issuer of this tenant, named by its id or a domain.
    ///
    /// Accepts any host name and port of the stand-in, since libraries build the URL from the host they were given.
    pub(super) fn is_audience(&self, audience: &str) -> bool {
        let Ok(url) = Url::parse(audience) else { return false };
        let Some(path) = self.path(&url) else { return false };
        let (segment, rest) = path.split_once('/').unwrap_or((path, ""));
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        self.is_tenant(segment) && PATHS.contains(&rest)
    }

    /// Returns whether an audience is the documented one, which is the tenant's v2.0 token endpoint with the tenant's
    /// id.
    pub(super) fn is_documented_audience(&self, audience: &str) -> bool {
        let endpoint = |base: &Instance| format!("{base}/{}/oauth2/v2.0/token", self.tenant);
        [self.base, self.origin.canonical()].into_iter().any(|base| endpoint(base) == audience)
    }

    /// Tenants that a test created have an id only, since no directory lists a domain for them.
    fn is_tenant(&self, segment: &str) -> bool {
        let by_domain = || self.domains.get(&segment.to_ascii_lowercase()).copied();
        TenantId::parse(segment).ok().or_else(by_domain) == Some(self.tenant)
    }

    /// Returns whether an issuer is this stand-in, under any of its names and ports, or the real Entra.
    pub(super) fn is_entra(&self, issuer: &str) -> bool {
        let Ok(url) = Url::parse(issuer) else { return false };
        if url.host_str().is_some_and(is_entras) {
            return true;
        }
        // Another program on this machine may issue under the same host name, on another port and for other tenants.
        let port = url.port_or_known_default();
        let ports = [self.base, self.origin.canonical()].map(|base| base.url().port_or_known_default());
        let path = self.path(&url);
        let names_tenant =
            || path.is_some_and(|path| self.is_tenant(path.split('/').next().unwrap_or_default()));
        path.is_some() && (ports.contains(&port) || port == Some(self.origin.port()) || names_tenant())
    }

    /// Returns whether an issuer is the one of this tenant's v2.0 tokens, at the client's base URL or the canonical
    /// one.
    pub(super) fn is_own_v2_issuer(&self, issuer: &str) -> bool {
        [self.base, self.origin.canonical()]
            .into_iter()
            .any(|base| base.issuer(self.tenant, Version::V2) == issuer)
    }

    /// Returns the path below the base URL, if the URL is the stand-in's on any port.
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
