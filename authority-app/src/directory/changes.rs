//! What changes in a directory while the stand-in runs: tenants that a test makes, and the apps in them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shared::azure_ad::Version;
use shared::ids::{AppIdUri, AppRole, ClientId, ObjectId, TenantId};
use uuid::Uuid;

use crate::credentials::Credential;

use super::{AppRoleDefinition, Application, Directory, OptionalClaims, ServicePrincipal, Tenant};

/// Why a registration stays as it is. It is always whoever asked who is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// The tenant has no app of this client id.
    #[error("the tenant has no app {0}")]
    UnknownApp(ClientId),
    /// The resource has no such role.
    #[error("the app has no role {0}; add it before it is granted")]
    UnknownRole(AppRole),
    /// The role is for users (Graph refuses such an assignment as well).
    #[error("the role {0} is not for applications")]
    UserRole(AppRole),
    /// The role is disabled: who has it keeps it, and nobody else gets it (Graph refuses such an assignment as well).
    #[error("the role {0} is disabled; set `isEnabled` in the manifest, or grant it in directory.toml")]
    DisabledRole(AppRole),
    /// The text cannot be the value of an app role.
    #[error("the role is {0}")]
    InvalidRole(#[from] shared::ids::InvalidId),
    /// The text cannot be an App ID URI.
    #[error("the App ID URI is {0}")]
    InvalidUri(shared::ids::InvalidId),
    /// Another app of the tenant has this App ID URI.
    #[error("another app of the tenant is {0} already")]
    TakenUri(AppIdUri),
    /// The bytes are no certificate that an app can use.
    #[error("the certificate is not the DER of an X.509 certificate with an RSA key of 2048 to 8192 bits")]
    InvalidCertificate,
    /// The federated credential is none that Graph would take; the text says why.
    #[error("the federated credential: {0}")]
    InvalidFederated(&'static str),
    /// The app has no such secret, certificate or federated credential.
    #[error("the app has no such credential")]
    UnknownCredential,
    /// The time is none that a token lifetime policy can say.
    #[error("a token lasts for 10 minutes to 24 hours")]
    InvalidLifetime,
    /// The tenant has as many apps, or the app as many roles or credentials, as it can have.
    #[error("there are {0} already; that is the limit")]
    TooMany(usize),
}

/// The most apps of a tenant, and roles or credentials of an app, that are registered while the stand-in runs.
const MOST: usize = 1000;

impl Directory {
    /// The tenants, the first one first.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        let others = self.tenants.values().filter(|tenant| tenant.id != self.first);
        self.first_tenant().into_iter().chain(others)
    }

    /// The tenants by their domain names, in lower case.
    pub(crate) fn domains(&self) -> &HashMap<String, TenantId> {
        &self.domains
    }
}

impl Tenant {
    /// A tenant without apps, whose keys are published under its own address alone.
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

    /// Registers an app, and its service principal with it.
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

    /// The app of this client id, to be changed.
    pub(crate) fn principal_mut(
        &mut self,
        client: ClientId,
    ) -> Result<&mut ServicePrincipal, RegistrationError> {
        self.principals.get_mut(&client).ok_or(RegistrationError::UnknownApp(client))
    }

    /// Grants a client a role of a resource; granting it once more changes nothing.
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

    /// Lets a client ask for a role of a resource, which gives it nothing.
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

    /// Makes an app known by a further App ID URI.
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

    /// Takes a granted role back; one that was not granted changes nothing.
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
    /// The registration, to be changed.
    pub(crate) fn application_mut(&mut self) -> &mut Application {
        Arc::make_mut(&mut self.application)
    }
}

impl Application {
    /// An app with a new client id, known as `api://{client id}`; it wants v2.0 tokens.
    pub(crate) fn fresh(display_name: &str) -> Self {
        let client_id = ClientId::from(Uuid::new_v4());
        Self {
            client_id,
            display_name: display_name.to_owned(),
            identifier_uris: AppIdUri::parse(format!("api://{client_id}")).into_iter().collect(),
            app_roles: Vec::new(),
            token_version: Version::V2,
            token_lifetime: None,
            optional_claims: OptionalClaims::default(),
            credentials: Vec::new(),
            is_public: false,
            is_multi_tenant: false,
            required_roles: Vec::new(),
        }
    }

