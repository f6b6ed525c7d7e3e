//! The resource-app with a new app role, a policy and a guarded route, `POST /api/resources/{id}/archive`.
//!
//! A change of the app itself touches the same three files: `src/policies.rs`, a file of handlers and `src/router.rs`.
//! The route table, the manifest, the API description and the metrics follow from the registered route.

mod archive;
mod policies;
mod router;

use std::error::Error;

use entra_shared::settings::Environment;
use http_shell::process::shutdown_on_signal;
use resource_app::{ResourceApp, Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::load(None, Environment::from_process())?;
    let api = router::api(&settings.authorization);
    println!("{}", api.table()?);
    ResourceApp::bind_with(settings, api).await?.run(shutdown_on_signal()?).await;
    Ok(())
}
