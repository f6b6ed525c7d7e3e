//! A client of the stand-in's admin listener, in this process or in another one. The stand-in signs the tokens.

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tower::ServiceExt;
use url::Url;

/// The longest answer, in bytes; a catalogue takes some 700 KB.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A client of the stand-in's admin listener.
#[derive(Debug, Clone)]
pub struct Admin(Transport);

#[derive(Debug, Clone)]
enum Transport {
    Local(Router),
    Remote(reqwest::Client, Url),
}

/// Why a request to the stand-in failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The admin listener was not reached.
    #[error("the stand-in's admin listener was not reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It refused a request.
    #[error("the stand-in refused {path}: {detail}")]
    Refused {
        /// The path of the request.
        path: String,
        /// What the stand-in said.
        detail: String,
    },
    /// The stand-in's answer is not the documented one.
    #[error("the stand-in's answer to {path} is not the documented one; is it of the same version?")]
    Unexpected {
        /// The path of the request.
        path: String,
        /// The error of the JSON parser.
        source: serde_json::Error,
    },
}

/// A tenant of the stand-in, with what an API must be told of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) instance: String,
    pub(crate) issuer: String,
    pub(crate) openid_configuration: String,
    pub(crate) jwks_uri: String,
    pub(crate) applications: Vec<Application>,
}

/// An API of a tenant.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Application {
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) app_id_uri: Option<String>,
    pub(crate) roles: Vec<String>,
}

/// A bad token of the catalogue.
#[derive(Debug, Deserialize)]
pub(crate) struct BadToken {
    pub(crate) name: String,
    pub(crate) wrong: String,
    pub(crate) status: u16,
    pub(crate) allowed_statuses: Vec<u16>,
    pub(crate) token: String,
}

/// An odd but valid token of the catalogue.
#[derive(Debug, Deserialize)]
pub(crate) struct GoodToken {
    pub(crate) name: String,
    pub(crate) odd: String,
    pub(crate) token: String,
}

impl Admin {
    /// Uses a stand-in in this process.
    #[must_use]
    pub fn local(routes: Router) -> Self {
        Self(Transport::Local(routes))
    }

    /// Uses a running stand-in, by the base URL of its admin listener.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn remote(url: Url) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Ok(Self(Transport::Remote(client.build()?, url)))
    }

    pub(crate) async fn tenants(&self) -> Result<Vec<Tenant>, AdminError> {
        #[derive(Deserialize)]
        struct List {
            tenants: Vec<Tenant>,
        }
        Ok(self.json::<List>(Method::GET, "tenants", None).await?.tenants)
    }

    /// Returns the certificate authority to trust, in PEM.
    ///
    /// # Errors
    /// The stand-in was not reached.
    pub async fn ca_pem(&self) -> Result<String, AdminError> {
        let body = self.send(Method::GET, "ca.pem", None).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Returns one member of the answer to a `POST`, as text; empty if there is none.
    pub(crate) async fn post(&self, path: &str, body: Value, member: &str) -> Result<String, AdminError> {
        let answer: Value = self.json(Method::POST, path, Some(body)).await?;
        Ok(answer.get(member).and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// Sends a `POST` whose answer says nothing.
    pub(crate) async fn change(&self, path: &str, body: Value) -> Result<(), AdminError> {
        self.send(Method::POST, path, Some(body)).await.map(drop)
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<(), AdminError> {
        self.send(Method::DELETE, path, None).await.map(drop)
    }

    pub(crate) async fn bad_tokens(&self, whose: &str) -> Result<Vec<BadToken>, AdminError> {
        self.tokens(&format!("bad-tokens?{whose}")).await
    }

    pub(crate) async fn good_tokens(&self, whose: &str) -> Result<Vec<GoodToken>, AdminError> {
        self.tokens(&format!("good-tokens?{whose}")).await
    }

    /// Returns the id of the tenant's signing key.
    pub(crate) async fn signing_key(&self, tenant: &str) -> Result<String, AdminError> {
        #[derive(Deserialize)]
        struct List {
            keys: Vec<Key>,
        }
        #[derive(Deserialize)]
        struct Key {
            kid: String,
        }
        // The signing key is the first one.
        let list = self.json::<List>(Method::GET, &format!("keys?tenant={tenant}"), None).await?;
        Ok(list.keys.into_iter().next().map(|key| key.kid).unwrap_or_default())
    }

    /// Returns how often a tenant's key sets were fetched since the stand-in's start.
    pub(crate) async fn key_fetches(&self, tenant: &str) -> Result<u64, AdminError> {
        #[derive(Deserialize)]
        struct Journal {
            count: u64,
        }
        let path = format!("journal?tenant={tenant}&endpoint=keys");
        Ok(self.json::<Journal>(Method::GET, &path, None).await?.count)
    }

    async fn tokens<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, AdminError> {
        #[derive(Deserialize)]
        struct List<T> {
            tokens: Vec<T>,
        }
        Ok(self.json::<List<T>>(Method::GET, path, None).await?.tokens)
    }

    async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, AdminError> {
        let answer = self.send(method, path, body).await?;
        serde_json::from_slice(&answer)
            .map_err(|source| AdminError::Unexpected { path: path.to_owned(), source })
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Vec<u8>, AdminError> {
        let (status, answer) = match &self.0 {
            Transport::Local(routes) => in_process(routes, method, path, body).await,
            Transport::Remote(client, url) => over_http(client, url, method, path, body).await,
        }
        .map_err(AdminError::Unreachable)?;
        if status.is_success() {
            return Ok(answer);
        }
        let problem: Value = serde_json::from_slice(&answer).unwrap_or_else(|_| json!({}));
        let detail = problem.get("detail").and_then(Value::as_str);
        let detail = detail.map_or_else(|| status.to_string(), str::to_owned);
        let path = path.split('?').next().unwrap_or_default().to_owned();
        Err(AdminError::Refused { path, detail })
    }
}

type Answer = Result<(StatusCode, Vec<u8>), Box<dyn std::error::Error + Send + Sync>>;

async fn in_process(routes: &Router, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("http://localhost/{path}"))
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))?;
    let answer = routes.clone().oneshot(request).await?;
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), MAX_ANSWER_BYTES).await?;
    Ok((status, body.to_vec()))
}

async fn over_http(
    client: &reqwest::Client,
    url: &Url,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Answer {
    let request = client.request(method, url.join(path)?);
    let answer = match body {
        Some(body) => request.json(&body),
        None => request,
    }
    .send()
    .await?;
    let status = answer.status();
    Ok((status, answer.bytes().await?.to_vec()))
}
