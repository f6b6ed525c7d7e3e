//! Tokens that nobody asked for: signed like every other, with claims of a test's choosing.

use entra_shared::azure_ad::Instance;
use entra_shared::claims::ClientAuthentication;
use entra_shared::ids::{ClientId, TenantId};
use entra_shared::secret::{AccessToken, InvalidSecret};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::context::Context;
use crate::grant::Grant;
use crate::keys::SigningFailed;
use crate::origin::is_microsofts;
use crate::tenants::{LiveTenant, Tenants};

/// Whose token to mint, and how it differs from the one that this client would get.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MintRequest {
    /// The tenant; the directory's first where it is absent.
    pub tenant: Option<TenantId>,
    /// The client.
    pub client_id: ClientId,
    /// The resource: its client id or App ID URI.
    pub resource: String,
    /// Claims to set in place of the regular ones, or beside them; `null` removes one.
    #[serde(default)]
    pub claims: Map<String, Value>,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// Whoever asked: the directory has no such tenant.
    #[error("the directory has no such tenant")]
    UnknownTenant,
    /// Whoever asked: the client is not in the tenant.
    #[error("the tenant has no such client")]
    UnknownClient,
    /// Whoever asked: the resource is not in the tenant.
    #[error("the tenant has no such resource")]
    UnknownResource,
    /// Whoever asked: a stand-in never issues under a host of Microsoft's.
    #[error("`iss` is under a host of Microsoft's")]
    MicrosoftIssuer,
    /// The stand-in: the token could not be made.
    #[error("the token could not be made")]
    Failed,
}

impl MintRequest {
    /// The token that this client regularly gets for this resource.
    #[must_use]
    pub fn new(client_id: ClientId, resource: impl Into<String>) -> Self {
        Self { tenant: None, client_id, resource: resource.into(), claims: Map::new() }
    }

    /// In this tenant rather than the directory's first.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// With this claim, whatever the regular one is; `null` removes it.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Mints the token. Neither credentials nor grants are asked for: the regular claims tell what was granted.
    pub(crate) fn mint(&self, tenants: &Tenants, instance: &Instance) -> Result<AccessToken, MintError> {
        match self.tenant {
            Some(id) => self.mint_in(&*tenants.tenant(id).ok_or(MintError::UnknownTenant)?, instance),
            None => self.mint_in(tenants.first(), instance),
        }
    }

    /// The same in this tenant.
    pub(crate) fn mint_in(&self, live: &LiveTenant, instance: &Instance) -> Result<AccessToken, MintError> {
        let tenant = live.entry();
        let grant = Grant {
            tenant: &tenant,
            client: tenant.principal(self.client_id).ok_or(MintError::UnknownClient)?,
            resource: tenant.resource(&self.resource).ok_or(MintError::UnknownResource)?,
            requested: &self.resource,
            authentication: ClientAuthentication::Secret,
            capabilities: Vec::new(),
        };
        let regular = grant.claims(instance, &Context::new(&http::HeaderMap::new(), live.clock.now()));
        let Ok(Value::Object(mut claims)) = serde_json::to_value(regular) else {
            return Err(MintError::Failed);
        };
        claims.extend(self.claims.clone());
        claims.retain(|_, value| !value.is_null());
        if claims.get("iss").is_some_and(names_microsoft) {
            return Err(MintError::MicrosoftIssuer);
        }
        let key = live.keys.current();
        let token = key.sign(grant.version(), Value::Object(claims).to_string().as_bytes())?;
        Ok(AccessToken::parse(token)?)
    }
}

/// Whether an issuer, or one of a list of them, is under a host of Microsoft's.
fn names_microsoft(issuer: &Value) -> bool {
    match issuer {
        Value::String(text) => {
            Url::parse(text).ok().and_then(|url| url.host_str().map(is_microsofts)).unwrap_or(false)
        }
        Value::Array(issuers) => issuers.iter().any(names_microsoft),
        _ => false,
    }
}

impl From<SigningFailed> for MintError {
    fn from(_: SigningFailed) -> Self {
        Self::Failed
    }
}

impl From<InvalidSecret> for MintError {
    fn from(_: InvalidSecret) -> Self {
        Self::Failed
    }
}
