//! The directory: tenants, the apps in them, and what was granted to whom.

mod changes;
mod error;
mod files;
mod formats;
mod managed_identities;
mod manifest;
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
use uuid::Uuid;

pub use changes::RegistrationError;
pub use error::DirectoryError;
pub use formats::{ManifestFormat, graph_manifest};
pub(crate) use managed_identities::{IdentityName, ManagedIdentity};
pub(crate) use registration::Registration;
pub use registrations::{ManifestFile, RegisteredPrincipal, RegisteredTenant, Registrations};

use crate::credentials::Credential;
use files::Files;

/// What the stand-in knows: tenants, app registrations, grants.
#[derive(Debug, Clone)]
pub struct Directory {
    tenants: HashMap<TenantId, Tenant>,
    domains: HashMap<String, TenantId>,
    first: TenantId,
    /// Every registration, those without a service principal too.
    applications: HashMap<ClientId, Arc<Application>>,
}

/// A tenant.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) display_name: String,
    pub(crate) region: Option<String>,
    /// Whether its keys are its own; other tenants share a key set under `common`, as Entra's do.
    pub(crate) has_own_key_set: bool,
    principals: HashMap<ClientId, ServicePrincipal>,
    /// Ids of the granted roles, by client and resource; the nil id is an assignment without a role.
    grants: HashMap<(ClientId, ClientId), Vec<Uuid>>,
    managed_identities: Vec<ManagedIdentity>,
}

/// An app in a tenant.
#[derive(Debug, Clone)]
pub(crate) struct ServicePrincipal {
    pub(crate) application: Arc<Application>,
    pub(crate) object_id: ObjectId,
    pub(crate) enabled: bool,
    pub(crate) assignment_required: bool,
}

/// An app registration.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    pub(crate) client_id: ClientId,
    pub(crate) display_name: String,
    pub(crate) identifier_uris: Vec<AppIdUri>,
    pub(crate) app_roles: Vec<AppRoleDefinition>,
    pub(crate) token_version: Version,
    /// How long its access tokens last at least and at most, where a policy of the tenant's says so.
    pub(crate) token_lifetime: Option<RangeInclusive<Duration>>,
    pub(crate) optional_claims: OptionalClaims,
    pub(crate) credentials: Vec<Credential>,
    /// Whether it is registered to work without a credential, as an app on a person's device.
    pub(crate) is_public: bool,
    /// Whether tenants other than its own may have it.
    pub(crate) is_multi_tenant: bool,
    /// The app roles that it asks for, by resource; asking gives none of them.
    pub(crate) required_roles: Vec<(ClientId, Uuid)>,
}

/// An app role as a resource's registration defines it.
#[derive(Debug, Clone)]
pub(crate) struct AppRoleDefinition {
    pub(crate) id: Uuid,
    /// What goes into the `roles` claim; a role without a value is granted by its id, and never seen.
    pub(crate) value: Option<String>,
    /// Whether it can be granted; who was granted it before keeps it.
    pub(crate) enabled: bool,
    pub(crate) for_applications: bool,
}

/// What a resource asked to find in its access tokens beside the usual claims.
///
/// <https://learn.microsoft.com/entra/identity-platform/optional-claims-reference>
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OptionalClaims {
    /// `idtyp`: `app` in app-only tokens.
    pub(crate) idtyp: bool,
    /// `aud` with `use_guid`: the client id as audience of v1.0 tokens, whatever was asked for.
    pub(crate) aud_as_guid: bool,
    /// `xms_cc`: what the client says that it can handle.
    pub(crate) client_capabilities: bool,
}

impl Directory {
    /// The directory that is built in: the tenant Contoso with two APIs and three clients.
    ///
    /// Client secrets come from the variables of `environment` that the directory names, and are the documented
    /// development defaults where it is empty.
    ///
    /// # Errors
    /// A variable with a client secret cannot be used.
    pub fn seeded(environment: &Environment) -> Result<Self, DirectoryError> {
        Files::seeded().directory(environment)
    }

    /// Reads a folder with `directory.toml` and `applications/*.json`; client secrets as for [`Directory::seeded`].
    ///
    /// # Errors
    /// Names the file, the key in it and the remedy.
    pub fn load(folder: &Path, environment: &Environment) -> Result<Self, DirectoryError> {
        Files::of(folder)?.directory(environment)
    }

    /// The tenant of this id.
    pub(crate) fn tenant(&self, id: TenantId) -> Option<&Tenant> {
        self.tenants.get(&id)
    }

    /// The tenant that has this domain name; case does not matter.
    pub(crate) fn tenant_by_domain(&self, domain: &str) -> Option<&Tenant> {
        self.tenant(*self.domains.get(&domain.to_ascii_lowercase())?)
    }

    /// The tenant that a text names, by its id or one of its domains.
    pub(crate) fn tenant_named(&self, text: &str) -> Option<&Tenant> {
        TenantId::parse(text).map_or_else(|_| self.tenant_by_domain(text), |id| self.tenant(id))
    }

    /// Whether an app that is not in a tenant could be: it is registered, and not in another tenant for itself alone.
    pub(crate) fn could_be_added(&self, client: ClientId) -> bool {
        let elsewhere = || self.tenants.values().any(|tenant| tenant.principal(client).is_some());
        self.applications.get(&client).is_some_and(|app| app.is_multi_tenant || !elsewhere())
    }

    /// The tenant that stands first in the directory.
    pub(crate) fn first_tenant(&self) -> Option<&Tenant> {
        self.tenant(self.first)
    }
}

impl Tenant {
    /// The app of this client id, if it is in the tenant.
    pub(crate) fn principal(&self, client: ClientId) -> Option<&ServicePrincipal> {
        self.principals.get(&client)
    }

    /// The app that a client asks a token for: by its client id, or by an App ID URI with or without a trailing slash.
    pub(crate) fn resource(&self, requested: &str) -> Option<&ServicePrincipal> {
        if let Ok(client) = ClientId::parse(requested) {
            return self.principal(client);
        }
        let requested = bare(requested);
        let named = |uri: &AppIdUri| bare(uri.as_str()) == requested;
        self.principals.values().find(|principal| principal.application.identifier_uris.iter().any(named))
    }

    /// Whether the client was granted anything on the resource.
    pub(crate) fn is_assigned(&self, client: &Application, resource: &Application) -> bool {
        self.grants.contains_key(&(client.client_id, resource.client_id))
    }

    /// The values of the roles that the client asks for on the resource, and that nobody granted.
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

    /// The values of the roles granted to the client on the resource, in the order of the resource's registration.
    ///
    /// A role that was disabled after it was granted stays in tokens.
    /// <https://learn.microsoft.com/entra/identity-platform/howto-add-app-roles-in-apps>
    pub(crate) fn roles(&self, client: &Application, resource: &Application) -> Vec<String> {
        let granted = self.grants.get(&(client.client_id, resource.client_id));
        let is_granted = |role: &&AppRoleDefinition| granted.is_some_and(|ids| ids.contains(&role.id));
        resource.app_roles.iter().filter(is_granted).filter_map(|role| role.value.clone()).collect()
    }
}

/// An App ID URI without its trailing slash.
fn bare(uri: &str) -> &str {
    uri.strip_suffix('/').unwrap_or(uri)
}
