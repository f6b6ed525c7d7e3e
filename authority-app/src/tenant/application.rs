//! An API that a test registers.

use shared::azure_ad::Version;
use shared::ids::{AppRole, ClientId, ObjectId};
use uuid::Uuid;

use super::Tenant;
use crate::RegistrationError;
use crate::directory::{self, ServicePrincipal};

/// An API in a tenant. What is set on it counts for tokens issued from then on.
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

    /// Its Application (client) ID: the audience of its v2.0 tokens.
    #[must_use]
    pub fn client_id(&self) -> ClientId {
        self.client_id
    }

    /// Its App ID URI, `api://{client id}`.
    #[must_use]
    pub fn app_id_uri(&self) -> String {
        format!("api://{}", self.client_id)
    }

    /// Defines an app role that clients can be granted.
    ///
    /// # Errors
    /// The text cannot be the value of a role, or there are too many.
    pub fn role(self, value: &str) -> Result<Self, RegistrationError> {
        let role = AppRole::parse(value)?;
        self.set(|principal| principal.application_mut().add_role(&role))
    }

    /// Asks for tokens of this version (`requestedAccessTokenVersion`).
    ///
    /// # Errors
    /// The tenant has no such app.
    pub fn token_version(self, version: Version) -> Result<Self, RegistrationError> {
        self.set(|principal| {
            principal.application_mut().token_version = version;
            Ok(())
        })
    }

    /// Asks for the optional claim `idtyp`.
    ///
    /// # Errors
    /// The tenant has no such app.
    pub fn with_idtyp(self) -> Result<Self, RegistrationError> {
        self.set(|principal| {
            principal.application_mut().optional_claims.idtyp = true;
            Ok(())
        })
    }

    /// Lets nobody have a token who was granted nothing ("Assignment required?").
    ///
    /// # Errors
    /// The tenant has no such app.
    pub fn assignment_required(self) -> Result<Self, RegistrationError> {
        self.set(|principal| {
            principal.assignment_required = true;
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
