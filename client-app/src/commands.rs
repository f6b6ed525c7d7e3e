//! The one-shot commands; each returns the text for standard output.

mod content;
mod doctor;

use anyhow::{Context, ensure};
use client_app::Settings;
use client_app::resource_client::{Paging, Tagged};
use entra_shared::http_client::health_status;
use entra_shared::resource::{NewResource, Resource};
use entra_tools::DecodedToken;
use http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

pub(crate) use doctor::doctor;

use crate::arguments::Write;

/// The printed form of a resource, with the tag that a later `write --if-match` needs.
#[derive(Serialize)]
struct Printed {
    #[serde(flatten)]
    resource: Resource,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
}

/// Reads one resource, or a page of them.
pub(crate) async fn read(settings: &Settings, id: Option<Uuid>, paging: &Paging) -> anyhow::Result<String> {
    let client = settings.resource_client()?;
    match id {
        Some(id) => Ok(printed(client.read(id).await?)),
        None => Ok(pretty(&client.list(paging).await?)),
    }
}

/// Creates or replaces a resource.
pub(crate) async fn write(settings: &Settings, write: Write) -> anyhow::Result<String> {
    let new = NewResource { content: content::parse(&write.content)?, name: write.name };
    let client = settings.resource_client()?;
    Ok(printed(match write.id {
        Some(id) => client.replace(id, &new, write.if_match.as_deref()).await?,
        None => client.create(&new, write.idempotency_key.as_deref()).await?,
    }))
}

/// Acquires a token and returns it (`raw`) or its claims, decoded but not verified.
pub(crate) async fn token(settings: &Settings, raw: bool) -> anyhow::Result<String> {
    let token = settings.token_retriever(settings.http_client()?)?.token().await?;
    if raw { Ok(token.access_token().expose().to_owned()) } else { Ok(pretty(&DecodedToken::new(&token))) }
}

/// Checks that the web service with these settings, on this machine, is ready.
pub(crate) async fn healthcheck(settings: &Settings) -> anyhow::Result<()> {
    let url = format!("{}/health/ready", settings.server.local_url());
    let status = health_status(&url).await.map_err(reqwest::Error::without_url);
    let status = status.with_context(|| format!("no answer from {url}"))?;
    ensure!(status == StatusCode::OK, "{url} answered {status}");
    Ok(())
}

fn printed(tagged: Tagged) -> String {
    let etag = tagged.etag.as_ref().and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    pretty(&Printed { resource: tagged.resource, etag })
}

#[expect(clippy::expect_used, reason = "these types have string keys and serialize into memory")]
fn pretty<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("serializable")
}
