//! Managed identities, which are service principals without a registration or credential.
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview>

use std::collections::HashMap;
use std::sync::Arc;

use entra_shared::ids::{ClientId, ObjectId, TenantId};
use serde::Deserialize;
use serde_json::json;

use super::manifest::{Manifest, SecretHashes};
use super::{Directory, DirectoryError, ServicePrincipal, Tenant};

const KEY: &str = "tenants.managed_identities";

/// An identity that a workload on this machine may use.
#[derive(Debug, Clone)]
pub(crate) struct ManagedIdentity {
    pub(crate) client_id: ClientId,
    pub(crate) object_id: ObjectId,
    /// The identity's Azure resource id.
    pub(crate) resource_id: Option<String>,
    /// Whether the identity is the default for requests without an id.
    pub(crate) system_assigned: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IdentityEntry {
    name: String,
    client_id: ClientId,
    object_id: ObjectId,
    resource_id: Option<String>,
    #[serde(default)]
    system_assigned: bool,
}

/// How a request names an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdentityName<'r> {
    /// The request has no id, and means the system-assigned identity, or the only one.
    Default,
    ClientId(&'r str),
    ObjectId(&'r str),
    ResourceId(&'r str),
}

impl Tenant {
    /// Adds the identities as service principals without credentials, which can be granted roles.
    pub(super) fn add_identities(
        &mut self,
        file: &str,
        entries: Vec<IdentityEntry>,
    ) -> Result<(), DirectoryError> {
        for entry in entries {
            let manifest = json!({ "appId": entry.client_id, "displayName": entry.name });
            let manifest: Manifest = serde_json::from_value(manifest)
                .map_err(|error| DirectoryError::key(file, KEY, error.to_string()))?;
            let principal = ServicePrincipal {
                application: Arc::new(manifest.into_application(file, &SecretHashes::new())?),
                object_id: entry.object_id,
                enabled: true,
                assignment_required: false,
            };
            if self.principals.insert(entry.client_id, principal).is_some() {
                let problem = format!("{} is there twice; remove one", entry.client_id);
                return Err(DirectoryError::key(file, &format!("{KEY}.client_id"), problem));
            }
            self.managed_identities.push(ManagedIdentity {
                client_id: entry.client_id,
                object_id: entry.object_id,
                resource_id: entry.resource_id,
                system_assigned: entry.system_assigned,
            });
        }
        Ok(())
    }

    pub(crate) fn managed_identities(&self) -> &[ManagedIdentity] {
        &self.managed_identities
    }
}

impl Directory {
    /// Returns the identity that a request names, with its tenant.
    pub(crate) fn managed_identity(&self, name: IdentityName<'_>) -> Option<(&Tenant, &ManagedIdentity)> {
        let mut named = self.identities().filter(|(_, identity)| identity.is_named(name));
        if let Some(found) = named.next() {
            return Some(found);
        }
        // Without a system-assigned identity, a single user-assigned one is the default.
        let mut all = self.identities();
        match (name, all.next(), all.next()) {
            (IdentityName::Default, Some(only), None) => Some(only),
            _ => None,
        }
    }

    fn identities(&self) -> impl Iterator<Item = (&Tenant, &ManagedIdentity)> {
        self.tenants.values().flat_map(|tenant| tenant.managed_identities.iter().map(move |i| (tenant, i)))
    }
}

impl ManagedIdentity {
    /// Compares without case, like Azure's resource ids.
    fn is_named(&self, name: IdentityName<'_>) -> bool {
        match name {
            IdentityName::Default => self.system_assigned,
            IdentityName::ClientId(id) => self.client_id.to_string().eq_ignore_ascii_case(id),
            IdentityName::ObjectId(id) => self.object_id.to_string().eq_ignore_ascii_case(id),
            IdentityName::ResourceId(id) => {
                self.resource_id.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(id))
            }
        }
    }
}

/// Checks that ids are unique and at most one identity is system-assigned, since one machine has all of them.
pub(super) fn check(file: &str, tenants: &HashMap<TenantId, Tenant>) -> Result<(), DirectoryError> {
    let mut names = Vec::new();
    for identity in tenants.values().flat_map(|tenant| &tenant.managed_identities) {
        names.push(("client_id", identity.client_id.to_string()));
        names.push(("object_id", identity.object_id.to_string()));
        names.extend(identity.resource_id.iter().map(|id| ("resource_id", id.to_ascii_lowercase())));
        names.extend(identity.system_assigned.then(|| ("system_assigned", "true".to_owned())));
    }
    names.sort();
    match names.windows(2).find(|pair| matches!(pair, [one, other] if one == other)) {
        Some([(key, value), ..]) => {
            let problem = format!("{value} is there twice; one machine has all identities: remove one");
            Err(DirectoryError::key(file, &format!("{KEY}.{key}"), problem))
        }
        _ => Ok(()),
    }
}
