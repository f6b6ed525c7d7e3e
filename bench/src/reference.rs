//! The references: services as a competent engineer writes them without this project.
//!
//! Each serves the measured routes of the resource-app from the same database, and does nothing else: no log, no metrics,
//! no limits. They fetch their keys once, and never in a measured window.

mod handwritten;
mod library;
mod parsed;
mod store;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use axum::extract::{FromRef, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use axum_jwt_auth::Decoder;
use reqwest::Certificate;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::system::{CLIENT, Reference, TENANT};
use handwritten::Verifier;
use parsed::ParsedKeys;
use store::Store;

/// The arguments of a reference.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which reference to serve.
    kind: Reference,
    /// The address to listen on.
    #[arg(long)]
    listen: SocketAddr,
    /// The issuer of valid tokens.
    #[arg(long)]
    issuer: String,
    /// The audience of valid tokens.
    #[arg(long)]
    audience: String,
    /// The URL of the key set.
    #[arg(long)]
    keys: String,
    /// A PEM file with the certificate authority of that URL.
    #[arg(long)]
    ca_file: PathBuf,
    /// The resource-app's database.
    #[arg(long)]
    database: PathBuf,
}

/// The state of the handlers.
#[derive(Clone, FromRef)]
struct AppState {
    store: Store,
    verifier: Arc<Verifier>,
    decoder: Decoder<EntraClaims>,
    parsed: Arc<ParsedKeys>,
    sample: Arc<EntraClaims>,
}

/// The claims that the resource-app uses.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct EntraClaims {
    azp: String,
    azpacr: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idtyp: Option<String>,
    oid: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scp: Option<String>,
    sub: String,
    tid: String,
    ver: String,
}

/// Serves until it is killed.
pub(crate) fn serve(arguments: &Arguments) -> anyhow::Result<()> {
    // The resource-app's provider; axum-jwt-auth brings in another one too.
    let _ = jsonwebtoken_10::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let router = router(arguments.kind).with_state(state(arguments).await?);
        let listener = TcpListener::bind(arguments.listen).await?;
        axum::serve(listener, router).await.context("cannot serve")
    })
}

async fn state(arguments: &Arguments) -> anyhow::Result<AppState> {
    let ca = Certificate::from_pem(&std::fs::read(&arguments.ca_file)?)?;
    let http = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build()?;
    Ok(AppState {
        store: Store::open(&arguments.database),
        verifier: Arc::new(Verifier::fetch(&http, arguments).await?),
        parsed: Arc::new(ParsedKeys::fetch(&http, arguments).await?),
        decoder: library::decoder(http, arguments).await?,
        sample: Arc::new(EntraClaims::sample()),
    })
}

fn router(kind: Reference) -> Router<AppState> {
    let routes = match kind {
        Reference::Open => {
            Router::new().route("/api/resources/{id}", get(store::read)).route("/api/caller", get(caller))
        }
        Reference::Handwritten => handwritten::routes(),
        Reference::AxumJwtAuth => library::routes(),
        Reference::ParsedKey => parsed::routes(),
    };
    routes.route("/health/live", get(live)).route("/health/ready", get(live))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

async fn live() -> Json<Health> {
    Json(Health { status: "live" })
}

/// The response of the plain reference, which has no caller: the same work without a token.
async fn caller(State(sample): State<Arc<EntraClaims>>) -> Response {
    Json(&*sample).into_response()
}

impl EntraClaims {
    /// Claims as long as those of the tokens that are sent.
    fn sample() -> Self {
        Self {
            azp: CLIENT.to_owned(),
            azpacr: "1".to_owned(),
            idtyp: Some("app".to_owned()),
            oid: CLIENT.to_owned(),
            roles: vec!["Resource.Read".to_owned(), "Resource.Write".to_owned()],
            scp: None,
            sub: CLIENT.to_owned(),
            tid: TENANT.to_owned(),
            ver: "2.0".to_owned(),
        }
    }

    /// Whether the token is app-only, without a user.
    fn is_app_only(&self) -> bool {
        match self.idtyp.as_deref() {
            Some(kind) => kind == "app",
            None => self.scp.is_none() && self.oid == self.sub,
        }
    }

    /// Whether the token is app-only and has the role.
    fn has(&self, role: &str) -> bool {
        self.is_app_only() && self.roles.iter().any(|granted| granted == role)
    }
}