    /// Defines a role for applications; one that is there already stays.
    pub(crate) fn add_role(&mut self, role: &AppRole) -> Result<(), RegistrationError> {
        if self.app_roles.iter().any(|known| known.value.as_deref() == Some(role.as_str())) {
            return Ok(());
        }
        if self.app_roles.len() >= MOST {
            return Err(RegistrationError::TooMany(MOST));
        }
        let value = Some(role.as_str().to_owned());
        let id = Uuid::new_v4();
        self.app_roles.push(AppRoleDefinition { id, value, for_applications: true, enabled: true });
        Ok(())
    }

    /// Disables a role: who was granted it keeps it, and nobody is granted it any more.
    pub(crate) fn disable_role(&mut self, role: &AppRole) -> Result<(), RegistrationError> {
        let id = self.defined(role)?.id;
        self.app_roles.iter_mut().filter(|known| known.id == id).for_each(|known| known.enabled = false);
        Ok(())
    }

    /// Adds a credential to those that it has. Of an issuer and a subject together there is one alone, as at Graph.
    pub(crate) fn add_credential(&mut self, credential: Credential) -> Result<(), RegistrationError> {
        if self.credentials.len() >= MOST {
            return Err(RegistrationError::TooMany(MOST));
        }
        if let Credential::Federated(new) = &credential
            && self.credentials.iter().any(|known| known.is_federated(&new.issuer, &new.subject))
        {
            return Err(RegistrationError::InvalidFederated(
                "the app has one of the same issuer and subject",
            ));
        }
        self.credentials.push(credential);
        Ok(())
    }

    /// Takes the credentials that `is_it` finds from the app; it works no longer with them.
    pub(crate) fn remove_credential(
        &mut self,
        is_it: impl Fn(&Credential) -> bool,
    ) -> Result<(), RegistrationError> {
        let before = self.credentials.len();
        self.credentials.retain(|credential| !is_it(credential));
        if self.credentials.len() < before { Ok(()) } else { Err(RegistrationError::UnknownCredential) }
    }

    /// Has its access tokens last for this time.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes>
    pub(crate) fn set_token_lifetime(&mut self, time: Duration) -> Result<(), RegistrationError> {
        let bounds = Duration::from_mins(10)..=Duration::from_hours(24);
        self.token_lifetime = Some(time).filter(|time| bounds.contains(time));
        self.token_lifetime.map(|_| ()).ok_or(RegistrationError::InvalidLifetime)
    }

    /// A role for applications.
    fn defined(&self, role: &AppRole) -> Result<&AppRoleDefinition, RegistrationError> {
        let found = self.role_named(role).ok_or_else(|| RegistrationError::UnknownRole(role.clone()))?;
        if found.for_applications { Ok(found) } else { Err(RegistrationError::UserRole(role.clone())) }
    }

    /// The id of a role that an application can be granted, or the nil id for no role in particular.
    fn role(&self, role: &AppRole) -> Result<Uuid, RegistrationError> {
        if is_default(role) { Ok(Uuid::nil()) } else { Ok(self.defined(role)?.id) }
    }

    /// The role of this value, else the one of this id.
    pub(super) fn role_named(&self, role: &AppRole) -> Option<&AppRoleDefinition> {
        let by_value = self.app_roles.iter().find(|known| known.value.as_deref() == Some(role.as_str()));
        let id = Uuid::try_parse(role.as_str()).ok();
        by_value.or_else(|| self.app_roles.iter().find(|known| Some(known.id) == id))
    }
}

/// Whether it is the default assignment: it satisfies `appRoleAssignmentRequired`, and adds nothing to `roles`.
pub(super) fn is_default(role: &AppRole) -> bool {
    Uuid::try_parse(role.as_str()).is_ok_and(|id| id.is_nil())
}
