//! The directory of tenants, their apps, and grants.

mod changes;
mod error;
mod files;
mod formats;
mod managed_identities;
mod manifest;
mod pairs;
mod registration;
mod registrations;
mod secrets;
mod tenants;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use entra_shared::azure_ad::Version;
use entra_shared::ids::{AppIdUri, ClientId, ObjectId, TenantId};
use entra_shared::settings::Environment;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use changes::RegistrationError;
pub use error::DirectoryError;
pub use formats::{ManifestFormat, graph_manifest};
pub(crate) use managed_identities::{IdentityName, ManagedIdentity};
pub(crate) use registration::Registration;
pub use registrations::{ManifestFile, RegisteredPrincipal, RegisteredTenant, Registrations};

use crate::credentials::Credential;
use files::Files;

/// Tenants, app registrations and grants.
#[derive(Debug, Clone)]
pub struct Directory {
    tenants: HashMap<TenantId, Tenant>,
    domains: HashMap<String, TenantId>,
    first: TenantId,
    /// All registrations, including those without a service principal.
    applications: HashMap<ClientId, Arc<Application>>,
}

/// A tenant. Those that tests create can be stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) display_name: String,
    pub(crate) region: Option<String>,
    /// Whether it has its own key set; the other tenants share one under `common`, like Entra's.
    pub(crate) has_own_key_set: bool,
    principals: HashMap<ClientId, ServicePrincipal>,
    /// Ids of the granted roles, by client and resource; the nil id is an assignment without a role.
    #[serde(with = "pairs")]
    grants: HashMap<(ClientId, ClientId), Vec<Uuid>>,
    /// Only tenants of the directory have any.
    #[serde(skip)]
    managed_identities: Vec<ManagedIdentity>,
}

/// A service principal, which represents an app in a tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServicePrincipal {
    pub(crate) application: Arc<Application>,
    pub(crate) object_id: ObjectId,
    pub(crate) enabled: bool,
    pub(crate) assignment_required: bool,
}

/// An app registration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Application {
    pub(crate) client_id: ClientId,
    pub(crate) display_name: String,
    pub(crate) identifier_uris: Vec<AppIdUri>,
    pub(crate) app_roles: Vec<AppRoleDefinition>,
    pub(crate) token_version: Version,
    /// The minimum and maximum lifetime of its access tokens, if a policy sets them.
    pub(crate) token_lifetime: Option<RangeInclusive<Duration>>,
    pub(crate) optional_claims: OptionalClaims,
    pub(crate) credentials: Vec<Credential>,
    /// Whether it is a public client, such as an app on a device.
    pub(crate) is_public: bool,
    /// Whether other tenants may have a service principal for it.
    pub(crate) is_multi_tenant: bool,
    /// The app roles that it requests, by resource; requested roles are not granted by that.
    pub(crate) required_roles: Vec<(ClientId, Uuid)>,
}

/// An app role in a resource's registration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AppRoleDefinition {
    pub(crate) id: Uuid,
    /// The value in the `roles` claim; a role without one is granted by its id and never appears.
    pub(crate) value: Option<String>,
    /// Whether the role can be granted. Existing grants stay in any case.
    pub(crate) enabled: bool,
    pub(crate) for_applications: bool,
}

/// The optional claims that a resource requests for its access tokens.
///
/// <https://learn.microsoft.com/entra/identity-platform/optional-claims-reference>
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct OptionalClaims {
    /// `idtyp`: `app` in app-only tokens.
    pub(crate) idtyp: bool,
    /// Whether `aud` has the property `use_guid`, so that v1.0 tokens always have the client id as their audience.
    pub(crate) aud_as_guid: bool,
    /// `xms_cc`: the client's capabilities.
    pub(crate) client_capabilities: bool,
}

impl Directory {
    /// Builds the built-in directory: the tenant Contoso with two APIs and three clients.
    ///
    /// Client secrets come from the variables that the directory names, or are the documented development defaults.
    ///
    /// # Errors
    /// A variable with a client secret is invalid.
    pub fn seeded(environment: &Environment) -> Result<Self, DirectoryError> {
        Files::seeded().directory(environment)
    }

    /// Reads a folder with `directory.toml` and `applications/*.json`; client secrets as for [`Directory::seeded`].
    ///
    /// # Errors
    /// Names the file, the key in it and the remedy.
    pub fn load(folder: &Path, environment: &Environment) -> Result<Self, DirectoryError> {
        Files::read(folder)?.directory(environment)
    }

