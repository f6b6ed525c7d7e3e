//! The tenants whose tokens are accepted, and their issuers.

use std::collections::BTreeMap;

use entra_shared::azure_ad::{Authority, Instance, TENANT_PLACEHOLDER, Version};
use entra_shared::ids::{ClientId, TenantId};
use url::Url;

/// The accepted tenants: one, or those on a list. Any other tenant is refused.
///
/// <https://learn.microsoft.com/entra/identity-platform/single-and-multi-tenant-apps>
#[derive(Debug, Clone)]
pub struct Tenancy {
    discovery_document: Url,
    metadata_issuer: String,
    tenants: BTreeMap<TenantId, Issuers>,
}

/// The endpoints whose metadata is for many tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantIndependentEndpoint {
    /// Work and school accounts.
    Organizations,
    /// Work, school and personal accounts.
    Common,
}

/// The issuers of one tenant's tokens.
#[derive(Debug, Clone)]
pub(super) struct Issuers {
    tenant: String,
    v1: String,
    v2: String,
}

impl Tenancy {
    /// Accepts one tenant, which the metadata URL names by its id.
    #[must_use]
    pub fn single(instance: Instance, tenant: TenantId) -> Self {
        Self::from(Authority::new(instance, tenant, None))
    }

    /// Accepts the tenants in `tenants`, whose keys come from the metadata of `endpoint`.
    #[must_use]
    pub fn of_tenants(
        instance: &Instance,
        endpoint: TenantIndependentEndpoint,
        tenants: &[TenantId],
    ) -> Self {
        Self {
            discovery_document: instance.discovery_document(endpoint.as_str(), Version::V2),
            metadata_issuer: instance.issuer_template(Version::V2),
            tenants: tenants.iter().map(|tenant| (*tenant, Issuers::for_tenant(instance, *tenant))).collect(),
        }
    }

    /// Requests the custom signing key of this API, which a registration with claims mapping has.
    ///
    /// Entra publishes that key in no other document.
    /// <https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-signature>
    #[must_use]
    pub fn with_custom_signing_key(mut self, client_id: ClientId) -> Self {
        self.discovery_document.query_pairs_mut().append_pair("appid", &client_id.to_string());
        self
    }

    /// Returns whether a key set may come from this URL: from the origin of the metadata or of the issuer.
    pub(super) fn is_key_set(&self, url: &Url) -> bool {
        let is_bare = url.username().is_empty() && url.password().is_none();
        let issuer = Url::parse(&self.metadata_issuer).ok();
        let origins = [Some(&self.discovery_document), issuer.as_ref()];
        // Both are https, and so is a URL of the same origin.
        is_bare && origins.into_iter().flatten().any(|trusted| trusted.origin() == url.origin())
    }

    /// Returns the URL of the v2.0 metadata, whose keys sign tokens of both versions.
    pub(super) fn discovery_document(&self) -> &Url {
        &self.discovery_document
    }

    /// Returns the `issuer` that the metadata must have; for several tenants it contains `{tenantid}`.
    pub(super) fn metadata_issuer(&self) -> &str {
        &self.metadata_issuer
    }

    /// Returns the issuers of a tenant's tokens, if the tenant is accepted.
    pub(super) fn issuers(&self, tenant: TenantId) -> Option<&Issuers> {
        self.tenants.get(&tenant)
    }
}

impl From<Authority> for Tenancy {
    fn from(authority: Authority) -> Self {
        let tenant = authority.tenant();
        let [v1, v2] = [Version::V1, Version::V2].map(|version| authority.issuer(version));
        Self {
            discovery_document: authority.discovery_document(Version::V2),
            metadata_issuer: v2.clone(),
            tenants: BTreeMap::from([(tenant, Issuers { tenant: tenant.to_string(), v1, v2 })]),
        }
    }
}

impl TenantIndependentEndpoint {
    /// Returns the path segment of the endpoint.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Organizations => "organizations",
            Self::Common => "common",
        }
    }
}

impl Issuers {
    fn for_tenant(instance: &Instance, tenant: TenantId) -> Self {
        Self {
            tenant: tenant.to_string(),
            v1: instance.issuer(tenant, Version::V1),
            v2: instance.issuer(tenant, Version::V2),
        }
    }

    /// Returns the `iss` of the tenant's tokens of this version.
    pub(super) fn for_version(&self, version: Version) -> &str {
        match version {
            Version::V1 => &self.v1,
            Version::V2 => &self.v2,
        }
    }

