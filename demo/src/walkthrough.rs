//! The steps of the walkthrough.

mod authority;
mod report;
mod resource;

use std::io::Write;

use entra_shared::azure_ad::Version;
use entra_shared::http_client::HttpClient;
use entra_shared::secret::AccessToken;
use entra_shared::settings::KeyProblem;
use reqwest::{Client, StatusCode};

use crate::Settings;
use crate::settings::ClientSettings;
use authority::AuthoritySteps;
pub use report::{Miss, Outcome, Report, Summary};
use resource::{ResourceSteps, Written};

const READ: &str = "Resource.Read";
const WRITE: &str = "Resource.Write";

/// A walkthrough of a set of services.
#[derive(Debug)]
pub struct Walkthrough {
    settings: Settings,
    authority: AuthoritySteps,
    resource: ResourceSteps,
}

impl Walkthrough {
    /// Creates the walkthrough without sending any request.
    ///
    /// # Errors
    /// Names the unusable key.
    pub fn new(settings: Settings) -> Result<Self, KeyProblem> {
        let http = HttpClient::new(&settings.http_client)?;
        let authority = AuthoritySteps::new(&settings, http.clone());
        let resource = ResourceSteps::new(&settings, Client::clone(&http));
        Ok(Self { settings, authority, resource })
    }

    /// Runs all steps and writes one line of `report` for each.
    pub async fn run(&self, report: &mut Report<impl Write>) -> Summary {
        report.step("discovery document of the tenant", "its issuer", self.authority.discovery()).await;
        let (token, written) = self.client_with_both_roles(report).await;
        self.read_only_client(report).await;
        self.client_without_grants(report).await;
        self.refused_tokens(report, token.as_ref()).await;
        report.step("v1 endpoint with resource=, then read", "200", self.v1_endpoint()).await;
        report.step("roll the keys over, then read with a new token", "200", self.rolled_keys()).await;
        report.step("delete what was written", "204", self.resource.delete(written, token.as_ref())).await;
        report.summary()
    }

    async fn client_with_both_roles(
        &self,
        report: &mut Report<impl Write>,
    ) -> (Option<AccessToken>, Option<Written>) {
        let token = self.authority.token(Some(&self.settings.clients.full), &[READ, WRITE]);
        let token =
            report.step("token for DemoClientApp", "roles Resource.Read, Resource.Write", token).await;
        let resource = &self.resource;
        report.step("read without a token", "401", resource.read(None, StatusCode::UNAUTHORIZED)).await;
        report.step("read as DemoClientApp", "200", resource.read_with(token.as_ref(), StatusCode::OK)).await;
        let written = report.step("write as DemoClientApp", "201", resource.write(token.as_ref())).await;
        report
            .step("read through the client-app's own service", "200", resource.read_through_client_app())
            .await;
        (token, written)
    }

    async fn read_only_client(&self, report: &mut Report<impl Write>) {
        let client = self.settings.clients.read_only.as_ref();
        let token = report
            .step(
                "token for the read-only client",
                "role Resource.Read",
                self.authority.token(client, &[READ]),
            )
            .await;
        let resource = &self.resource;
        report
            .step("read as the read-only client", "200", resource.read_with(token.as_ref(), StatusCode::OK))
            .await;
        report
            .step(
                "write as the read-only client",
                "403",
                resource.write_refused(token.as_ref(), StatusCode::FORBIDDEN),
            )
            .await;
    }

    async fn client_without_grants(&self, report: &mut Report<impl Write>) {
        let client = self.settings.clients.ungranted.as_ref();
        let token = report
            .step("token for the client without grants", "no roles", self.authority.token(client, &[]))
            .await;
        report
            .step(
                "read as the client without grants",
                "403",
                self.resource.read_with(token.as_ref(), StatusCode::FORBIDDEN),
            )
            .await;
    }

    async fn refused_tokens(&self, report: &mut Report<impl Write>, token: Option<&AccessToken>) {
        report.step("read with a token for another API", "401", self.other_audience()).await;
        report.step("read with an expired token", "401", self.expired()).await;
        report.step("read with a tampered token", "401", self.tampered(token)).await;
    }

    async fn other_audience(&self) -> Outcome {
        let Some(other) = &self.settings.other_resource else {
            return Err(Miss::Skipped("the settings have no [other_resource]".into()));
        };
        let token =
            self.authority.token_for(&self.settings.clients.full, &other.app_id_uri, Version::V2).await?;
        self.resource.read(Some(&token), StatusCode::UNAUTHORIZED).await
    }

    async fn expired(&self) -> Outcome {
        let token = self.authority.expired_token().await?;
        self.resource.read(Some(&token), StatusCode::UNAUTHORIZED).await
    }

    async fn tampered(&self, token: Option<&AccessToken>) -> Outcome {
        let token = token.ok_or_else(|| Miss::Skipped("DemoClientApp got no token".into()))?;
        self.resource.read(Some(&authority::tampered(token)?), StatusCode::UNAUTHORIZED).await
    }

    async fn v1_endpoint(&self) -> Outcome {
        let client: &ClientSettings = &self.settings.clients.full;
        let token = self.authority.token_for(client, &self.settings.resource.app_id_uri, Version::V1).await?;
        self.resource.read(Some(&token), StatusCode::OK).await
    }

    async fn rolled_keys(&self) -> Outcome {
        let client = &self.settings.clients.full;
        let uri = &self.settings.resource.app_id_uri;
        let before = authority::key_id(&self.authority.token_for(client, uri, Version::V2).await?);
        self.authority.roll_keys().await?;
        let token = self.authority.token_for(client, uri, Version::V2).await?;
        let after = authority::key_id(&token);
        if before == after {
            return Err(Miss::Unexpected("the new token is signed with the same key".into()));
        }
        let (came, ()) = self.resource.read(Some(&token), StatusCode::OK).await?;
        Ok((format!("{came}; signed with another key"), ()))
    }
}
