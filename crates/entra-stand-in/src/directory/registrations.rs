//! A directory with its manifests, for commands that need more than issuing tokens does.

use std::collections::BTreeMap;
use std::path::Path;

use entra_shared::ids::{ClientId, TenantId};
use entra_shared::settings::{Environment, KeyProblem};
use serde_json::Value;
use uuid::Uuid;

use super::files::Files;
use super::{Application, Directory, DirectoryError, Registration, ServicePrincipal, Tenant};

/// A directory together with the manifests that it was read from.
#[derive(Debug, Clone)]
pub struct Registrations {
    directory: Directory,
    registrations: BTreeMap<ClientId, Registration>,
}

impl Registrations {
    /// Returns the directory that is built in; see [`Directory::seeded`].
    ///
    /// # Errors
    /// A variable with a client secret cannot be used.
    pub fn seeded(environment: &Environment) -> Result<Self, DirectoryError> {
        Self::from_files(&Files::seeded(), environment)
    }

    /// Reads a folder; see [`Directory::load`].
    ///
    /// # Errors
    /// Names the file, the key in it and the remedy.
    pub fn load(folder: &Path, environment: &Environment) -> Result<Self, DirectoryError> {
        Self::from_files(&Files::read(folder)?, environment)
    }

    fn from_files(files: &Files, environment: &Environment) -> Result<Self, DirectoryError> {
        let read = |(file, text): &(String, String)| Registration::parse(file, text);
        let registrations: Vec<Registration> =
            files.manifests().iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self {
            directory: files.directory(environment)?,
            registrations: registrations.into_iter().map(|app| (app.app_id, app)).collect(),
        })
    }

    /// Returns the directory.
    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Returns the registration with this client id.
    pub(crate) fn registration(&self, app: ClientId) -> Option<&Registration> {
        self.registrations.get(&app)
    }

    /// Returns the manifest with this client id.
    #[must_use]
    pub fn manifest(&self, app: ClientId) -> Option<ManifestFile<'_>> {
        self.registration(app).map(ManifestFile::from)
    }

    /// Returns the manifest that a person names by its client id, display name or an App ID URI.
    ///
    /// # Errors
    /// The name fits no app, or several.
    pub fn manifest_named(&self, app: &str) -> Result<ManifestFile<'_>, KeyProblem> {
        self.named(app).map(ManifestFile::from)
    }

    /// Returns the tenants, beginning with the directory's first.
    pub fn tenants(&self) -> impl Iterator<Item = RegisteredTenant> {
        self.directory.tenants().map(|tenant| self.listed(tenant))
    }

    /// Returns the tenant with this id or domain; without a name, the first one.
    #[must_use]
    pub fn tenant(&self, name: Option<&str>) -> Option<RegisteredTenant> {
        let directory = &self.directory;
        let found = name.map_or_else(|| directory.first_tenant(), |name| directory.tenant_named(name));
        found.map(|tenant| self.listed(tenant))
    }

    /// Lists the apps by name, and then the managed identities, which have no registration.
    fn listed(&self, tenant: &Tenant) -> RegisteredTenant {
        let has_registration =
            |principal: &&ServicePrincipal| self.registration(principal.application.client_id).is_some();
        let mut apps: Vec<&ServicePrincipal> = tenant.principals().filter(has_registration).collect();
        apps.sort_by_key(|app| (&app.application.display_name, app.application.client_id));
        let identities =
            tenant.managed_identities().iter().filter_map(|identity| tenant.principal(identity.client_id));
        RegisteredTenant {
            id: tenant.id,
            display_name: tenant.display_name.clone(),
            principals: apps.into_iter().chain(identities).map(|app| listed_principal(tenant, app)).collect(),
        }
    }

    fn named(&self, app: &str) -> Result<&Registration, KeyProblem> {
        let is_named = |registration: &&Registration| {
            registration.app_id.to_string().eq_ignore_ascii_case(app)
                || registration.display_name == app
                || registration.identifier_uris.iter().any(|uri| uri == app)
        };
        let mut found = self.registrations.values().filter(is_named);
        match (found.next(), found.next()) {
            (Some(registration), None) => Ok(registration),
            (Some(_), Some(_)) => Err(KeyProblem::new("APP", "names several apps; use a client id")),
            (None, _) => {
                let names: Vec<&str> =
                    self.registrations.values().map(|app| app.display_name.as_str()).collect();
                let problem = format!("no app of the directory; it has {}", names.join(", "));
                Err(KeyProblem::new("APP", problem))
            }
        }
    }
}

/// A manifest of the directory, in Microsoft Graph's format.
#[derive(Debug, Clone, Copy)]
pub struct ManifestFile<'r> {
    /// The file's name, as errors and remedies call it.
    pub file: &'r str,
    /// The whole manifest.
    pub document: &'r Value,
}

/// A tenant of the directory with its service principals.
#[derive(Debug, Clone)]
pub struct RegisteredTenant {
    /// The tenant's id.
    pub id: TenantId,
    /// The tenant's name.
    pub display_name: String,
    /// The tenant's apps by name, and after them its managed identities.
    pub principals: Vec<RegisteredPrincipal>,
}

/// A service principal of the directory.
#[derive(Debug, Clone)]
pub struct RegisteredPrincipal {
    /// The client id.
    pub client_id: ClientId,
    /// The name.
    pub display_name: String,
    /// Whether it may acquire tokens.
    pub enabled: bool,
    /// Whether clients need a role to acquire a token for the app.
    pub assignment_required: bool,
    /// The client ids of resources, with the ids of the roles that it was granted there.
    pub grants: Vec<(ClientId, Uuid)>,
}

impl<'r> From<&'r Registration> for ManifestFile<'r> {
    fn from(registration: &'r Registration) -> Self {
        Self { file: &registration.file, document: &registration.document }
    }
}

fn listed_principal(tenant: &Tenant, principal: &ServicePrincipal) -> RegisteredPrincipal {
    let client = &principal.application;
    let grants = tenant.principals().flat_map(|resource| {
        let roles = tenant.granted(client, &resource.application);
        roles.iter().map(|role| (resource.application.client_id, *role))
    });
    RegisteredPrincipal {
        client_id: client.client_id,
        display_name: client.display_name.clone(),
        enabled: principal.enabled,
        assignment_required: principal.assignment_required,
        grants: grants.collect(),
    }
}

impl Tenant {
    /// Its service principals.
    pub(crate) fn principals(&self) -> impl Iterator<Item = &ServicePrincipal> {
        self.principals.values()
    }

    /// Returns the ids of the roles granted to the client on the resource.
    pub(crate) fn granted(&self, client: &Application, resource: &Application) -> &[Uuid] {
        self.grants.get(&(client.client_id, resource.client_id)).map_or(&[], Vec::as_slice)
    }
}
