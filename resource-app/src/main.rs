//! The program `resource-app`.

mod arguments;

use std::process::ExitCode;

use anyhow::{Context, bail};
use arguments::{Arguments, Command};
use clap::Parser;
use resource_app::{ResourceApp, Settings};
use shared::http_client::http_client;
use shared::settings::Environment;
use shared::{process, telemetry};

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