    /// Returns whether a key that is published for `key_issuer` may sign the tenant's tokens of this version.
    ///
    /// Entra publishes keys for the v2.0 issuer, and signs v1.0 tokens with the same keys.
    /// <https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer>
    pub(super) fn include(&self, key_issuer: &str, version: Version) -> bool {
        let key_issuer = key_issuer.replace(TENANT_PLACEHOLDER, &self.tenant);
        key_issuer == self.v2 || key_issuer == self.for_version(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20";
    const OTHER: &str = "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41";

    fn tenancy(endpoint: TenantIndependentEndpoint, tenants: &[&str]) -> Tenancy {
        let tenants: Vec<_> = tenants.iter().map(|id| TenantId::parse(id).unwrap()).collect();
        Tenancy::of_tenants(&Instance::parse("https://login.example").unwrap(), endpoint, &tenants)
    }

    #[test]
    fn the_metadata_of_many_tenants_has_a_place_for_one() {
        for (endpoint, name) in [
            (TenantIndependentEndpoint::Organizations, "organizations"),
            (TenantIndependentEndpoint::Common, "common"),
        ] {
            let tenancy = tenancy(endpoint, &[TENANT]);
            assert_eq!(
                tenancy.discovery_document().as_str(),
                format!("https://login.example/{name}/v2.0/.well-known/openid-configuration")
            );
            assert_eq!(tenancy.metadata_issuer(), "https://login.example/{tenantid}/v2.0");
        }
    }

    #[test]
    fn only_listed_tenants_have_issuers_and_each_its_own() {
        let tenancy = tenancy(TenantIndependentEndpoint::Organizations, &[TENANT, OTHER]);
        for tenant in [TENANT, OTHER] {
            let issuers = tenancy.issuers(TenantId::parse(tenant).unwrap()).unwrap();
            assert_eq!(issuers.for_version(Version::V1), format!("https://login.example/{tenant}/"));
            assert_eq!(issuers.for_version(Version::V2), format!("https://login.example/{tenant}/v2.0"));
        }
        let unlisted = TenantId::parse("9188040d-6c67-4c5b-b112-36a304b66dad").unwrap();
        assert!(tenancy.issuers(unlisted).is_none());
    }

    #[test]
    fn a_key_signs_for_the_tenants_that_its_issuer_names() {
        let tenancy = tenancy(TenantIndependentEndpoint::Common, &[TENANT, OTHER]);
        let issuers = tenancy.issuers(TenantId::parse(TENANT).unwrap()).unwrap();
        let own = format!("https://login.example/{TENANT}/v2.0");
        for version in [Version::V1, Version::V2] {
            for key_issuer in [own.as_str(), "https://login.example/{tenantid}/v2.0"] {
                assert!(issuers.include(key_issuer, version), "{key_issuer}");
            }
            for key_issuer in [
                "",
                "{tenantid}",
                "{tenantid}{tenantid}",
                "https://login.example/{tenantid}",
                "https://login.example/{tenantid}/v2.0/",
                "https://login.example/{tenantid}{tenantid}/v2.0",
                "https://login.example/{TenantId}/v2.0",
                "https://login.example.evil/{tenantid}/v2.0",
                &own.replace(TENANT, OTHER),
                &own.to_uppercase(),
            ] {
                assert!(!issuers.include(key_issuer, version), "{key_issuer}");
            }
        }
        let v1 = "https://login.example/{tenantid}/";
        assert_eq!([Version::V1, Version::V2].map(|version| issuers.include(v1, version)), [true, false]);
    }

    #[test]
    fn each_cloud_accepts_its_own_issuers_and_keys_and_no_others() {
        let tenant = TenantId::parse(TENANT).unwrap();
        let clouds = [
            "https://login.microsoftonline.com",
            "https://login.microsoftonline.us",
            "https://login.partner.microsoftonline.cn",
            "https://contoso.ciamlogin.com",
            "https://localhost:5000",
        ]
        .map(|instance| Instance::parse(instance).unwrap());
        let of = |cloud: &Instance| Tenancy::from(Authority::new(cloud.clone(), tenant, None));
        for (number, cloud) in clouds.iter().enumerate() {
            let tenancy = of(cloud);
            let issuers = tenancy.issuers(tenant).unwrap();
            for (other_number, other) in clouds.iter().enumerate() {
                let others = of(other);
                let others = others.issuers(tenant).unwrap();
                let same = number == other_number;
                let v2 = issuers.for_version(Version::V2) == others.for_version(Version::V2);
                assert_eq!(v2, same, "{cloud} {other}");
                // Those of the public and of the US Government cloud are one in v1.0; their keys are not.
                let v1 = issuers.for_version(Version::V1) == others.for_version(Version::V1);
                assert_eq!(v1, same || number.max(other_number) == 1, "{cloud} {other}");
                for key_issuer in [other.issuer(tenant, Version::V2), other.issuer_template(Version::V2)] {
                    for version in [Version::V1, Version::V2] {
                        assert_eq!(issuers.include(&key_issuer, version), same, "{cloud} {key_issuer}");
                    }
                }
            }
        }
    }
}
