//! Steps at the authority: discovery, tokens, and the stand-in's admin operations.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_shared::azure_ad::{Authority, Version};
use entra_shared::http_client::HttpClient;
use entra_shared::ids::AppIdUri;
use entra_shared::secret::AccessToken;
use entra_token::{TokenRequest, TokenRetriever};
use jiff::Timestamp;
use reqwest::Response;
use serde_json::{Value, json};
use url::Url;

use super::report::{Miss, Outcome, no_answer};
use crate::Settings;
use crate::settings::ClientSettings;

/// Requests documents and tokens from the authority.
#[derive(Debug)]
pub(super) struct AuthoritySteps {
    http: HttpClient,
    authority: Authority,
    settings: Settings,
}

impl AuthoritySteps {
    pub(super) fn new(settings: &Settings, http: HttpClient) -> Self {
        Self { http, authority: settings.azure_ad.authority(), settings: settings.clone() }
    }

    /// Checks that the discovery document contains the tenant's issuer.
    pub(super) async fn discovery(&self) -> Outcome {
        let url = self.authority.discovery_document(Version::V2);
        let document: Value = json_of(self.http.get(url).send().await).await?;
        let issuer = document.get("issuer").and_then(Value::as_str).unwrap_or("no issuer");
        let came = format!("issuer {issuer}");
        if issuer == self.authority.issuer(Version::V2) {
            Ok((came, ()))
        } else {
            Err(Miss::Unexpected(came))
        }
    }

    /// Requests a token for the resource and checks that it has exactly these roles.
    pub(super) async fn token(
        &self,
        client: Option<&ClientSettings>,
        roles: &[&str],
    ) -> Outcome<AccessToken> {
        let client = client.ok_or_else(|| Miss::Skipped("the settings have no such client".into()))?;
        let token = self.token_for(client, &self.settings.resource.app_id_uri, Version::V2).await?;
        let claims = part(&token, 1)?;
        let version = claims.get("ver").and_then(Value::as_str).unwrap_or("no version");
        let mut granted: Vec<&str> = claims
            .get("roles")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        granted.sort_unstable();
        let shown = if granted.is_empty() { "no roles".to_owned() } else { granted.join(", ") };
        let came = format!("a v{version} token, {shown}");
        if granted == roles { Ok((came, token)) } else { Err(Miss::Unexpected(came)) }
    }

    /// Requests a client's token for any resource from either version of the token endpoint.
    pub(super) async fn token_for(
        &self,
        client: &ClientSettings,
        resource: &AppIdUri,
        version: Version,
    ) -> Result<AccessToken, Miss> {
        let request = TokenRequest {
            authority: self.authority.clone(),
            client_id: client.client_id,
            credentials: client.client_secret.clone().into(),
            resource: resource.clone(),
            version,
        };
        let retriever = TokenRetriever::new(request, self.http.clone());
        let token = retriever.token().await.map_err(|error| Miss::Unexpected(error.to_string()))?;
        Ok(token.access_token().clone())
    }

    /// Requests a correctly signed token that expired an hour ago.
    pub(super) async fn expired_token(&self) -> Result<AccessToken, Miss> {
        let admin = self.admin("/tokens")?;
        let now = Timestamp::now().as_second();
        let request = json!({
            "tenant": self.settings.azure_ad.tenant_id,
            "client_id": self.settings.clients.full.client_id,
            "resource": self.settings.resource.app_id_uri,
            // The issuer in the settings, since the stand-in may know itself by another host name.
            "claims": {
                "iss": self.authority.issuer(Version::V2),
                "iat": now - 7500,
                "nbf": now - 7500,
                "exp": now - 3600,
            },
        });
        let answer: Value = json_of(self.http.post(admin).json(&request).send().await).await?;
        let token = answer.get("access_token").and_then(Value::as_str).unwrap_or_default();
        AccessToken::parse(token).map_err(|error| Miss::Unexpected(format!("the stand-in's token {error}")))
    }

    /// Rolls over the stand-in's signing key.
    pub(super) async fn roll_keys(&self) -> Result<(), Miss> {
        let response = self.http.post(self.admin("/keys/roll")?).json(&json!({})).send().await;
        let response = response.map_err(|error| Miss::Unexpected(no_answer(&error)))?;
        if response.status().is_success() {
            Ok(())
        } else {
            Err(Miss::Unexpected(format!("the stand-in answered {}", response.status())))
        }
    }

    fn admin(&self, path: &str) -> Result<Url, Miss> {
        let stand_in = self.settings.stand_in.as_ref();
        let stand_in = stand_in
            .ok_or_else(|| Miss::Skipped("only the stand-in can; the settings have no [stand_in]".into()))?;
        stand_in.admin_url.join(path).map_err(|error| Miss::Unexpected(error.to_string()))
    }
}

/// Returns the token with an added role in its payload and the original signature.
pub(super) fn tampered(token: &AccessToken) -> Result<AccessToken, Miss> {
    let mut claims = part(token, 1)?;
    if let Some(claims) = claims.as_object_mut() {
        claims.insert("roles".into(), json!(["Resource.Read", "Resource.Write", "Resource.Administrate"]));
    }
    let mut parts: Vec<String> = token.expose().split('.').map(str::to_owned).collect();
    if let Some(payload) = parts.get_mut(1) {
        *payload = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    }
    AccessToken::parse(parts.join(".")).map_err(|error| Miss::Unexpected(error.to_string()))
}

/// Returns the id of the key that signed a token.
pub(super) fn key_id(token: &AccessToken) -> Option<String> {
    part(token, 0).ok()?.get("kid")?.as_str().map(str::to_owned)
}

/// Decodes a part of a token without verifying the signature, for display only.
fn part(token: &AccessToken, index: usize) -> Result<Value, Miss> {
    let part = token.expose().split('.').nth(index).unwrap_or_default();
    let json = BASE64_URL_SAFE_NO_PAD.decode(part).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    json.ok_or_else(|| Miss::Unexpected("the access token is not a JWT".into()))
}

async fn json_of(response: reqwest::Result<Response>) -> Result<Value, Miss> {
    let response = response.map_err(|error| Miss::Unexpected(no_answer(&error)))?;
    let status = response.status();
    if !status.is_success() {
        return Err(Miss::Unexpected(status.to_string()));
    }
    response.json().await.map_err(|_| Miss::Unexpected(format!("{status} without JSON")))
}
