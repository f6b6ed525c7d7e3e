//! What changes about one app: its roles, its credentials, the life of its tokens.

use std::ops::RangeInclusive;
use std::time::Duration;

use entra_shared::azure_ad::Version;
use entra_shared::ids::{AppIdUri, AppRole, ClientId};
use uuid::Uuid;

use super::{MOST, RegistrationError};
use crate::credentials::Credential;
use crate::directory::{AppRoleDefinition, Application, OptionalClaims};

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

    /// Has its access tokens last for a time of this range.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes>
    pub(crate) fn set_token_lifetime(
        &mut self,
        range: RangeInclusive<Duration>,
    ) -> Result<(), RegistrationError> {
        let bounds = Duration::from_mins(10)..=Duration::from_hours(24);
        let is_within = bounds.contains(range.start()) && bounds.contains(range.end());
        if range.is_empty() || !is_within {
            return Err(RegistrationError::InvalidLifetime);
        }
        self.token_lifetime = Some(range);
        Ok(())
    }

    /// A role for applications.
    pub(super) fn defined(&self, role: &AppRole) -> Result<&AppRoleDefinition, RegistrationError> {
        let found = self.role_named(role).ok_or_else(|| RegistrationError::UnknownRole(role.clone()))?;
        if found.for_applications { Ok(found) } else { Err(RegistrationError::UserRole(role.clone())) }
    }

    /// The id of a role that an application can be granted, or the nil id for no role in particular.
    pub(super) fn role(&self, role: &AppRole) -> Result<Uuid, RegistrationError> {
        if is_default(role) { Ok(Uuid::nil()) } else { Ok(self.defined(role)?.id) }
    }

    /// The role of this value, else the one of this id.
    pub(in crate::directory) fn role_named(&self, role: &AppRole) -> Option<&AppRoleDefinition> {
        let by_value = self.app_roles.iter().find(|known| known.value.as_deref() == Some(role.as_str()));
        let id = Uuid::try_parse(role.as_str()).ok();
        by_value.or_else(|| self.app_roles.iter().find(|known| Some(known.id) == id))
    }
}

/// Whether it is the default assignment: it satisfies `appRoleAssignmentRequired`, and adds nothing to `roles`.
pub(in crate::directory) fn is_default(role: &AppRole) -> bool {
    Uuid::try_parse(role.as_str()).is_ok_and(|id| id.is_nil())
}
