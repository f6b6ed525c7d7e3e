//! What the program's one-shot commands do; each returns the text for standard output.

mod content;
mod doctor;

use std::time::Duration;

use entra_shared::resource::{NewResource, Resource};
use entra_shared::settings::SettingsError;
use entra_tools::DecodedToken;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use uuid::Uuid;

pub use content::content;
pub use doctor::doctor;

use crate::Settings;
use crate::resource_client::{Paging, ResourceClient, ResourceError, Tagged};
use entra_token::{TokenError, TokenRetriever};

/// How long a health check may take as a whole; what asks for it gives up after some seconds, too.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(4);

/// A resource as it is printed: with its tag, which a later `write --if-match` needs.
#[derive(Serialize)]
struct Printed {
    #[serde(flatten)]
    resource: Resource,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
}

/// Reads one resource, or a page of them.
///
/// # Errors
/// There is no token, or the resource refuses, fails or does not answer.
pub async fn read(
    client: &ResourceClient,
    id: Option<Uuid>,
    paging: &Paging,
) -> Result<String, ResourceError> {
    match id {
        Some(id) => Ok(printed(client.read(id).await?)),
        None => Ok(pretty(&client.list(paging).await?)),
    }
}

/// What a write is to become: a new resource, or the next version of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A new resource.
    New {
        /// Makes a repeated creation harmless.
        idempotency_key: Option<String>,
    },
    /// The next version of this one.
    Existing {
        /// Which resource.
        id: Uuid,
        /// Which version of it is replaced.
        if_match: Option<String>,
    },
}

/// Creates or replaces a resource.
///
/// # Errors
/// There is no token, or the resource refuses, fails or does not answer.
pub async fn write(
    client: &ResourceClient,
    new: &NewResource,
    target: &Target,
) -> Result<String, ResourceError> {
    let written = match target {
        Target::New { idempotency_key } => client.create(new, idempotency_key.as_deref()).await?,
        Target::Existing { id, if_match } => client.replace(*id, new, if_match.as_deref()).await?,
    };
    Ok(printed(written))
}

/// The token itself with `raw`, or else what it says, unverified.
///
/// # Errors
/// The authority gave no token.
pub async fn token(retriever: &TokenRetriever, raw: bool) -> Result<String, TokenError> {
    let token = retriever.token().await?;
    if raw { Ok(token.access_token().expose().to_owned()) } else { Ok(pretty(&DecodedToken::new(&token))) }
}

/// Why the web service does not count as healthy.
#[derive(Debug, thiserror::Error)]
pub enum Unhealthy {
    /// Whoever wrote the settings.
    #[error("the settings cannot be used")]
    Settings(#[from] SettingsError),
    /// The service does not run, or not here.
    #[error("no answer from {url}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What the HTTP client says.
        source: reqwest::Error,
    },
    /// The service runs and is not ready.
    #[error("{url} answered {status}")]
    NotReady {
        /// What was asked.
        url: String,
        /// The answer's status.
        status: StatusCode,
    },
}

/// Asks the web service of these settings, on this machine, whether it is ready.
///
/// # Errors
/// It does not answer, or not with 200.
pub async fn healthcheck(settings: &Settings) -> Result<(), Unhealthy> {
    let url = format!("{}/health/ready", settings.server.local_url());
    let sent = settings.http_client()?.get(&url).timeout(HEALTH_TIMEOUT).send().await;
    match sent.map(|answer| answer.status()) {
        Ok(StatusCode::OK) => Ok(()),
        Ok(status) => Err(Unhealthy::NotReady { url, status }),
        Err(source) => Err(Unhealthy::Unreachable { url, source: source.without_url() }),
    }
}

fn printed(tagged: Tagged) -> String {
    let etag = tagged.etag.as_ref().and_then(|etag: &HeaderValue| etag.to_str().ok()).map(str::to_owned);
    pretty(&Printed { resource: tagged.resource, etag })
}

#[expect(clippy::expect_used, reason = "these types have string keys and serialize into memory")]
fn pretty<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("serializable")
}
