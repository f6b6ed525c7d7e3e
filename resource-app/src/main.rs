//! The program `resource-app`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use resource_app::{ResourceApp, Settings};
use shared::http_client::http_client;
use shared::settings::Environment;
use shared::{process, telemetry};

/// The guarded API: validates Entra ID access tokens, enforces policies, stores resources.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    /// A file in place of the default settings; environment variables win over both.
    #[arg(long, global = true, value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Command {
    /// Serve the API (the default).
    Serve,
    /// Ask the running app whether it is ready; exit code 0 if it is, 1 if not.
    Healthcheck,
}

const EXAMPLES: &str = "\
Examples:
  HTTP_CLIENT__CA_FILE=ca.pem resource-app
      serve against the local stand-in, which wrote ca.pem
  AZURE_AD__INSTANCE=https://login.microsoftonline.com AZURE_TENANT_ID=... AZURE_CLIENT_ID=... resource-app
      serve as an app registration of a real tenant
  SERVER__LISTEN=0.0.0.0:5001 resource-app --settings production.toml serve
      serve with a file of your own, and one setting changed
  resource-app healthcheck
      for a container's health check

Exit codes: 0 done, 1 failed while running, 2 unusable settings or arguments.";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    telemetry::init();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => process::report(error.as_ref()),
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let settings = Settings::load(arguments.settings.as_deref(), Environment::of_process())?;
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(settings).await,
        Command::Healthcheck => healthcheck(&settings).await,
    }
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let shutdown = process::shutdown_on_signal().context("cannot watch for signals")?;
    ResourceApp::bind(settings).await?.run(shutdown).await;
    Ok(())
}

async fn healthcheck(settings: &Settings) -> anyhow::Result<()> {
    let url = format!("{}/health/ready", settings.server.local_url());
    let client = http_client(&settings.http_client).map_err(shared::settings::SettingsError::from)?;
    let status = client.get(url).send().await.context("no answer")?.status();
    if !status.is_success() {
        bail!("not ready: status {status}");
    }
    Ok(())
}
