//! `cargo demo`: the whole flow, before your eyes.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use demo::system::{DEMO_CLIENT_SECRET, Options, Ports};
use demo::walkthrough::{Report, Summary};
use demo::{Settings, System, Walkthrough};
use shared::process;
use shared::settings::{Environment, SettingsError};

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
    /// End after the walkthrough instead of serving on.
    #[arg(long)]
    once: bool,
    /// Walk through the services that this file names instead of starting any.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The lines of the walkthrough are the output; the services' own logs are for when something is wrong.
    shared::telemetry::init_with_default("error");
    match run(&arguments) {
        Ok(Summary { unexpected: 0, .. }) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(process::FAILED),
        Err(error) => process::report(error.as_ref()),
    }
}

#[tokio::main]
async fn run(arguments: &Arguments) -> anyhow::Result<Summary> {
    if arguments.settings.is_some() {
        let settings = Settings::load(arguments.settings.as_deref(), Environment::of_process())?;
        return walk(settings).await;
    }
    let shutdown = process::shutdown_on_signal()?;
    let ports = if arguments.once { Ports::Free } else { Ports::WellKnown };
    let system = System::start(Options { ports, ..Options::default() }).await?;
    let summary = walk(Settings::load(None, system.walkthrough_environment())?).await?;
    if !arguments.once {
        say(&invitation(&system));
        shutdown.cancelled().await;
    }
    system.stop().await;
    Ok(summary)
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

/// Prints a text; a reader who has gone away does not stop the walkthrough.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// What a person can try while the services run.
fn invitation(system: &System) -> String {
    let (ca, resource, client) = (system.ca_file(), system.resource_url(), system.client_url());
    let (ca, instance) = (ca.display(), system.authority().instance());
    format!(
        "
Serving until Ctrl-C:
  authority  {instance}   (stand-in for https://login.microsoftonline.com)
  resource   {resource}docs
  client     {client}api/resources

Try it from a terminal of its own:
  export HTTP_CLIENT__CA_FILE={ca} AZURE_AD__INSTANCE={instance} RESOURCE__BASE_URL={resource}
  export AZURE_CLIENT_SECRET={DEMO_CLIENT_SECRET}
  cargo run --quiet --package client-app -- read
  TOKEN=$(cargo run --quiet --package client-app -- token --raw)
  curl --cacert {ca} --header \"Authorization: Bearer $TOKEN\" {resource}api/resources
  curl --cacert {ca} --header \"Authorization: Bearer $TOKEN\" --json '{{\"name\": \"mine\", \"content\": 42}}' {resource}api/resources
"
    )
}
