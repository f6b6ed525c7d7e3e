//! The program `resource-app`.

mod arguments;
mod commands;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use arguments::{Arguments, Command};
use entra_guard::RouteError;
use entra_shared::http_client::{health_status, reread_files};
use entra_shared::settings::{Environment, SettingsError};
use http_shell::process::{self, Mode};
use http_shell::telemetry;
use resource_app::{ResourceApp, Settings};

fn main() -> ExitCode {
    let Arguments { settings, command } = http_shell::arguments::parse();
    let command = command.unwrap_or(Command::Serve);
    let mode = if matches!(command, Command::Serve) { Mode::Service } else { Mode::OneShot };
    process::run(mode, telemetry::INFO, async {
        run(command, settings.as_deref()).await.unwrap_or_else(|error| report(&error))
    })
}

/// Reports an error. Routes that contradict their policies exit with 2, like unusable settings.
fn report(error: &anyhow::Error) -> ExitCode {
    process::report(error.as_ref(), |cause| cause.is::<SettingsError>() || cause.is::<RouteError>())
}

async fn run(command: Command, file: Option<&Path>) -> anyhow::Result<ExitCode> {
    let settings = || Settings::load(file, Environment::from_process());
    match command {
        Command::Serve => serve(settings()?).await.map(|()| ExitCode::SUCCESS),
        Command::Healthcheck => healthcheck(&settings()?).await.map(|()| ExitCode::SUCCESS),
        Command::Explain(explain) => commands::explain(&settings()?, &explain).await,
        Command::Routes(routes) => commands::routes(&routes, &settings()?),
        Command::Manifest(manifest) => commands::manifest(&manifest, &settings()?),
    }
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let shutdown = process::shutdown_on_signal().context("cannot listen for signals")?;
    process::on_reload(reread_files);
    let in_force = settings.in_force.clone();
    let app = ResourceApp::bind(settings).await?;
    tracing::info!(settings = in_force, "settings in force");
    app.run(shutdown).await;
    Ok(())
}

async fn healthcheck(settings: &Settings) -> anyhow::Result<()> {
    let url = format!("{}/health/ready", settings.server.local_url());
    let status = health_status(&url).await.context("the app did not answer")?;
    ensure!(status.is_success(), "not ready: status {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use resource_app::StartError;

    use super::*;

    #[test]
    fn routes_that_cannot_be_guarded_end_the_program_with_2() {
        let error = StartError::Routes(RouteError::NoGuard);
        assert_eq!(report(&error.into()), ExitCode::from(2));
        assert_eq!(report(&anyhow::anyhow!("anything else")), ExitCode::from(1));
    }
}
