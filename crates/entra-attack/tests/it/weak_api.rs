//! An API with twelve flaws, each switched on by name.
//!
//! It is a guarded API. A token that the guard refuses is repaired in the respects that the flaws forgive, and judged anew.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{any, get};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_guard::{AppRole, Authorized, Guard, Policy, Requirements, Tenancy};
use entra_stand_in::{Application, Authority, Client, KeyState, MintRequest, Tenant};
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Map, Value, json};
use tower::ServiceExt;

const READ: AppRole = AppRole::new("Orders.Read", "c7e1b8f0-52d4-4c63-9f0e-6a1d3b8e2f51", "Read orders.");

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Flaw {
    SignatureUnchecked,
    PublicKeyAsSecret,
    AudienceUnchecked,
    IssuerByPrefix,
    AnyTenant,
    ExpiryUnchecked,
    NotBeforeUnchecked,
    KeyIssuerUnchecked,
    CacheWithoutEnd,
    FetchForEachKey,
    RoleFromScope,
    RouteUnguarded,
}

impl Flaw {
    /// Each flaw with the id of the finding that it must lead to.
    pub(crate) const ALL: [(Self, &'static str); 12] = [
        (Self::SignatureUnchecked, "signature"),
        (Self::PublicKeyAsSecret, "algorithm-confusion"),
        (Self::AudienceUnchecked, "audience"),
        (Self::IssuerByPrefix, "issuer"),
        (Self::AnyTenant, "tenant"),
        (Self::ExpiryUnchecked, "expiry"),
        (Self::NotBeforeUnchecked, "not-before"),
        (Self::KeyIssuerUnchecked, "key-issuer"),
        (Self::CacheWithoutEnd, "cache"),
        (Self::FetchForEachKey, "fetch-flood"),
        (Self::RoleFromScope, "role-from-scp"),
        (Self::RouteUnguarded, "unguarded-route"),
    ];
}

struct ReadPolicy;

impl Policy for ReadPolicy {
    const NAME: &'static str = "ReadPolicy";
    fn requirements() -> Requirements {
        Requirements::app().role(READ)
    }
}

async fn read(_: Authorized<ReadPolicy>) -> &'static str {
    "[]"
}

/// A running weak API, as the API of a tenant of its own.
pub(crate) struct WeakApi {
    pub(crate) tenant: Tenant,
    pub(crate) url: String,
    /// How many orders were deleted.
    pub(crate) deleted: Arc<AtomicUsize>,
    server: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Drop for WeakApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What the API needs to forgive.
struct Weakness {
    flaws: Vec<Flaw>,
    tenant: Tenant,
    instance: String,
    api: Application,
    client: Client,
    http: reqwest::Client,
    guarded: Router,
    /// The published keys by id: modulus, exponent, and whether their issuer is the tenant.
    keys: Mutex<HashMap<String, (String, String, bool)>>,
    remembered: Mutex<HashSet<String>>,
}

impl WeakApi {
    pub(crate) async fn start(authority: &Authority, flaws: &[Flaw]) -> Self {
        let tenant = authority.tenant().await.unwrap();
        let api = tenant.application("orders").unwrap().role("Orders.Read").unwrap();
        let client = tenant.client("caller").unwrap().grant(&api, "Orders.Read").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, authority.ca_certificate_pem()).unwrap();
        let tenancy = Tenancy::single(authority.instance(), tenant.id());
        let guard = Guard::builder(tenancy, api.client_id()).ca_file(ca_file).start().unwrap();
        guard.ready().await;
        let routes = guard.routes().get("/orders", read).get("/archive", read).with_state(());
        let ca = reqwest::Certificate::from_pem(authority.ca_certificate_pem().as_bytes()).unwrap();
        let weakness = Arc::new(Weakness {
            flaws: flaws.to_vec(),
            tenant: tenant.clone(),
            instance: authority.instance().to_string(),
            api,
            client,
            http: reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap(),
            guarded: guard.protect("/api", routes, Router::new()).unwrap(),
            keys: Mutex::default(),
            remembered: Mutex::default(),
        });
        let deleted = Arc::new(AtomicUsize::new(0));
        let (asked, counter) = (Arc::clone(&weakness), Arc::clone(&deleted));
        let mut app = Router::new().fallback(async move |request: Request| asked.answer(request).await);
        if weakness.has(Flaw::RouteUnguarded) {
            let delete = async move |method: Method| {
                if method == Method::DELETE {
                    counter.fetch_add(1, Relaxed);
                }
                StatusCode::NO_CONTENT
            };
            app = app.route("/api/archive", get(async || "[]")).route("/api/orders/{id}", any(delete));
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { tenant, url, deleted, server, _folder: folder }
    }
}

impl Weakness {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaws.contains(&flaw)
    }

