//! Starts the services, walks through the flow, and keeps serving.

use demo::Settings;
use demo::system::{DEMO_CLIENT_SECRET, Options, Ports, System};
use demo::walkthrough::Summary;
use http_shell::process;

use super::{say, walk};

/// Starts the services and walks through the flow; unless `once`, keeps serving until a signal.
pub(super) async fn run(once: bool) -> anyhow::Result<Summary> {
    let shutdown = process::shutdown_on_signal()?;
    let ports = if once { Ports::Free } else { Ports::WellKnown };
    let system = System::start(Options { ports, ..Options::default() }).await?;
    let summary = walk(Settings::load(None, system.walkthrough_environment())?).await?;
    if !once {
        say(&invitation(&system));
        shutdown.cancelled().await;
    }
    system.stop().await;
    Ok(summary)
}

/// Returns example commands to try while the services run.
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
