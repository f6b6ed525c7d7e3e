//! Changes to a directory at run time, which are new tenants and changes to their apps.

mod application;
mod error;

use std::collections::HashMap;
use std::sync::Arc;

use entra_shared::ids::{AppIdUri, AppRole, ClientId, ObjectId, TenantId};

pub(super) use application::is_default;
pub use error::RegistrationError;

use super::{Application, Directory, ServicePrincipal, Tenant};

/// The most apps of a tenant, and roles or credentials of an app, that can be registered at run time.
const MOST: usize = 1000;

impl Directory {
    /// Returns the tenants, beginning with the first.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        let others = self.tenants.values().filter(|tenant| tenant.id != self.first);
        self.first_tenant().into_iter().chain(others)
    }

    /// Returns the tenants' ids by domain name, in lower case.
    pub(crate) fn domains(&self) -> &HashMap<String, TenantId> {
        &self.domains
    }
}

impl Tenant {
    /// Creates a tenant without apps, with its own key set.
    pub(crate) fn fresh(id: TenantId) -> Self {
        Self {
            id,
            display_name: format!("Tenant of a test {id}"),
            region: None,
            has_own_key_set: true,
            principals: HashMap::new(),
            grants: HashMap::new(),
            managed_identities: Vec::new(),
        }
    }

    /// Registers an app with its service principal.
    pub(crate) fn register(
        &mut self,
        application: Application,
        object_id: ObjectId,
    ) -> Result<(), RegistrationError> {
        if self.principals.len() >= MOST {
            return Err(RegistrationError::TooMany(MOST));
        }
        let client_id = application.client_id;
        let application = Arc::new(application);
        let principal =
            ServicePrincipal { application, object_id, enabled: true, assignment_required: false };
        self.principals.insert(client_id, principal);
        Ok(())
    }

    /// Returns the app with this client id, for changes.
    pub(crate) fn principal_mut(
        &mut self,
        client: ClientId,
    ) -> Result<&mut ServicePrincipal, RegistrationError> {
        self.principals.get_mut(&client).ok_or(RegistrationError::UnknownApp(client))
    }

    /// Grants a client a role of a resource; an existing grant stays.
    pub(crate) fn grant(
        &mut self,
        client: ClientId,
        resource: ClientId,
        role: &AppRole,
    ) -> Result<(), RegistrationError> {
        self.principal(client).ok_or(RegistrationError::UnknownApp(client))?;
        let resource = self.principal(resource).ok_or(RegistrationError::UnknownApp(resource))?;
        let (key, id) = ((client, resource.application.client_id), resource.application.role(role)?);
        if self.grants.get(&key).is_some_and(|granted| granted.contains(&id)) {
            return Ok(());
        }
        if resource.application.app_roles.iter().any(|known| known.id == id && !known.enabled) {
            return Err(RegistrationError::DisabledRole(role.clone()));
        }
        self.grants.entry(key).or_default().push(id);
        Ok(())
    }

    /// Adds a role to those that a client requests, without consent.
    pub(crate) fn request(
        &mut self,
        client: ClientId,
        resource: ClientId,
        role: &AppRole,
    ) -> Result<(), RegistrationError> {
        let app = self.principal(resource).ok_or(RegistrationError::UnknownApp(resource))?;
        let required = (resource, app.application.defined(role)?.id);
        let client = self.principal_mut(client)?.application_mut();
        if !client.required_roles.contains(&required) {
            client.required_roles.push(required);
        }
        Ok(())
    }

    /// Adds an App ID URI to an app.
    pub(crate) fn add_uri(&mut self, app: ClientId, uri: &AppIdUri) -> Result<(), RegistrationError> {
        match self.resource(uri.as_str()).map(|known| known.application.client_id) {
            Some(known) if known == app => return Ok(()),
            Some(_) => return Err(RegistrationError::TakenUri(uri.clone())),
            None => (),
        }
        let application = self.principal_mut(app)?.application_mut();
        if application.identifier_uris.len() >= MOST {
            return Err(RegistrationError::TooMany(MOST));
        }
        application.identifier_uris.push(uri.clone());
        Ok(())
    }

    /// Revokes a role; does nothing if it was not granted.
    pub(crate) fn revoke(
        &mut self,
        client: ClientId,
        resource: ClientId,
        role: &AppRole,
    ) -> Result<(), RegistrationError> {
        let app = self.principal(resource).ok_or(RegistrationError::UnknownApp(resource))?;
        let role = app.application.defined(role)?.id;
        if let Some(granted) = self.grants.get_mut(&(client, resource)) {
            granted.retain(|id| *id != role);
            if granted.is_empty() {
                self.grants.remove(&(client, resource));
            }
        }
        Ok(())
    }
}

impl ServicePrincipal {
    /// Returns the registration, for changes.
    pub(crate) fn application_mut(&mut self) -> &mut Application {
        Arc::make_mut(&mut self.application)
    }
}
