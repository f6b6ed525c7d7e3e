//! The program `client-app`.

mod arguments;
mod commands;

use std::process::ExitCode;

use client_app::resource_client::Paging;
use client_app::{ClientApp, Settings};
use entra_shared::http_client::reread_files;
use entra_shared::ids::AppRole;
use entra_shared::settings::{Environment, SettingsError};
use http_shell::process::{self, Mode};
use http_shell::telemetry;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments: Arguments = http_shell::arguments::parse();
    let (mode, log) = match arguments.command {
        None | Some(Command::Serve) => (Mode::Service, telemetry::INFO),
        // The report contains every warning.
        Some(Command::Doctor { .. }) => (Mode::OneShot, "error,rustls_platform_verifier=off"),
        // Other one-shot commands log problems only.
        Some(_) => (Mode::OneShot, "warn,rustls_platform_verifier=off"),
    };
    process::run(mode, log, async {
        match run(arguments).await {
            Ok(code) => code,
            Err(error) => process::report(error.as_ref(), <dyn std::error::Error>::is::<SettingsError>),
        }
    })
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let command = arguments.command.unwrap_or(Command::Serve);
    let settings = Settings::load(arguments.settings.as_deref(), Environment::from_process())?;
    match command {
        Command::Serve => serve(settings).await,
        Command::Doctor { json, needs } => return doctor(&settings, &needs, json).await,
        Command::Read { id, limit, after } => {
            print(&commands::read(&settings, id, &Paging { limit, after }).await?)
        }
        Command::Write(write) => print(&commands::write(&settings, write).await?),
        Command::Token { raw } => print(&commands::token(&settings, raw).await?),
        Command::Healthcheck => commands::healthcheck(&settings).await,
    }
    .map(|()| ExitCode::SUCCESS)
}

async fn doctor(settings: &Settings, needs: &[AppRole], json: bool) -> anyhow::Result<ExitCode> {
    let report = commands::doctor(settings, needs, &process::progress).await?;
    print(&if json { serde_json::to_string_pretty(&report)? } else { report.to_string() })?;
    Ok(if report.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let shutdown = process::shutdown_on_signal()?;
    process::on_reload(reread_files);
    let in_force = settings.in_force.clone();
    let app = ClientApp::bind(settings).await?;
    tracing::info!(settings = in_force, "settings in force");
    app.run(shutdown).await;
    Ok(())
}

fn print(text: &str) -> anyhow::Result<()> {
    Ok(process::print(&format!("{text}\n"))?)
}
