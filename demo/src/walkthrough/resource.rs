//! Steps at the resource-app and at the client-app, which calls it.

use entra_shared::problem::Problem;
use entra_shared::resource::{Resource, ResourcePage};
use entra_shared::secret::AccessToken;
use reqwest::header::HeaderValue;
use reqwest::{Client, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::report::{Miss, Outcome, no_answer};
use crate::Settings;

/// A resource created by a step.
#[derive(Debug)]
pub(super) struct Written {
    id: Uuid,
    etag: HeaderValue,
}

/// Calls the resource-app with the token of each step.
#[derive(Debug)]
pub(super) struct ResourceSteps {
    http: Client,
    resources: Url,
    client_app: Option<Url>,
}

impl ResourceSteps {
    pub(super) fn new(settings: &Settings, http: Client) -> Self {
        Self {
            http,
            resources: settings.resource.base_url.join("/api/resources"),
            client_app: settings.client.as_ref().map(|client| client.base_url.join("/api/resources")),
        }
    }

    /// Lists resources with this token and checks the status.
    pub(super) async fn read(&self, token: Option<&AccessToken>, expected: StatusCode) -> Outcome {
        let response = self.send(self.http.get(self.resources.clone()), token).await?;
        if expected != StatusCode::OK {
            return status_of(response, expected).await;
        }
        let page: ResourcePage = body(response, expected).await?;
        Ok((listed(&page), ()))
    }

    /// Lists resources with the token from an earlier step.
    pub(super) async fn read_with(&self, token: Option<&AccessToken>, expected: StatusCode) -> Outcome {
        self.read(Some(require_token(token)?), expected).await
    }

    /// Creates a resource with the token from an earlier step.
    pub(super) async fn write(&self, token: Option<&AccessToken>) -> Outcome<Written> {
        let response = self.create(token).await?;
        let etag = response.headers().get(header::ETAG).cloned();
        let resource: Resource = body(response, StatusCode::CREATED).await?;
        let etag = etag.ok_or_else(|| Miss::Unexpected("201 without an ETag".into()))?;
        Ok((format!("201, {}", resource.id), Written { id: resource.id, etag }))
    }

    /// Tries to create a resource and expects this error status.
    pub(super) async fn write_refused(&self, token: Option<&AccessToken>, expected: StatusCode) -> Outcome {
        status_of(self.create(token).await?, expected).await
    }

    /// Deletes the resource from an earlier step, so that the walkthrough leaves no data behind.
    pub(super) async fn delete(&self, written: Option<Written>, token: Option<&AccessToken>) -> Outcome {
        let written = written.ok_or_else(|| Miss::Skipped("nothing was written".into()))?;
        let url = format!("{}/{}", self.resources, written.id);
        let request = self.http.delete(url).header(header::IF_MATCH, written.etag);
        let response = self.send(request, token).await?;
        status_of(response, StatusCode::NO_CONTENT).await
    }

    async fn create(&self, token: Option<&AccessToken>) -> Result<Response, Miss> {
        let new = json!({ "name": "walkthrough", "content": { "written": "by the walkthrough" } });
        let request = self.http.post(self.resources.clone()).json(&new);
        self.send(request, Some(require_token(token)?)).await
    }

    /// Lists resources through the client-app, which uses its own token.
    pub(super) async fn read_through_client_app(&self) -> Outcome {
        let url =
            self.client_app.clone().ok_or_else(|| Miss::Skipped("the settings have no [client]".into()))?;
        let response = self.send(self.http.get(url), None).await?;
        let page: ResourcePage = body(response, StatusCode::OK).await?;
        Ok((listed(&page), ()))
    }

    async fn send(&self, mut request: RequestBuilder, token: Option<&AccessToken>) -> Result<Response, Miss> {
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token.authorization());
        }
        request.send().await.map_err(|error| Miss::Unexpected(no_answer(&error)))
    }
}

fn listed(page: &ResourcePage) -> String {
    match page.items.len() {
        1 => "200, one resource".to_owned(),
        number => format!("200, {number} resources"),
    }
}

fn require_token(token: Option<&AccessToken>) -> Result<&AccessToken, Miss> {
    token.ok_or_else(|| Miss::Skipped("the client got no token".into()))
}

/// Checks the status and returns it with the problem code and challenge, if any.
async fn status_of(response: Response, expected: StatusCode) -> Outcome {
    let status = response.status();
    let challenge = response.headers().get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    // The description only repeats the code as a sentence.
    let challenge = challenge.and_then(|challenge| challenge.split(", error_description=").next());
    let challenge = challenge.map(|challenge| format!(", {challenge}")).unwrap_or_default();
    let problem: Option<Problem> = response.json().await.ok();
    let code = problem.map(|problem| format!(" {}", problem.code)).unwrap_or_default();
    let actual = format!("{}{code}{challenge}", status.as_u16());
    if status == expected { Ok((actual, ())) } else { Err(Miss::Unexpected(actual)) }
}

async fn body<T: serde::de::DeserializeOwned>(response: Response, expected: StatusCode) -> Result<T, Miss> {
    let status = response.status();
    if status != expected {
        return status_of(response, expected).await.and_then(|(actual, ())| Err(Miss::Unexpected(actual)));
    }
    let value: Value =
        response.json().await.map_err(|_| Miss::Unexpected(format!("{status} without JSON")))?;
    serde_json::from_value(value)
        .map_err(|error| Miss::Unexpected(format!("{status} with another body: {error}")))
}
