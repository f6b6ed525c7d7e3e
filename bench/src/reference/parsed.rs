//! The minimum cost of a verification: with a parsed key, it checks the signature and the usual claims, and nothing else.
//!
//! No library offers this; it shows the share of the signature in a request on this machine.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::decode_header;
use serde::Deserialize;

use super::{AppState, Arguments, EntraClaims};

/// The keys by id, and the expected claims.
pub(super) struct ParsedKeys {
    keys: HashMap<String, ParsedPublicKey>,
    issuer: String,
    audience: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kid: String,
    n: String,
    e: String,
}

#[derive(Deserialize)]
struct Registered {
    iss: String,
    aud: String,
    exp: i64,
    nbf: i64,
}

/// The caller.
struct Caller(EntraClaims);

impl ParsedKeys {
    pub(super) async fn fetch(http: &reqwest::Client, arguments: &Arguments) -> anyhow::Result<Self> {
        let set: KeySet = http.get(&arguments.keys).send().await?.error_for_status()?.json().await?;
        let mut keys = HashMap::new();
        for Jwk { kid, n, e } in set.keys {
            let [n, e] = [BASE64_URL_SAFE_NO_PAD.decode(n)?, BASE64_URL_SAFE_NO_PAD.decode(e)?];
            let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
            keys.insert(kid, key.ok().context("a key is none")?);
        }
        let (issuer, audience) = (arguments.issuer.clone(), arguments.audience.clone());
        Ok(Self { keys, issuer, audience })
    }

    fn verify(&self, token: &str) -> Option<EntraClaims> {
        let key = self.keys.get(&decode_header(token).ok()?.kid?)?;
        let (message, signature) = token.rsplit_once('.')?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        key.verify_sig(message.as_bytes(), &signature).ok()?;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(message.split_once('.')?.1).ok()?;
        let Registered { iss, aud, exp, nbf } = serde_json::from_slice(&claims).ok()?;
        let now = Timestamp::now().as_second();
        let is_accepted = iss == self.issuer && aud == self.audience && nbf <= now && now < exp;
        serde_json::from_slice(&claims).ok().filter(|_| is_accepted)
    }
}

impl<S> FromRequestParts<S> for Caller
where
    Arc<ParsedKeys>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer "));
        let claims = token.and_then(|token| Arc::<ParsedKeys>::from_ref(state).verify(token));
        claims.map(Self).ok_or_else(|| StatusCode::UNAUTHORIZED.into_response())
    }
}

pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/api/caller", get(show))
}

async fn show(Caller(claims): Caller) -> Response {
    if claims.is_app_only() { Json(claims).into_response() } else { StatusCode::FORBIDDEN.into_response() }
}
