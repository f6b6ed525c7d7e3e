//! An API that a test registers in a tenant.

use std::ops::RangeInclusive;
use std::time::Duration;

use entra_shared::azure_ad::Version;
use entra_shared::ids::{AppIdUri, AppRole, ClientId, ObjectId};
use uuid::Uuid;

use super::Tenant;
use crate::RegistrationError;
use crate::directory::{self, ServicePrincipal};

/// An API in a tenant. Changes apply to tokens issued afterwards.
#[derive(Debug, Clone)]
pub struct Application {
    tenant: Tenant,
    client_id: ClientId,
}

impl Application {
    pub(super) fn register(tenant: &Tenant, name: &str) -> Result<Self, RegistrationError> {
        let application = directory::Application::fresh(name);
        let object_id = ObjectId::from(Uuid::new_v4());
        tenant.change(|tenant| tenant.register(application.clone(), object_id))?;
        Ok(Self { tenant: tenant.clone(), client_id: application.client_id })
    }

    /// Returns the Application (client) ID: the audience of its v2.0 tokens.
    #[must_use]
    pub fn client_id(&self) -> ClientId {
        self.client_id
    }

    /// Returns the first App ID URI, `api://{client id}`.
    #[must_use]
    pub fn app_id_uri(&self) -> String {
        format!("api://{}", self.client_id)
    }

    /// Gives the API a custom signing key, as claims mapping does; returns its id.
    ///
    /// Its tokens are signed with that key, which only `?appid=` at the discovery document leads to.
    ///
    /// # Errors
    /// No key can be generated.
    pub fn custom_signing_key(&self) -> Result<String, crate::RollError> {
        self.tenant.keys().make_custom(self.client_id)
    }

    /// Defines an app role that clients can be granted.
    ///
    /// # Errors
    /// The text is not a valid role value, or the API has too many roles.
    pub fn role(self, value: &str) -> Result<Self, RegistrationError> {
        let role = AppRole::parse(value)?;
        self.set(|principal| principal.application_mut().add_role(&role))
    }

    /// Disables an app role. Existing grants stay, and new ones are refused.
    ///
    /// # Errors
    ///
    /// The API has no such role.
    pub fn disable_role(&self, value: &str) -> Result<(), RegistrationError> {
        let role = AppRole::parse(value)?;
        self.tenant
            .change(|tenant| tenant.principal_mut(self.client_id)?.application_mut().disable_role(&role))
    }

    /// Adds an App ID URI.
    ///
    /// # Errors
    /// The text is not a valid App ID URI, or another app of the tenant has it.
    pub fn identifier_uri(self, uri: &str) -> Result<Self, RegistrationError> {
        let uri = AppIdUri::parse(uri).map_err(RegistrationError::InvalidUri)?;
        self.tenant.change(|tenant| tenant.add_uri(self.client_id, &uri))?;
        Ok(self)
    }

    /// Sets the version of its access tokens (`requestedAccessTokenVersion`).
    ///
    /// # Errors
    /// The tenant has no such app.
    pub fn token_version(self, version: Version) -> Result<Self, RegistrationError> {
        self.set(|principal| {
            principal.application_mut().token_version = version;
            Ok(())
        })
    }

    /// Adds the optional claim `idtyp` to its tokens.
    ///
    /// # Errors
    /// The tenant has no such app.
    pub fn with_idtyp(self) -> Result<Self, RegistrationError> {
        self.set(|principal| {
            principal.application_mut().optional_claims.idtyp = true;
            Ok(())
        })
    }

    /// Sets its client id as the audience of v1.0 tokens (the optional claim `aud` with `use_guid`).
    ///
    /// # Errors
    /// The tenant has no such app.
    pub fn use_guid(self) -> Result<Self, RegistrationError> {
        self.set(|principal| {
            principal.application_mut().optional_claims.aud_as_guid = true;
            Ok(())
        })
    }

    /// Sets the lifetime of its tokens: 10 minutes to 24 hours. The default is one hour.
    ///
    /// Responses with tokens of more than two hours have `refresh_in` as well.
    /// <https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes>
    ///
    /// # Errors
    /// The lifetime is shorter or longer.
    pub fn token_lifetime(self, time: Duration) -> Result<Self, RegistrationError> {
        self.token_lifetime_between(time..=time)
    }

    /// Gives each of its tokens a random lifetime in this range, in whole seconds.
    ///
    /// Entra documents a default of 60 to 90 minutes. All captured tokens of the client credentials grant last an hour,
    /// which is the default here.
    /// <https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime>
    ///
    /// # Errors
    /// The range is empty or exceeds 10 minutes to 24 hours.
    pub fn token_lifetime_between(self, range: RangeInclusive<Duration>) -> Result<Self, RegistrationError> {
        self.set(|principal| principal.application_mut().set_token_lifetime(range.clone()))
    }

    /// Refuses tokens to clients without any grant ("Assignment required?").
    ///
    /// # Errors
    /// The tenant has no such app.
    pub fn assignment_required(self) -> Result<Self, RegistrationError> {
        self.set(|principal| {
            principal.assignment_required = true;
            Ok(())
        })
    }

    /// Enables or disables its service principal; while it is disabled, no client gets a token for it.
    ///
    /// # Errors
    /// The tenant has no such app.
    pub fn set_enabled(&self, enabled: bool) -> Result<(), RegistrationError> {
        self.tenant.change(|tenant| {
            tenant.principal_mut(self.client_id)?.enabled = enabled;
            Ok(())
        })
    }

    fn set(
        self,
        change: impl Fn(&mut ServicePrincipal) -> Result<(), RegistrationError>,
    ) -> Result<Self, RegistrationError> {
        self.tenant.change(|tenant| change(tenant.principal_mut(self.client_id)?))?;
        Ok(self)
    }
}
