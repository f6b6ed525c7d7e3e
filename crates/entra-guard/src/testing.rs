//! An issuer for tests, in process: a guard accepts its tokens without any network.
//!
//! Its tokens are signed and validated like Entra's, so a test covers authentication and policies alike. Enable the
//! feature `testing` for tests only:
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use entra_guard::ClientId;
//! use entra_guard::testing::TestIssuer;
//!
//! let issuer = TestIssuer::new()?;
//! let api = ClientId::parse("b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4")?;
//! let guard = issuer.guard(api).start()?;
//! let token = issuer.token(api).role("Orders.Read").sign()?;
//! // Send a request with the header `Authorization: token.authorization()` to the routes of `guard`.
//! # Ok(())
//! # }
//! ```

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use entra_shared::azure_ad::Instance;
use entra_shared::ids::{ClientId, TenantId};
use entra_shared::jwt::install_provider;
use entra_shared::secret::AccessToken;
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::authentication::Tenancy;
use crate::authentication::keys::KeySet;
use crate::guard::{Guard, GuardBuilder};

/// The host of the issuer; `.invalid` never resolves (RFC 2606 section 2).
const INSTANCE: &str = "https://login.invalid";

const KEY_ID: &str = "test-key";

/// How long a token is valid, in seconds; Entra's are valid for 60 to 90 minutes.
const LIFETIME: i64 = 3600;

/// How long before its issue a token becomes valid, in seconds. Entra back-dates its tokens by as much.
const BACKDATED: i64 = 300;

/// Issues access tokens for tests, in the name of a made-up Entra tenant.
#[derive(Debug, Clone)]
pub struct TestIssuer {
    instance: Instance,
    tenant: TenantId,
    key: EncodingKey,
    key_set: KeySet,
}

/// An access token to be signed: a v2.0 token of an app, valid for an hour, without roles.
#[must_use = "a token must be signed to be sent"]
#[derive(Debug, Clone)]
pub struct TestToken<'i> {
    issuer: &'i TestIssuer,
    claims: Map<String, Value>,
}

/// A test issuer could not be made, or a token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("{0} failed")]
pub struct TestingError(&'static str);

impl TestIssuer {
    /// Makes an issuer with a tenant and an RSA key of its own.
    ///
    /// # Errors
    /// The cryptography of this process does not work.
    pub fn new() -> Result<Self, TestingError> {
        install_provider().map_err(|_| TestingError("installing the provider of JWT cryptography"))?;
        let key = generate_key().ok_or(TestingError("generating an RSA key"))?;
        Ok(Self {
            instance: Instance::parse(INSTANCE).map_err(|_| TestingError("parsing the instance"))?,
            tenant: TenantId::from(Uuid::new_v4()),
            key_set: publish(&key).ok_or(TestingError("publishing the key"))?,
            key,
        })
    }

    /// Returns the tenant that issues the tokens.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        self.tenant
    }

    /// Configures a guard of the API with this client id, which accepts tokens of this issuer and fetches no keys.
    pub fn guard(&self, api: ClientId) -> GuardBuilder {
        Guard::builder(Tenancy::single(self.instance.clone(), self.tenant), api)
            .fixed_keys(self.key_set.clone())
    }

    /// Returns a token for the API with this client id, issued to a client with a random id.
    pub fn token(&self, api: ClientId) -> TestToken<'_> {
        let now = Timestamp::now().as_second();
        let object = Uuid::new_v4().to_string();
        let claims = [
            ("aud", json!(api.to_string())),
            ("iss", json!(format!("{INSTANCE}/{}/v2.0", self.tenant))),
            ("iat", json!(now - BACKDATED)),
            ("nbf", json!(now - BACKDATED)),
            ("exp", json!(now + LIFETIME)),
            ("azp", json!(Uuid::new_v4().to_string())),
            ("azpacr", json!("2")),
            ("idtyp", json!("app")),
            ("oid", json!(object)),
            ("roles", json!([])),
            ("sub", json!(object)),
            ("tid", json!(self.tenant.to_string())),
            ("uti", json!(Uuid::new_v4().simple().to_string())),
            ("ver", json!("2.0")),
        ];
        let claims = claims.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        TestToken { issuer: self, claims }
    }
}

