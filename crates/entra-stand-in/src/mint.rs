//! Mints tokens with any claims, signed like all others.

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

/// A token to mint, with its client and resource, and changes to the claims that the client would get.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MintRequest {
    /// The tenant; by default the directory's first.
    pub tenant: Option<TenantId>,
    /// The client.
    pub client_id: ClientId,
    /// The resource, named by its client id or App ID URI.
    pub resource: String,
    /// Claims to replace or add; `null` removes a claim.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// The id of the key that signs; by default the current key. Any key of the tenant can sign, even a removed one, or
    /// the key of another issuer.
    pub kid: Option<String>,
}

/// Why a token could not be minted.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The directory has no such tenant.
    #[error("the directory has no such tenant")]
    UnknownTenant,
    /// The client is not in the tenant.
    #[error("the tenant has no such client")]
    UnknownClient,
    /// The resource is not in the tenant.
    #[error("the tenant has no such resource")]
    UnknownResource,
    /// No key of the tenant has this id.
    #[error("the tenant has no key with this `kid`")]
    UnknownKey,
    /// The `iss` claim names a Microsoft host, under which the stand-in never issues tokens.
    #[error("`iss` names a Microsoft host")]
    MicrosoftIssuer,
    /// The token could not be signed.
    #[error("the token could not be signed")]
    Failed,
}

impl MintRequest {
    /// Requests the regular token of a client for a resource.
    #[must_use]
    pub fn new(client_id: ClientId, resource: impl Into<String>) -> Self {
        Self { tenant: None, client_id, resource: resource.into(), claims: Map::new(), kid: None }
    }

    /// Sets the tenant, instead of the directory's first.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Sets a claim; `null` removes it.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Signs with the tenant's key that has this id, even if it was removed.
    #[must_use]
    pub fn key(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// Mints the token. No credential is needed; the regular `roles` are those that were granted.
    pub(crate) fn mint(&self, tenants: &Tenants, instance: &Instance) -> Result<AccessToken, MintError> {
        match self.tenant {
            Some(id) => self.mint_in(&*tenants.tenant(id).ok_or(MintError::UnknownTenant)?, instance),
            None => self.mint_in(tenants.first(), instance),
        }
    }

    /// Mints the token in this tenant.
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
        let key = match &self.kid {
            Some(kid) => live.keys.find(kid).ok_or(MintError::UnknownKey)?,
            None => live.keys.signing_for(grant.resource.application.client_id),
        };
        let token = key.sign(grant.version(), Value::Object(claims).to_string().as_bytes())?;
        Ok(AccessToken::parse(token)?)
    }
}

/// Returns whether an issuer, or one of a list, names a Microsoft host.
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
