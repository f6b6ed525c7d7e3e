//! A running system, and tokens of every kind for it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use demo::system::{Options, System};
use entra_shared::http_client::{HttpClient, HttpClientSettings};
use entra_shared::secret::AccessToken;
use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, Response, header};
use serde_json::{Value, json};

/// The tenant of the seeded directory.
pub const TENANT: &str = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20";
/// `DemoResourceApp`.
pub const RESOURCE: &str = "b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4";
/// `DemoClientApp`, granted both roles.
pub const CLIENT: &str = "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813";
/// `OtherResourceApp`.
pub const OTHER_RESOURCE: &str = "e26f8b35-70d4-4c9a-b1e8-4a93d5c7f01e";

/// The three services in one process, and a client that trusts them.
#[derive(Debug)]
pub struct World {
    /// The services.
    pub system: System,
    /// A client that trusts the stand-in's certificate authority.
    pub http: HttpClient,
}

impl World {
    /// Starts the services on free ports.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// Starts the services with other options.
    pub async fn start_with(options: Options) -> Self {
        let system = System::start(options).await.expect("the system starts");
        let http = trusting(&system);
        Self { system, http }
    }

    /// A request to the resource-app, without a token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.system.resource_url().join(path).unwrap())
    }

    /// Sends a GET request to the resource-app with this token.
    pub async fn get(&self, path: &str, token: &AccessToken) -> Response {
        let request = self.request(Method::GET, path).header(header::AUTHORIZATION, token.authorization());
        request.send().await.expect("the resource-app answers")
    }

    /// Creates a resource with this token.
    pub async fn post(&self, token: &AccessToken, body: &Value) -> Response {
        let request =
            self.request(Method::POST, "/api/resources").header(header::AUTHORIZATION, token.authorization());
        request.json(body).send().await.expect("the resource-app answers")
    }

    /// A validly signed token of `DemoClientApp` for `DemoResourceApp` with these claims changed.
    ///
    /// A claim that is `null` is left out.
    pub async fn token(&self, claims: Value) -> AccessToken {
        self.token_for(RESOURCE, claims).await
    }

    /// Like [`Self::token`], for the API with this client id.
    pub async fn token_for(&self, resource: &str, claims: Value) -> AccessToken {
        let body = json!({
            "tenant": TENANT,
            "client_id": CLIENT,
            "resource": format!("api://{resource}"),
            "claims": claims,
        });
        let url =
            self.system.authority().admin_url().expect("the admin listener is on").join("/tokens").unwrap();
        let response = self.http.post(url).json(&body).send().await.unwrap().error_for_status().unwrap();
        let answer: Value = response.json().await.unwrap();
        AccessToken::parse(answer["access_token"].as_str().unwrap()).unwrap()
    }

    /// Rolls over the stand-in's signing keys.
    pub async fn roll_keys(&self) {
        let url = self
            .system
            .authority()
            .admin_url()
            .expect("the admin listener is on")
            .join("/keys/roll")
            .unwrap();
        self.http.post(url).json(&json!({})).send().await.unwrap().error_for_status().unwrap();
    }
}

/// An HTTP client that trusts this system's stand-in.
#[must_use]
pub fn trusting(system: &System) -> HttpClient {
    let seconds = |n: u64| n.try_into().unwrap();
    let settings = HttpClientSettings {
        connect_timeout_seconds: seconds(5),
        timeout_seconds: seconds(20),
        ca_file: Some(system.ca_file()),
    };
    HttpClient::new(&settings).unwrap()
}

/// The time in seconds since 1970, as claims hold it.
#[must_use]
pub fn now() -> i64 {
    Timestamp::now().as_second()
}

/// Encodes in base64url without padding, as the parts of a token are (RFC 7515 section 2).
#[must_use]
pub fn base64url(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}