impl TestToken<'_> {
    /// Adds an app role, by its value.
    pub fn role(mut self, value: &str) -> Self {
        if let Some(roles) = self.claims.get_mut("roles").and_then(Value::as_array_mut) {
            roles.push(value.into());
        }
        self
    }

    /// Names the client that the token was issued to.
    pub fn client(self, client_id: ClientId) -> Self {
        self.claim("azp", client_id.to_string())
    }

    /// Sets a claim to any value, to test what is refused as well.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Signs the token.
    ///
    /// # Errors
    /// The cryptography of this process does not work.
    pub fn sign(self) -> Result<AccessToken, TestingError> {
        let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::RS256) };
        let token = jsonwebtoken::encode(&header, &self.claims, &self.issuer.key);
        token.ok().and_then(|token| AccessToken::parse(token).ok()).ok_or(TestingError("signing the token"))
    }
}

fn generate_key() -> Option<EncodingKey> {
    let der = KeyPair::generate(KeySize::Rsa2048).ok()?.as_der().ok()?;
    let base64 = BASE64_STANDARD.encode(der.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n");
    EncodingKey::from_rsa_pem(pem.as_bytes()).ok()
}

/// Returns the public half of the key, in a key set as Entra publishes it.
fn publish(key: &EncodingKey) -> Option<KeySet> {
    let mut jwk = Jwk::from_encoding_key(key, Algorithm::RS256).ok()?;
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    jwk.common.key_id = Some(KEY_ID.to_owned());
    KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use http::{Request, StatusCode, header};
    use tower::ServiceExt;

    use super::*;
    use crate::{AppRole, Authorized, Policy, Requirements};

    const READ: AppRole = AppRole::new("Orders.Read", "c7e1b0a4-52d8-4f6e-9b3c-1a2d3e4f5a6b", "Read orders.");

    struct ReadPolicy;

    impl Policy for ReadPolicy {
        const NAME: &'static str = "ReadPolicy";

        fn requirements() -> Requirements {
            Requirements::app().role(READ)
        }
    }

    async fn list(caller: Authorized<ReadPolicy>) -> String {
        caller.client_id().to_string()
    }

    #[tokio::test]
    async fn tokens_of_the_issuer_are_validated_like_any_other() {
        let (issuer, stranger) = (TestIssuer::new().unwrap(), TestIssuer::new().unwrap());
        let [api, other] = [(); 2].map(|()| ClientId::parse(&Uuid::new_v4().to_string()).unwrap());
        let guard = issuer.guard(api).start().unwrap();
        let app = guard.protect("/api", guard.routes().get("/orders", list), Router::new()).unwrap();
        let status = async |token: TestToken<'_>| {
            let token = token.sign().unwrap().authorization();
            let request = Request::get("/api/orders").header(header::AUTHORIZATION, token);
            app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
        };
        assert_eq!(status(issuer.token(api).role("Orders.Read")).await, StatusCode::OK);
        assert_eq!(status(issuer.token(api)).await, StatusCode::FORBIDDEN);
        assert_eq!(status(issuer.token(other).role("Orders.Read")).await, StatusCode::UNAUTHORIZED);
        assert_eq!(status(stranger.token(api).role("Orders.Read")).await, StatusCode::UNAUTHORIZED);
        let forged = stranger.token(api).role("Orders.Read");
        let forged = forged.claim("tid", issuer.tenant_id().to_string());
        let forged = forged.claim("iss", format!("{INSTANCE}/{}/v2.0", issuer.tenant_id()));
        assert_eq!(status(forged).await, StatusCode::UNAUTHORIZED);
        let expired = issuer.token(api).role("Orders.Read").claim("exp", 1);
        assert_eq!(status(expired).await, StatusCode::UNAUTHORIZED);
    }
}