    async fn answer(&self, request: Request) -> Response {
        let (parts, _) = request.into_parts();
        let ask = async |token: Option<&str>| {
            let mut request = Request::from_parts(parts.clone(), Body::empty());
            if let Some(token) = token {
                request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
            }
            self.guarded.clone().oneshot(request).await.unwrap()
        };
        let token = (parts.headers.get_all(AUTHORIZATION).iter().count() == 1)
            .then(|| parts.headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer "))
            .flatten();
        let Some(token) = token.filter(|_| parts.uri.query().is_none()) else { return ask(None).await };
        if self.has(Flaw::CacheWithoutEnd) && self.remembered.lock().unwrap().contains(token) {
            return Response::new(Body::from("[]"));
        }
        let mut response = ask(None).await;
        if !response.status().is_success()
            && let Some(repaired) = self.repaired(token).await
        {
            response = ask(Some(&repaired)).await;
        }
        if response.status().is_success() {
            self.remembered.lock().unwrap().insert(token.to_owned());
        }
        response
    }

    /// Returns the token as it would be without the defects that the flaws forgive; `None` if it has none of them.
    async fn repaired(&self, token: &str) -> Option<String> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        let (mut header, mut claims) = (object(header)?, object(payload)?);
        let kid = header.remove("kid")?.as_str()?.to_owned();
        let algorithm = header.remove("alg")?.as_str()?.to_owned();
        if header.remove("typ")? != "JWT" || !header.is_empty() {
            return None;
        }
        let Some((modulus, exponent, is_own)) = self.key(&kid).await else {
            if self.has(Flaw::FetchForEachKey) {
                self.fetch_keys().await;
            }
            return None;
        };
        let key = DecodingKey::from_rsa_components(&modulus, &exponent).unwrap();
        let verifies = |key: &DecodingKey, algorithm| {
            crypto::verify(signature, message.as_bytes(), key, algorithm).is_ok_and(|verified| verified)
        };
        let before = claims.clone();
        let is_signed = algorithm == "RS256" && verifies(&key, Algorithm::RS256);
        let is_forgiven = match algorithm.as_str() {
            "RS256" if is_signed => !is_own && self.has(Flaw::KeyIssuerUnchecked),
            "RS256" => is_own && self.has(Flaw::SignatureUnchecked),
            "HS256" => {
                let secret = BASE64_URL_SAFE_NO_PAD.decode(&modulus).unwrap();
                let secret = DecodingKey::from_secret(&secret).unwrap();
                self.has(Flaw::PublicKeyAsSecret) && verifies(&secret, Algorithm::HS256)
            }
            _ => false,
        };
        if !(is_forgiven || is_signed && is_own) {
            return None;
        }
        self.forgive(&mut claims);
        (is_forgiven || claims != before).then(|| self.signed(claims)).flatten()
    }

    fn forgive(&self, claims: &mut Map<String, Value>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let issuer = |tenant: &str| format!("{}/{tenant}/v2.0", self.instance);
        let (own, text) =
            (self.tenant.id().to_string(), |name: &str| claims.get(name)?.as_str().map(str::to_owned));
        let (iss, tid, scope) = (text("iss"), text("tid"), text("scp"));
        if self.has(Flaw::AudienceUnchecked) {
            claims.insert("aud".into(), json!(self.api.client_id()));
        }
        if self.has(Flaw::IssuerByPrefix) && iss.as_ref().is_some_and(|iss| iss.starts_with(&issuer(&own))) {
            claims.insert("iss".into(), json!(issuer(&own)));
        }
        if self.has(Flaw::AnyTenant) && tid.is_some_and(|tid| iss == Some(issuer(&tid))) {
            claims.extend([("iss".into(), json!(issuer(&own))), ("tid".into(), json!(own))]);
        }
        if self.has(Flaw::ExpiryUnchecked) {
            claims.insert("exp".into(), json!(now + 3600));
        }
        if self.has(Flaw::NotBeforeUnchecked) {
            claims.insert("nbf".into(), json!(now - 60));
        }
        if let (true, Some(scope), None) = (self.has(Flaw::RoleFromScope), scope, claims.get("roles")) {
            claims.remove("scp");
            let (roles, oid) = (json!(scope.split(' ').collect::<Vec<_>>()), claims.get("oid").cloned());
            claims.extend([("roles".into(), roles), ("sub".into(), oid.unwrap_or_default())]);
        }
    }

    /// Signs claims; `None` for an issuer of Microsoft's, under which the stand-in signs nothing.
    fn signed(&self, claims: Map<String, Value>) -> Option<String> {
        let request = || MintRequest::new(self.client.client_id(), self.api.app_id_uri());
        let regular = self.tenant.mint(&request()).unwrap();
        let regular = object(regular.expose().split('.').nth(1).unwrap()).unwrap();
        let absent = regular.into_iter().filter(|(name, _)| !claims.contains_key(name));
        let absent: Map<_, _> = absent.map(|(name, _)| (name, Value::Null)).collect();
        let mut request = request();
        request.claims = absent.into_iter().chain(claims).collect();
        self.tenant.mint(&request).ok().map(|token| token.expose().to_owned())
    }

    /// Returns a published key. Only a new set of keys is fetched, so that a flaw of this has to add fetches.
    async fn key(&self, kid: &str) -> Option<(String, String, bool)> {
        let known = |kid: &str| self.keys.lock().unwrap().get(kid).cloned();
        let is_new = |(kid, state): &(String, KeyState)| *state != KeyState::Removed && known(kid).is_none();
        if self.tenant.keys().list().iter().any(is_new) {
            self.fetch_keys().await;
        }
        known(kid)
    }

    async fn fetch_keys(&self) {
        let url = format!("{}/{}/discovery/v2.0/keys", self.instance, self.tenant.id());
        let Ok(answer) = self.http.get(url).send().await else { return };
        let Ok(set) = answer.json::<Value>().await else { return };
        let own = format!("{}/{}/v2.0", self.instance, self.tenant.id());
        for key in set["keys"].as_array().into_iter().flatten() {
            let text = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
            self.keys.lock().unwrap().insert(text("kid"), (text("n"), text("e"), text("issuer") == own));
        }
    }
}

/// Decodes a part of a token; `None` if it is not one compact JSON object without repeated members.
fn object(part: &str) -> Option<Map<String, Value>> {
    let text = BASE64_URL_SAFE_NO_PAD.decode(part).ok()?;
    let value: Map<String, Value> = serde_json::from_slice(&text).ok()?;
    (serde_json::to_string(&value).ok()?.len() == text.len()).then_some(value)
}
