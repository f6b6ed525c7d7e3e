//! Steps at the resource-app, and at the client-app that calls it.

use reqwest::{Client, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use shared::problem::Problem;
use shared::resource::{Resource, ResourcePage};
use shared::secret::AccessToken;
use url::Url;

use super::report::{Miss, Outcome, no_answer};
use crate::Settings;

/// Calls the resource-app with whatever token a step is about.
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
            resources: settings.resource.base_url.resources(),
            client_app: settings.client.as_ref().map(|client| client.base_url.resources()),
        }
    }

    /// Lists resources with this token and looks at the status.
    pub(super) async fn read(&self, token: Option<&AccessToken>, expected: StatusCode) -> Outcome {
        let response = self.send(self.http.get(self.resources.clone()), token).await?;
        if expected != StatusCode::OK {
            return refused(response, expected).await;
        }
        let page: ResourcePage = body(response, expected).await?;
        Ok((listed(&page), ()))
    }

    /// Lists resources with the token that an earlier step brought.
    pub(super) async fn read_with(&self, token: Option<&AccessToken>, expected: StatusCode) -> Outcome {
        self.read(Some(brought(token)?), expected).await
    }

    /// Creates a resource with the token that an earlier step brought.
    pub(super) async fn write_with(&self, token: Option<&AccessToken>, expected: StatusCode) -> Outcome {
        let new = json!({ "name": "walkthrough", "content": { "written": "by the walkthrough" } });
        let request = self.http.post(self.resources.clone()).json(&new);
        let response = self.send(request, Some(brought(token)?)).await?;
        if expected != StatusCode::CREATED {
            return refused(response, expected).await;
        }
        let resource: Resource = body(response, expected).await?;
        Ok((format!("201, {}", resource.id), ()))
    }

    /// Lists resources through the client-app, which calls the resource-app with a token of its own.
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

fn brought(token: Option<&AccessToken>) -> Result<&AccessToken, Miss> {
    token.ok_or_else(|| Miss::Skipped("the client got no token".into()))
}

/// A refusal with the expected status, shown with its code and challenge.
async fn refused(response: Response, expected: StatusCode) -> Outcome {
    let status = response.status();
    let challenge = response.headers().get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    // The description repeats the code in a sentence.
    let challenge = challenge.and_then(|challenge| challenge.split(", error_description=").next());
    let challenge = challenge.map(|challenge| format!(", {challenge}")).unwrap_or_default();
    let problem: Option<Problem> = response.json().await.ok();
    let code = problem.map(|problem| format!(" {}", problem.code)).unwrap_or_default();
    let came = format!("{}{code}{challenge}", status.as_u16());
    if status == expected { Ok((came, ())) } else { Err(Miss::Unexpected(came)) }
}

async fn body<T: serde::de::DeserializeOwned>(response: Response, expected: StatusCode) -> Result<T, Miss> {
    let status = response.status();
    if status != expected {
        return refused(response, expected).await.and_then(|(came, ())| Err(Miss::Unexpected(came)));
    }
    let value: Value =
        response.json().await.map_err(|_| Miss::Unexpected(format!("{status} without JSON")))?;
    serde_json::from_value(value)
        .map_err(|error| Miss::Unexpected(format!("{status} with another body: {error}")))
}
