//! Checks the way from a client to its resource, and names the step that fixes each failure.
//!
//! # Layout
//!
//! - `facts/`: probes the credential, the authority, the token and the resource, once each.
//! - `checks/`: the table of checks, each a function of the facts.
//! - `report`: the output, as text and as JSON.

mod checks;
mod facts;
mod finding;
mod report;

use entra_shared::http_client::HttpClient;
use entra_shared::ids::{AppIdUri, AppRole};
use entra_token::TokenSource;
use url::Url;

pub use report::Report;

/// A client's setup, as its settings describe it.
///
/// Remedies call settings by the names they have in this workspace's client-app.
#[derive(Debug)]
pub struct ClientSetup {
    /// Sends every request of the diagnosis.
    pub http: HttpClient,
    /// How the client acquires tokens, or the error that keeps it from that. An expired credential is no error here.
    pub token_source: Result<TokenSource, String>,
    /// Settings that choose another credential and have no effect.
    pub ignored_settings: Vec<&'static str>,
    /// The App ID URI that tokens are requested for.
    pub app_id_uri: AppIdUri,
    /// The URLs at which the resource answers.
    pub resource: ResourceUrls,
    /// The roles that the client needs; if empty, all that the resource's description names.
    pub needed_roles: Vec<AppRole>,
}

/// The URLs of a resource that the diagnosis calls.
#[derive(Debug, Clone)]
pub struct ResourceUrls {
    /// The base URL, as the report shows it.
    pub base: String,
    /// The OpenAPI description, which names the roles of each operation. It is requested without a token.
    pub description: Url,
    /// A route that any valid token may call, and that therefore tells whether the resource accepts the token.
    pub caller: Url,
}

/// Probes everything once and evaluates the checks. Calls `progress` with each step that takes longer than a second.
pub async fn doctor(setup: ClientSetup, progress: &(dyn Fn(&str) + Sync)) -> Report {
    let facts = facts::gather(setup, progress).await;
    Report::new(checks::all(&facts))
}
