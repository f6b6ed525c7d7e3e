//! Section `[azure_ad]`, with the accepted tenants and this API's registration.

use std::time::Duration;

use entra_shared::azure_ad::{Authority, EndpointUrl, Endpoints, Instance, PERSONAL_ACCOUNTS, Version};
use entra_shared::ids::{AppIdUri, ClientId, Domain, TenantId};
use entra_shared::loopback::is_loopback_host;
use entra_shared::settings::KeyProblem;
use serde::Deserialize;

use entra_guard::authentication::{Tenancy, TenantIndependentEndpoint};

/// Section `[azure_ad]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureAdSettings {
    /// The base URL of Entra ID.
    pub instance: Instance,
    /// A domain of the tenant, used in URLs instead of its id.
    pub domain: Option<Domain>,
    /// The issuer of the tenant's v2.0 tokens, if it is not the instance's.
    pub issuer: Option<EndpointUrl>,
    /// The tenant's discovery document, if it is not at the instance.
    pub metadata_url: Option<EndpointUrl>,
    /// Whether this API has a custom signing key, which Entra publishes for it alone.
    #[serde(default)]
    pub custom_signing_key: bool,
    /// The accepted tenant, or the endpoint of several tenants.
    pub tenant_id: Tenant,
    /// The accepted tenants if `tenant_id` is an endpoint of several.
    #[serde(default)]
    pub accepted_tenants: Vec<TenantId>,
    /// The client id of this API.
    pub client_id: ClientId,
    /// The accepted versions of access tokens.
    pub accepted_token_versions: Vec<Version>,
    /// Additional audiences of v1.0 tokens.
    pub app_id_uris: Vec<AppIdUri>,
    /// Maximum difference between Entra's clock and this machine's, in seconds.
    pub clock_skew_seconds: u32,
}

/// Maximum clock skew in seconds, the default of Microsoft's own libraries.
const LONGEST_CLOCK_SKEW_SECONDS: u32 = 300;

/// The value of `tenant_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Tenant {
    /// One tenant.
    One(TenantId),
    /// The tenants in `accepted_tenants`.
    Listed(TenantIndependentEndpoint),
}

/// The text is not a [`Tenant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTenant {
    /// Neither a tenant id nor a known endpoint.
    #[error(
        "not a GUID like 00000000-0000-0000-0000-000000000000, nor `organizations` or `common` for several tenants"
    )]
    NotATenant,
    /// A domain of a tenant.
    #[error(
        "not a GUID, but a domain; set that as `azure_ad.domain`, and the Directory (tenant) ID as `azure_ad.tenant_id`"
    )]
    Domain,
    /// The endpoint of personal accounts, which have no apps.
    #[error(
        "`consumers` contains only personal accounts, which have no apps; use a tenant's GUID, or `organizations`"
    )]
    Consumers,
}

impl AzureAdSettings {
    /// Returns the tenants whose tokens are accepted.
    #[must_use]
    pub fn tenancy(&self) -> Tenancy {
        let tenancy = match self.tenant_id {
            Tenant::One(tenant) => {
                let authority = Authority::new(self.instance.clone(), tenant, self.domain.as_ref());
                Tenancy::from(authority.with_endpoints(Endpoints {
                    issuer: self.issuer.clone(),
                    metadata_url: self.metadata_url.clone(),
                    token_endpoint: None,
                }))
            }
            Tenant::Listed(endpoint) => Tenancy::of_tenants(&self.instance, endpoint, &self.accepted_tenants),
        };
        if self.custom_signing_key { tenancy.with_custom_signing_key(self.client_id) } else { tenancy }
    }

    /// Returns the allowed clock skew.
    #[must_use]
    pub fn clock_skew(&self) -> Duration {
        Duration::from_secs(self.clock_skew_seconds.into())
    }

    /// Checks the section as a whole.
    ///
    /// # Errors
    /// The tenants contradict each other or are missing, no version is accepted, or the clock skew is too large.
    pub fn check(&self) -> Result<(), KeyProblem> {
        let is_of_personal_accounts = |tenant: &TenantId| tenant.to_string() == PERSONAL_ACCOUNTS;
        let several = matches!(self.tenant_id, Tenant::Listed(_));
        let (key, problem) = if self.accepted_token_versions.is_empty() {
            ("azure_ad.accepted_token_versions", "must name a version")
        } else if self.clock_skew_seconds > LONGEST_CLOCK_SKEW_SECONDS {
            ("azure_ad.clock_skew_seconds", "must be at most 300; correct the machine's clock instead")
        } else if !several && !self.accepted_tenants.is_empty() {
            (
                "azure_ad.accepted_tenants",
                "is only for `azure_ad.tenant_id = \"organizations\"` or \"common\"; leave it empty, or the tenant out",
            )
        } else if several && self.domain.is_some() {
            ("azure_ad.domain", "names one tenant, and `azure_ad.tenant_id` stands for several; leave it out")
        } else if several && self.issuer.is_some() {
            ("azure_ad.issuer", "names one tenant, and `azure_ad.tenant_id` stands for several; leave it out")
        } else if several && self.metadata_url.is_some() {
            (
                "azure_ad.metadata_url",
                "names one tenant, and `azure_ad.tenant_id` stands for several; leave it out",
            )
        } else if several && self.accepted_tenants.is_empty() {
            (
                "azure_ad.accepted_tenants",
                "must list the ids of the tenants whose tokens are accepted, since `azure_ad.tenant_id` names none",
            )
        } else if self.accepted_tenants.iter().any(is_of_personal_accounts) {
            ("azure_ad.accepted_tenants", "must not list the tenant of personal accounts, which has no apps")
        } else {
            return Ok(());
        };
        Err(KeyProblem::new(key, problem))
    }

    /// Refuses the demo's ids with an instance on another machine, where they name nothing.
    ///
    /// # Errors
    /// `client_id` or `tenant_id` was never set.
    pub(super) fn check_defaults(&self, is_default: &dyn Fn(&str) -> bool) -> Result<(), KeyProblem> {
        if self.instance.url().host_str().is_some_and(is_loopback_host) {
            return Ok(());
        }
        let ids = [
            ("azure_ad.client_id", "is the demo's API; set AZURE_AD__CLIENT_ID to this API's client id"),
            ("azure_ad.tenant_id", "is the demo's tenant; set AZURE_AD__TENANT_ID to the tenant's id"),
        ];
        let unset = ids.into_iter().find(|(key, _)| is_default(key));
        unset.map_or(Ok(()), |(key, problem)| Err(KeyProblem::new(key, problem)))
    }
}

impl TryFrom<String> for Tenant {
    type Error = InvalidTenant;

    fn try_from(text: String) -> Result<Self, InvalidTenant> {
        match text.as_str() {
            "organizations" => Ok(Self::Listed(TenantIndependentEndpoint::Organizations)),
            "common" => Ok(Self::Listed(TenantIndependentEndpoint::Common)),
            "consumers" => Err(InvalidTenant::Consumers),
            id if Domain::parse(id).is_ok() => Err(InvalidTenant::Domain),
            id => TenantId::parse(id).map(Self::One).map_err(|_| InvalidTenant::NotATenant),
        }
    }
}
