//! The tenants of `directory.toml`, checked against the app registrations.

use std::collections::HashMap;
use std::sync::Arc;

use entra_shared::ids::{AppRole, ClientId, Domain, ObjectId, TenantId};
use serde::Deserialize;
use uuid::Uuid;

use super::changes::is_default;
use super::managed_identities::{self, IdentityEntry};
use super::{Application, Directory, DirectoryError, ServicePrincipal, Tenant};

type Applications = HashMap<ClientId, Arc<Application>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantEntry {
    id: TenantId,
    display_name: String,
    #[serde(default)]
    domains: Vec<Domain>,
    region: Option<String>,
    #[serde(default)]
    service_principals: Vec<PrincipalEntry>,
    #[serde(default)]
    managed_identities: Vec<IdentityEntry>,
    #[serde(default)]
    grants: Vec<GrantEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalEntry {
    app: ClientId,
    object_id: ObjectId,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    app_role_assignment_required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantEntry {
    client: ClientId,
    resource: ClientId,
    /// The value or the id of an app role, or the nil id for the default assignment.
    role: AppRole,
}

fn yes() -> bool {
    true
}

impl Directory {
    /// Builds the directory from the entries of `file`.
    pub(super) fn from_entries(
        file: &str,
        entries: Vec<TenantEntry>,
        applications: &Applications,
    ) -> Result<Self, DirectoryError> {
        let first = entries.first().map(|entry| entry.id);
        let first = first.ok_or_else(|| DirectoryError::key(file, "tenants", "there is none; add one"))?;
        let (mut tenants, mut domains) = (HashMap::new(), HashMap::new());
        for entry in entries {
            for domain in &entry.domains {
                if domains.insert(domain.as_str().to_ascii_lowercase(), entry.id).is_some() {
                    let problem = format!("{domain} names two tenants; remove one");
                    return Err(DirectoryError::key(file, "tenants.domains", problem));
                }
            }
            let tenant = Tenant::from_entry(file, entry, applications)?;
            if let Some(other) = tenants.insert(tenant.id, tenant) {
                let problem = format!("{} is there twice; remove one", other.id);
                return Err(DirectoryError::key(file, "tenants.id", problem));
            }
        }
        managed_identities::check(file, &tenants)?;
        tenants.values().try_for_each(|tenant| tenant.check_object_ids(file))?;
        Ok(Self { tenants, domains, first, applications: applications.clone() })
    }
}

impl Tenant {
    fn from_entry(
        file: &str,
        entry: TenantEntry,
        applications: &Applications,
    ) -> Result<Self, DirectoryError> {
        let mut tenant = Self {
            id: entry.id,
            display_name: entry.display_name,
            region: entry.region,
            has_own_key_set: false,
            principals: HashMap::new(),
            grants: HashMap::new(),
            managed_identities: Vec::new(),
        };
        for principal in entry.service_principals {
            tenant.add_principal(file, &principal, applications)?;
        }
        tenant.add_identities(file, entry.managed_identities)?;
        for grant in entry.grants {
            tenant.add_grant(file, &grant)?;
        }
        Ok(tenant)
    }

    fn add_principal(
        &mut self,
        file: &str,
        entry: &PrincipalEntry,
        applications: &Applications,
    ) -> Result<(), DirectoryError> {
        let problem = |text: String| DirectoryError::key(file, "tenants.service_principals.app", text);
        let application = applications.get(&entry.app).ok_or_else(|| {
            problem(format!("{}: no manifest in `applications` has this `appId`; add it", entry.app))
        })?;
        let uris = &application.identifier_uris;
        if let Some(uri) = uris.iter().find(|uri| self.resource(uri.as_str()).is_some()) {
            return Err(problem(format!("{}: another app of the tenant already has {uri}", entry.app)));
        }
        let principal = ServicePrincipal {
            application: Arc::clone(application),
            object_id: entry.object_id,
            enabled: entry.enabled,
            assignment_required: entry.app_role_assignment_required,
        };
        match self.principals.insert(entry.app, principal) {
            None => Ok(()),
            Some(_) => Err(problem(format!("{} is there twice; remove one", entry.app))),
        }
    }

    /// Checks that object ids are unique, since they identify the caller as the `oid` of tokens.
    fn check_object_ids(&self, file: &str) -> Result<(), DirectoryError> {
        let mut known: HashMap<ObjectId, &str> = HashMap::new();
        let mut principals: Vec<_> = self.principals.values().collect();
        principals.sort_by_key(|principal| principal.application.client_id);
        for ServicePrincipal { application, object_id, .. } in principals {
            if let Some(other) = known.insert(*object_id, &application.display_name) {
                let problem =
                    format!("{object_id} is that of {other} and of {}; change one", application.display_name);
                return Err(DirectoryError::key(file, "tenants.service_principals.object_id", problem));
            }
        }
        Ok(())
    }

    fn add_grant(&mut self, file: &str, entry: &GrantEntry) -> Result<(), DirectoryError> {
        let missing = |key: &str, id: ClientId| {
            let problem =
                format!("{id} is no service principal of the tenant; add it to `service_principals`");
            DirectoryError::key(file, &format!("tenants.grants.{key}"), problem)
        };
        let client = self.principal(entry.client).ok_or_else(|| missing("client", entry.client))?;
        let resource = self.principal(entry.resource).ok_or_else(|| missing("resource", entry.resource))?;
        let (client, resource) = (&client.application, &resource.application);
        let problem = |text: &str| {
            let problem = format!("{} of {}: {text}", entry.role, resource.display_name);
            DirectoryError::key(file, "tenants.grants.role", problem)
        };
        // Disabled roles are allowed: the grant may predate the change.
        let role = match resource.role_named(&entry.role) {
            _ if is_default(&entry.role) => Uuid::nil(),
            // Graph refuses such an assignment as well.
            Some(role) if !role.for_applications => {
                return Err(problem("is for users; add `Application` to its `allowedMemberTypes`"));
            }
            Some(role) => role.id,
            None => {
                return Err(problem(
                    "its manifest has no such app role; correct the grant, or add it to `appRoles`",
                ));
            }
        };
        let key = (client.client_id, resource.client_id);
        let granted = self.grants.entry(key).or_default();
        if granted.contains(&role) {
            return Err(DirectoryError::key(
                file,
                "tenants.grants",
                format!("{} is granted to {} twice; remove one", entry.role, entry.client),
            ));
        }
        granted.push(role);
        Ok(())
    }
}