    /// Returns the tenant with this id.
    pub(crate) fn tenant(&self, id: TenantId) -> Option<&Tenant> {
        self.tenants.get(&id)
    }

    /// Returns the tenant with this domain name, ignoring case.
    pub(crate) fn tenant_by_domain(&self, domain: &str) -> Option<&Tenant> {
        self.tenant(*self.domains.get(&domain.to_ascii_lowercase())?)
    }

    /// Returns the tenant with this id or domain.
    pub(crate) fn tenant_named(&self, text: &str) -> Option<&Tenant> {
        TenantId::parse(text).map_or_else(|_| self.tenant_by_domain(text), |id| self.tenant(id))
    }

    /// Returns whether an app could be added to a tenant. It must be registered, and multi-tenant or in no tenant yet.
    pub(crate) fn could_be_added(&self, client: ClientId) -> bool {
        let elsewhere = || self.tenants.values().any(|tenant| tenant.principal(client).is_some());
        self.applications.get(&client).is_some_and(|app| app.is_multi_tenant || !elsewhere())
    }

    /// Returns the first tenant.
    pub(crate) fn first_tenant(&self) -> Option<&Tenant> {
        self.tenant(self.first)
    }
}

impl Tenant {
    /// Returns the app with this client id, if it is in the tenant.
    pub(crate) fn principal(&self, client: ClientId) -> Option<&ServicePrincipal> {
        self.principals.get(&client)
    }

    /// Returns the apps that define roles for clients, sorted by name.
    pub(crate) fn apis(&self) -> Vec<&Application> {
        let mut apis: Vec<&Application> = self.principals.values().map(|entry| &*entry.application).collect();
        apis.retain(|api| !api.role_values().is_empty());
        apis.sort_by_key(|api| (&api.display_name, api.client_id));
        apis
    }

    /// Returns the requested resource. It is named by client id, or by App ID URI with or without a trailing slash.
    pub(crate) fn resource(&self, requested: &str) -> Option<&ServicePrincipal> {
        if let Ok(client) = ClientId::parse(requested) {
            return self.principal(client);
        }
        let requested = bare(requested);
        let named = |uri: &AppIdUri| bare(uri.as_str()) == requested;
        self.principals.values().find(|principal| principal.application.identifier_uris.iter().any(named))
    }

    /// Returns whether the client has any grant on the resource.
    pub(crate) fn is_assigned(&self, client: &Application, resource: &Application) -> bool {
        self.grants.contains_key(&(client.client_id, resource.client_id))
    }

    /// Returns the values of the resource's roles that the client requests without consent.
    pub(crate) fn roles_without_consent<'d>(
        &self,
        client: &Application,
        resource: &'d Application,
    ) -> Vec<&'d str> {
        let granted = self.grants.get(&(client.client_id, resource.client_id));
        let lacks = |role: &&AppRoleDefinition| {
            client.required_roles.contains(&(resource.client_id, role.id))
                && !granted.is_some_and(|ids| ids.contains(&role.id))
        };
        resource.app_roles.iter().filter(lacks).filter_map(|role| role.value.as_deref()).collect()
    }

    /// Returns the values of the client's granted roles, in the order of the resource's registration.
    ///
    /// A role that was disabled after it was granted stays in tokens.
    /// <https://learn.microsoft.com/entra/identity-platform/howto-add-app-roles-in-apps>
    pub(crate) fn roles(&self, client: &Application, resource: &Application) -> Vec<String> {
        let granted = self.grants.get(&(client.client_id, resource.client_id));
        let is_granted = |role: &&AppRoleDefinition| granted.is_some_and(|ids| ids.contains(&role.id));
        resource.app_roles.iter().filter(is_granted).filter_map(|role| role.value.clone()).collect()
    }
}

impl Application {
    /// Returns the values of the roles that clients can be granted.
    pub(crate) fn role_values(&self) -> Vec<String> {
        let for_applications = self.app_roles.iter().filter(|role| role.for_applications);
        for_applications.filter_map(|role| role.value.clone()).collect()
    }
}

/// Removes the trailing slash of an App ID URI.
fn bare(uri: &str) -> &str {
    uri.strip_suffix('/').unwrap_or(uri)
}
