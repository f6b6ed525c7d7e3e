//! A running stand-in, and requests to it.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_stand_in::{Authority, Builder};
use reqwest::{Certificate, Client, Method, RequestBuilder, StatusCode};

use crate::members::Members;

pub(crate) const TENANT: &str = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20";
pub(crate) const RESOURCE: &str = "b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4";
pub(crate) const OTHER: &str = "e26f8b35-70d4-4c9a-b1e8-4a93d5c7f01e";
pub(crate) const CLIENT: &str = "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813";
pub(crate) const READ_ONLY: &str = "5a7d1f92-e3c8-4b06-a4f1-7c0d92b8e635";
pub(crate) const UNGRANTED: &str = "c48b2e06-9f53-4a7d-86e2-1d5f30a97b4c";
pub(crate) const SECRET: &str = "development-only-demo-client-secret";
pub(crate) const READ_ONLY_SECRET: &str = "development-only-read-only-secret";
pub(crate) const UNGRANTED_SECRET: &str = "development-only-ungranted-secret";

pub(crate) struct World {
    pub(crate) authority: Authority,
    pub(crate) http: Client,
    pub(crate) base: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::start_with(Authority::builder()).await
    }

    /// A stand-in whose keys are kept from one run of the tests to the next.
    pub(crate) async fn start_with(builder: Builder) -> Self {
        let authority = builder.data_folder(kept_keys()).spawn().await.unwrap();
        Self { http: client(&authority), base: authority.instance().to_string(), authority }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.http.get(format!("{}/{path}", self.base))).await
    }

    /// Posts a form to a token endpoint.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        send(self.request(path).form(form)).await
    }

    /// A POST to a path, to be completed.
    pub(crate) fn request(&self, path: &str) -> RequestBuilder {
        self.http.request(Method::POST, format!("{}/{path}", self.base))
    }

    /// A token from the v2 endpoint.
    pub(crate) async fn token(&self, client: &str, secret: &str, resource: &str) -> String {
        let scope = format!("{resource}/.default");
        let answer = self.post(&v2(TENANT), &form(client, secret, &scope)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json().text("access_token").to_owned()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Members {
        Members::parse(&self.body)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) fn kept_keys() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("authority-app-keys")
}

pub(crate) fn client(authority: &Authority) -> Client {
    trusting(authority.ca_certificate_pem())
}

pub(crate) fn trusting(ca: &str) -> Client {
    let builder = Client::builder().timeout(Duration::from_secs(10)).no_proxy();
    builder.tls_certs_only([Certificate::from_pem(ca.as_bytes()).unwrap()]).build().unwrap()
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, body: response.text().await.unwrap() }
}

pub(crate) fn v1(tenant: &str) -> String {
    format!("{tenant}/oauth2/token")
}

pub(crate) fn v2(tenant: &str) -> String {
    format!("{tenant}/oauth2/v2.0/token")
}

pub(crate) fn form<'a>(client: &'a str, secret: &'a str, scope: &'a str) -> [(&'a str, &'a str); 4] {
    [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", secret), ("scope", scope)]
}

/// The header (0) or the claims (1) of a token.
pub(crate) fn part(token: &str, index: usize) -> Members {
    let part = token.split('.').nth(index).unwrap();
    Members::parse(&String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
}
