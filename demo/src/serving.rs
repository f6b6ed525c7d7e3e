//! Starts the services, walks through the flow, and keeps serving.

use demo::Settings;
use demo::system::{
    DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_READ_ONLY_CLIENT_ID, DEMO_READ_ONLY_CLIENT_SECRET,
    DEMO_RESOURCE_ID, DEMO_UNGRANTED_CLIENT_ID, DEMO_UNGRANTED_CLIENT_SECRET, Options, Ports, System,
};
use demo::walkthrough::Summary;
use entra_shared::azure_ad::Version;
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

/// Returns the addresses of the services, and example commands to try while they run.
///
/// The commands need only `curl` and `sed`, because the token comes from the token endpoint, by the article's own POST.
fn invitation(system: &System) -> String {
    let (ca, resource, client) = (system.ca_file(), system.resource_url(), system.client_url());
    let (ca, instance) = (ca.display(), system.authority().instance());
    let token_endpoint = system.authority().first_tenant().authority().token_endpoint(Version::V2);
    format!(
        "
Serving until Ctrl-C:
  authority  {instance}   (stand-in for https://login.microsoftonline.com)
  resource   {resource}docs
  client     {client}api/resources

Clients and their secrets, for development only:
  both roles  {DEMO_CLIENT_ID}  {DEMO_CLIENT_SECRET}
  read only   {DEMO_READ_ONLY_CLIENT_ID}  {DEMO_READ_ONLY_CLIENT_SECRET}
  no role     {DEMO_UNGRANTED_CLIENT_ID}  {DEMO_UNGRANTED_CLIENT_SECRET}

Try it in another terminal:
  TOKEN=$(curl --silent --cacert '{ca}' {token_endpoint} \\
    -d grant_type=client_credentials \\
    -d client_id={DEMO_CLIENT_ID} \\
    -d client_secret={DEMO_CLIENT_SECRET} \\
    -d scope=api://{DEMO_RESOURCE_ID}/.default | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')
  curl --cacert '{ca}' --header \"Authorization: Bearer $TOKEN\" {resource}api/resources
  curl --cacert '{ca}' --header \"Authorization: Bearer $TOKEN\" --json '{{\"name\": \"mine\", \"content\": 42}}' {resource}api/resources
  curl --cacert '{ca}' {client}api/resources
"
    )
}
