//! The one-shot commands; each returns the text for standard output.

mod content;
mod doctor;

use std::time::Duration;

use entra_shared::resource::{NewResource, Resource};
use entra_shared::settings::SettingsError;
use entra_token::{TokenError, TokenRetriever};
use entra_tools::DecodedToken;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use uuid::Uuid;

pub use content::content;
pub use doctor::doctor;

use crate::Settings;
use crate::resource_client::{Paging, ResourceClient, ResourceError, Tagged};

/// The time-out of a health check; container runtimes give up after a few seconds, too.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(4);

/// The printed form of a resource, with the tag that a later `write --if-match` needs.
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
/// No token could be acquired, or the call of the resource failed.
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

/// Whether a write creates a resource or replaces one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Create a resource.
    New {
        /// Makes a repeated request create the resource only once.
        idempotency_key: Option<String>,
    },
    /// Replace an existing resource.
    Existing {
        /// The resource's id.
        id: Uuid,
        /// The version to replace.
        if_match: Option<String>,
    },
}

/// Creates or replaces a resource.
///
/// # Errors
/// No token could be acquired, or the call of the resource failed.
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

/// Acquires a token and returns it (`raw`) or its claims, decoded but not verified.
///
/// # Errors
/// No token could be acquired.
pub async fn token(retriever: &TokenRetriever, raw: bool) -> Result<String, TokenError> {
    let token = retriever.token().await?;
    if raw { Ok(token.access_token().expose().to_owned()) } else { Ok(pretty(&DecodedToken::new(&token))) }
}

/// Why the web service is not healthy.
#[derive(Debug, thiserror::Error)]
pub enum Unhealthy {
    /// A file named in the settings is unusable.
    #[error("the settings cannot be used")]
    Settings(#[from] SettingsError),
    /// The service is not running, or not at this address.
    #[error("no answer from {url}")]
    Unreachable {
        /// The requested URL.
        url: String,
        /// The HTTP client's error.
        source: reqwest::Error,
    },
    /// The service is running but not ready.
    #[error("{url} answered {status}")]
    NotReady {
        /// The requested URL.
        url: String,
        /// The response's status.
        status: StatusCode,
    },
}

/// Checks that the web service with these settings, on this machine, is ready.
///
/// # Errors
/// It does not respond with 200.
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
