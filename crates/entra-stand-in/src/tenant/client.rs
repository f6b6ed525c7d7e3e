//! A client that a test registers in a tenant.

use entra_shared::azure_ad::Version;
use entra_shared::ids::{AppRole, ClientId, ObjectId};
use entra_shared::secret::{AccessToken, ClientSecret};
use entra_shared::token_endpoint::CLIENT_CREDENTIALS;
use url::form_urlencoded;
use uuid::Uuid;

use super::new_secret::NewSecret;
use super::{Application, Tenant};
use crate::RegistrationError;
use crate::credentials::Credential;
use crate::directory;

/// A client in a tenant. Its first secret is valid for two years by the tenant's clock.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) tenant: Tenant,
    pub(super) id: ClientId,
    object_id: ObjectId,
    secret: ClientSecret,
}

/// Why a client could not acquire a token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The stand-in was not reached, or its response broke off.
    #[error("could not reach the token endpoint")]
    Unreachable(#[from] reqwest::Error),
    /// The stand-in refused the request.
    #[error("the token endpoint returned {status}: {description}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The `error_description`; empty if there is none.
        description: String,
    },
    /// The response contains no token.
    #[error("the response of the token endpoint contains no token")]
    Malformed,
}

impl Client {
    pub(super) fn register(tenant: &Tenant, name: &str) -> Result<Self, RegistrationError> {
        let NewSecret { value: secret, registered } = NewSecret::lasting(tenant.clock().now());
        let mut application = directory::Application::fresh(name);
        application.credentials.push(Credential::Secret(registered));
        let object_id = ObjectId::from(Uuid::new_v4());
        tenant.change(|tenant| tenant.register(application.clone(), object_id))?;
        Ok(Self { tenant: tenant.clone(), id: application.client_id, object_id, secret })
    }

    /// Returns the Application (client) ID.
    #[must_use]
    pub fn client_id(&self) -> ClientId {
        self.id
    }

    /// Returns the service principal's object id, which is the `oid` and `sub` of its tokens.
    #[must_use]
    pub fn object_id(&self) -> ObjectId {
        self.object_id
    }

    /// Returns its first client secret.
    #[must_use]
    pub fn secret(&self) -> &ClientSecret {
        &self.secret
    }

    /// Grants the client a role of an API, as an administrator's consent does.
    ///
    /// # Errors
    /// The API has no such role, or belongs to another tenant.
    pub fn grant(self, api: &Application, role: &str) -> Result<Self, RegistrationError> {
        let role = AppRole::parse(role)?;
        self.tenant.change(|tenant| tenant.grant(self.id, api.client_id(), &role))?;
        Ok(self)
    }

    /// Adds a role of an API to the registration's `requiredResourceAccess`, without consent.
    ///
    /// # Errors
    /// The API has no such role, or belongs to another tenant.
    pub fn request(self, api: &Application, role: &str) -> Result<Self, RegistrationError> {
        let role = AppRole::parse(role)?;
        self.tenant.change(|tenant| tenant.request(self.id, api.client_id(), &role))?;
        Ok(self)
    }

    /// Revokes a role; tokens already issued keep it until they expire.
    ///
    /// # Errors
    /// The API has no such role, or belongs to another tenant.
    pub fn revoke(&self, api: &Application, role: &str) -> Result<(), RegistrationError> {
        let role = AppRole::parse(role)?;
        self.tenant.change(|tenant| tenant.revoke(self.id, api.client_id(), &role))
    }

    /// Enables or disables its service principal.
    ///
    /// # Errors
    /// The tenant has no such app.
    pub fn set_enabled(&self, enabled: bool) -> Result<(), RegistrationError> {
        self.tenant.change(|tenant| {
            tenant.principal_mut(self.id)?.enabled = enabled;
            Ok(())
        })
    }

    /// Acquires a token for an API from the v2 endpoint, over https and with the client's first secret.
    ///
    /// # Errors
    /// The stand-in was not reached, refused the request, or did not respond within 30 seconds.
    pub async fn token(&self, api: &Application) -> Result<AccessToken, TokenError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", CLIENT_CREDENTIALS)
            .append_pair("client_id", &self.id.to_string())
            .append_pair("client_secret", self.secret.expose())
            .append_pair("scope", &format!("{}/.default", api.app_id_uri()))
            .finish();
        let url = self.tenant.authority().token_endpoint(Version::V2);
        let request = self.tenant.reach.http()?.post(url).body(form);
        let response = request.header("content-type", "application/x-www-form-urlencoded").send().await?;
        let status = response.status();
        let body = response.bytes().await?;
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let text =
            |name: &str| body.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        if !status.is_success() {
            let (status, description) = (status.as_u16(), text("error_description"));
            return Err(TokenError::Refused { status, description });
        }
        AccessToken::parse(text("access_token")).map_err(|_| TokenError::Malformed)
    }
}
