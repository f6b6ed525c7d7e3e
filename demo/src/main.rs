//! Runs `cargo demo`, which walks through the whole flow.

#[cfg(feature = "system")]
mod serving;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use demo::walkthrough::{Report, Summary};
use demo::{Settings, Walkthrough};
use entra_shared::settings::{Environment, SettingsError};
use http_shell::process::{self, Mode};

/// Walks through service-to-service authentication with Entra ID, one line a step.
///
/// Starts the local stand-in for Entra ID, the resource-app and the client-app in this process, walks through the
/// flow, and keeps serving until Ctrl-C. With --settings it walks through services that already run.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  cargo demo                          walk through the flow, then keep serving
  cargo demo --once                   end after the walkthrough
  cargo demo --settings mine.toml     the same against your services, a real tenant included;
                                      demo/settings/entra.toml is a template

Exit code: 0 when every step went as expected, 1 otherwise, 2 for unusable settings."
)]
struct Arguments {
    /// Exit after the walkthrough instead of continuing to serve.
    #[arg(long)]
    once: bool,
    /// Walk through the services in this settings file instead of starting any.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments: Arguments = http_shell::arguments::parse();
    // The walkthrough's lines are the output; the services log only errors.
    process::run(Mode::OneShot, "error,demo=warn", async {
        match run(&arguments).await {
            Ok(Summary { unexpected: 0, .. }) => ExitCode::SUCCESS,
            Ok(_) => ExitCode::from(process::FAILED),
            Err(error) => process::report(error.as_ref(), <dyn std::error::Error>::is::<SettingsError>),
        }
    })
}

async fn run(arguments: &Arguments) -> anyhow::Result<Summary> {
    #[cfg(feature = "system")]
    if arguments.settings.is_none() {
        return serving::run(arguments.once).await;
    }
    walk(Settings::load(arguments.settings.as_deref(), Environment::from_process())?).await
}

async fn walk(settings: Settings) -> anyhow::Result<Summary> {
    say(&format!(
        "authority {}, resource {}, tenant {}\n",
        settings.azure_ad.instance, settings.resource.base_url, settings.azure_ad.tenant_id
    ));
    let walkthrough = Walkthrough::new(settings).map_err(SettingsError::from)?;
    let summary = walkthrough.run(&mut Report::new(std::io::stdout())).await;
    say(&format!("{summary}\n"));
    Ok(summary)
}

/// Prints a text and ignores a closed standard output, so that the walkthrough continues.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
