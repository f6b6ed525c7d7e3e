//! Changes to an app's roles, credentials and token lifetime.

use std::ops::RangeInclusive;
use std::time::Duration;

use entra_shared::azure_ad::Version;
use entra_shared::ids::{AppIdUri, AppRole, ClientId};
use uuid::Uuid;

use super::{MOST, RegistrationError};
use crate::credentials::Credential;
use crate::directory::{AppRoleDefinition, Application, OptionalClaims};

impl Application {
    /// Creates an app with a new client id, the App ID URI `api://{client id}` and v2.0 tokens.
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

    /// Defines a role for applications, unless it exists.
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

    /// Disables a role. Existing grants stay, and new ones are refused.
    pub(crate) fn disable_role(&mut self, role: &AppRole) -> Result<(), RegistrationError> {
        let id = self.defined(role)?.id;
        self.app_roles.iter_mut().filter(|known| known.id == id).for_each(|known| known.enabled = false);
        Ok(())
    }

    /// Adds a credential. Issuer and subject of federated credentials are unique, as at Microsoft Graph.
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

    /// Removes the credentials that `is_it` selects.
    pub(crate) fn remove_credential(
        &mut self,
        is_it: impl Fn(&Credential) -> bool,
    ) -> Result<(), RegistrationError> {
        let before = self.credentials.len();
        self.credentials.retain(|credential| !is_it(credential));
        if self.credentials.len() < before { Ok(()) } else { Err(RegistrationError::UnknownCredential) }
    }

    /// Sets the range of its access tokens' lifetimes.
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

    /// Returns a role for applications.
    pub(super) fn defined(&self, role: &AppRole) -> Result<&AppRoleDefinition, RegistrationError> {
        let found = self.role_named(role).ok_or_else(|| RegistrationError::UnknownRole(role.clone()))?;
        if found.for_applications { Ok(found) } else { Err(RegistrationError::UserRole(role.clone())) }
    }

    /// Returns the id of a role that an application can be granted, or the nil id for the default assignment.
    pub(super) fn role(&self, role: &AppRole) -> Result<Uuid, RegistrationError> {
        if is_default(role) { Ok(Uuid::nil()) } else { Ok(self.defined(role)?.id) }
    }

    /// Returns the role with this value, or else with this id.
    pub(in crate::directory) fn role_named(&self, role: &AppRole) -> Option<&AppRoleDefinition> {
        let by_value = self.app_roles.iter().find(|known| known.value.as_deref() == Some(role.as_str()));
        let id = Uuid::try_parse(role.as_str()).ok();
        by_value.or_else(|| self.app_roles.iter().find(|known| Some(known.id) == id))
    }
}

/// Returns whether a role is the default assignment, which satisfies `appRoleAssignmentRequired` and adds nothing to
/// `roles`.
pub(in crate::directory) fn is_default(role: &AppRole) -> bool {
    Uuid::try_parse(role.as_str()).is_ok_and(|id| id.is_nil())
}
