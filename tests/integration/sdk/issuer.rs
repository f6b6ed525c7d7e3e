//! An identity provider on this machine, whose tokens a federated credential trusts.

use axum::routing::get;
use axum::{Json, Router};
use http_shell::server::Server;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use tests::world::now;
use tokio_util::sync::{CancellationToken, DropGuard};

const KID: &str = "issuer-key";

/// The identity provider; it serves until it is dropped.
pub(super) struct Issuer {
    url: String,
    key: EncodingKey,
    _shutdown: DropGuard,
}

impl Issuer {
    pub(super) async fn start() -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let key = EncodingKey::from_rsa_pem(key.serialize_pem().as_bytes()).unwrap();
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap();
        jwk.common.key_id = Some(KID.to_owned());
        let keys = json!({ "keys": [jwk] });
        let server = Server::bind_address(([127, 0, 0, 1], 0).into(), None).await.unwrap();
        let url = format!("http://{}", server.address());
        let document = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
        let service = Router::new()
            .route("/.well-known/openid-configuration", answering(document))
            .route("/keys", answering(keys));
        let shutdown = CancellationToken::new();
        tokio::spawn(server.serve(service, shutdown.clone()));
        Self { url, key, _shutdown: shutdown.drop_guard() }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A token with this subject.
    pub(super) fn token(&self, subject: &str, audience: &str) -> String {
        let header = Header { kid: Some(KID.to_owned()), ..Header::new(Algorithm::RS256) };
        let claims = json!({
            "iss": self.url, "sub": subject, "aud": [audience], "iat": now(), "nbf": now(), "exp": now() + 3600,
        });
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}

fn answering(document: Value) -> axum::routing::MethodRouter {
    get(move || async move { Json(document) })
}
