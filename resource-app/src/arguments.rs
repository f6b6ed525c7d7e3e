//! The arguments of the program.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The guarded API: validates Entra ID access tokens, enforces policies, stores resources.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A file in place of the default settings; environment variables win over both.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Serve the API (the default).
    Serve,
    /// Ask the running app whether it is ready; exit code 0 if it is, 1 if not.
    Healthcheck,
    /// Print all routes, each with its policies, roles and requirements under these settings.
    Routes(Routes),
    /// Print the app roles for the API's app registration: the `appRoles` of its manifest.
    Manifest(Manifest),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Routes {
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Manifest {
    /// Compare this exported manifest with the roles instead, and name what differs; exit code 0 if nothing does, 1 if
    /// anything does.
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
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
  resource-app routes
      what guards each route
  az ad app show --id ... > exported.json; resource-app manifest --check exported.json
      whether the app registration has the roles that the policies ask for

Exit codes: 0 done, 1 failed while running, 2 unusable settings or arguments.";
