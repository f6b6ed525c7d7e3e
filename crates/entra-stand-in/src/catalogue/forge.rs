//! Builds tokens from parts that do not belong together.

use std::sync::Arc;

use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_shared::azure_ad::{Instance, Version};
use entra_shared::claims::ClientAuthentication;
use entra_shared::ids::ClientId;
use serde_json::{Map, Value, json};

use super::{BadToken, Expected};
use crate::MintError;
use crate::context::Context;
use crate::grant::Grant;
use crate::keys::SigningKey;
use crate::tenants::LiveTenant;

/// The ingredients of bad tokens.
pub(super) struct Forge {
    /// The key that signs the tenant's tokens.
    pub(super) key: Arc<SigningKey>,
    /// Another key that the tenant publishes.
    pub(super) other_key: Arc<SigningKey>,
    /// A key that the tenant does not publish. It stands for another tenant's key, or an attacker's.
    pub(super) foreign_key: Arc<SigningKey>,
    /// The claims of a good token, with every role of the API.
    pub(super) good: Map<String, Value>,
    pub(super) instance: Instance,
    pub(super) version: Version,
    pub(super) roles: Vec<String>,
}

/// The rows of a catalogue under construction.
pub(super) type Rows = Vec<BadToken>;

impl Forge {
    pub(super) fn new(
        tenant: &LiveTenant,
        instance: &Instance,
        client: ClientId,
        api: ClientId,
    ) -> Result<Self, MintError> {
        let entry = tenant.entry();
        let resource = entry.principal(api).ok_or(MintError::UnknownResource)?;
        let requested = api.to_string();
        let grant = Grant {
            tenant: &entry,
            client: entry.principal(client).ok_or(MintError::UnknownClient)?,
            resource,
            requested: &requested,
            authentication: ClientAuthentication::Secret,
            capabilities: Vec::new(),
        };
        let context = Context::new(&http::HeaderMap::new(), tenant.clock.now());
        let mut claims = grant.claims(instance, &context).regular;
        claims.roles = resource.application.role_values();
        let (roles, version) = (claims.roles.clone(), claims.ver);
        let Ok(Value::Object(good)) = serde_json::to_value(claims) else { return Err(MintError::Failed) };
        let keys = tenant.keys.snapshot();
        let mut published = keys.published().map(Arc::clone);
        let (key, other_key) = published.next().zip(published.next()).ok_or(MintError::Failed)?;
        let foreign_key = tenant.keys.foreign().map_err(|_| MintError::Failed)?;
        Ok(Self { key, other_key, foreign_key, good, instance: instance.clone(), version, roles })
    }

    /// Returns the header of a good token.
    pub(super) fn header(&self) -> Value {
        let kid = self.key.kid();
        match self.version {
            Version::V1 => json!({ "typ": "JWT", "alg": "RS256", "x5t": kid, "kid": kid }),
            Version::V2 => json!({ "typ": "JWT", "alg": "RS256", "kid": kid }),
        }
    }

    /// Returns the header of a good token with changed members; `null` removes one. In v1.0, `x5t` equals `kid`.
    pub(super) fn header_with(&self, mut members: Value) -> Value {
        if let (Version::V1, Value::Object(members)) = (self.version, &mut members)
            && let Some(kid) = members.get("kid").cloned()
        {
            members.entry("x5t").or_insert(kid);
        }
        with(self.header(), members)
    }

    /// Returns the client of a good token.
    pub(super) fn client(&self) -> &str {
        self.text(match self.version {
            Version::V1 => "appid",
            Version::V2 => "azp",
        })
    }

    /// Returns the name of the claim for the client's authentication method.
    pub(super) fn class_claim(&self) -> &'static str {
        match self.version {
            Version::V1 => "appidacr",
            Version::V2 => "azpacr",
        }
    }

    /// Returns whether APIs compare the audience without case. They do so for a client id in a v1.0 token, bare or
    /// after `api://`.
    pub(super) fn has_audience_without_case(&self) -> bool {
        let audience = self.text("aud");
        let id = audience.strip_prefix("api://").unwrap_or(audience);
        self.version == Version::V1 && id.parse::<ClientId>().is_ok()
    }

    /// Returns the claims of a good token.
    pub(super) fn claims(&self) -> Value {
        Value::Object(self.good.clone())
    }

    /// Returns the claims of a good token with changes; `null` removes one.
    pub(super) fn claims_with(&self, claims: Value) -> Value {
        with(self.claims(), claims)
    }

    /// Returns a text claim of the valid token that the cases are derived from; empty if it has none.
    pub(super) fn text(&self, claim: &str) -> &str {
        self.good.get(claim).and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns a number claim of the good token.
    pub(super) fn number(&self, claim: &str) -> i64 {
        self.good.get(claim).and_then(Value::as_i64).unwrap_or_default()
    }

    /// Signs these two parts with the tenant's key.
    pub(super) fn signed(
        &self,
        header: impl AsRef<[u8]>,
        payload: impl AsRef<[u8]>,
    ) -> Result<String, MintError> {
        self.signed_message(&message(header, payload))
    }

    /// Signs two parts that are encoded already.
    pub(super) fn signed_message(&self, message: &str) -> Result<String, MintError> {
        let signature = self.key.signature(&RSA_PKCS1_SHA256, message.as_bytes())?;
        Ok(join(message, &signature))
    }

    /// Returns a good token except for these claims.
    pub(super) fn with_claims(&self, claims: Value) -> Result<String, MintError> {
        self.signed(self.header().to_string(), self.claims_with(claims).to_string())
    }

    /// Returns a good token except for these header members.
    pub(super) fn with_header(&self, members: Value) -> Result<String, MintError> {
        self.signed(self.header_with(members).to_string(), self.claims().to_string())
    }

    /// Returns a good token.
    pub(super) fn good_token(&self) -> Result<String, MintError> {
        self.with_claims(json!({}))
    }
}

/// Adds a row.
pub(super) fn row(
    rows: &mut Rows,
    expected: Expected,
    (name, wrong): (impl Into<String>, impl Into<String>),
    token: String,
) {
    rows.push(BadToken { name: name.into(), wrong: wrong.into(), expected, token });
}

/// Returns the first two parts of a token.
pub(super) fn message(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    format!("{}.{}", encode(header), encode(payload))
}

pub(super) fn join(message: &str, signature: &[u8]) -> String {
    format!("{message}.{}", encode(signature))
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the three parts of a good token.
pub(super) fn parts(token: &str) -> Result<[&str; 3], MintError> {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().map_err(|_| MintError::Failed)
}

fn with(mut value: Value, members: Value) -> Value {
    if let (Value::Object(value), Value::Object(members)) = (&mut value, members) {
        value.extend(members);
        value.retain(|_, value| !value.is_null());
    }
    value
}
