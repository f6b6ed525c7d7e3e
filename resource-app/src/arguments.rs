//! The arguments of the program.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The guarded API: validates Entra ID access tokens, enforces policies, stores resources.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Settings file that replaces the defaults; environment variables override both.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Serve the API (the default).
    Serve,
    /// Explain whether the API accepts a token: every check with its remedy, and every policy.
    Explain(Explain),
    /// Check whether the running app is ready; exit code 0 if so, 1 if not.
    Healthcheck,
    /// Print all routes with their policies, roles and requirements.
    Routes(Routes),
    /// Print the `appRoles` for the manifest of the API's app registration.
    Manifest(Manifest),
}

#[derive(Debug, Clone, Args)]
#[command(after_help = ROUTES_EXAMPLES)]
pub(crate) struct Routes {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = MANIFEST_EXAMPLES)]
pub(crate) struct Manifest {
    /// Print how this exported manifest differs instead; exit code 0 if it does not, 1 if it does.
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
}

/// The arguments of `explain`. Never the token: other users of the machine can see a program's arguments.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub(crate) struct Explain {
    /// File that contains the token; `-`, or none, for standard input.
    pub(crate) file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

const ROUTES_EXAMPLES: &str = "\
Examples:
  resource-app --settings production.toml routes
      show the policies of each route under these settings
  resource-app routes --json | jq '.[] | select(.guards == []) | .path'
      show the routes that need no token

Exit codes: 0 done, 2 unusable settings or arguments.";

const MANIFEST_EXAMPLES: &str = "\
Examples:
  resource-app manifest > roles.json; az ad app update --id ... --app-roles @roles.json
      add the policies' roles to the app registration
  az ad app show --id ... > exported.json; resource-app manifest --check exported.json
      check that the app registration has them

Exit codes: 0 done or no difference, 1 differences found, 2 unusable arguments or file.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  client-app token --raw | resource-app explain
      explain the client's token
  resource-app --settings production.toml explain token.txt
      explain a token in a file under these settings
  resource-app explain --json token.txt | jq '.checks[] | select(.outcome == \"fail\")'
      list the failed checks for a script

The keys are fetched from azure_ad.instance. The token is never printed; its claims are.

Exit codes: 0 accepted, 1 refused or undecided, 2 unusable settings, arguments or input.";

const EXAMPLES: &str = "\
Examples:
  HTTP_CLIENT__CA_FILE=ca.pem resource-app
      serve against the local stand-in, which wrote ca.pem
  AZURE_AD__INSTANCE=https://login.microsoftonline.com AZURE_AD__TENANT_ID=... AZURE_AD__CLIENT_ID=... resource-app
      serve as an app registration of a real tenant
  SERVER__LISTEN=0.0.0.0:5001 resource-app --settings production.toml serve
      serve with your own settings file and override one setting
  client-app token --raw | resource-app explain
      explain why a token is refused
  resource-app healthcheck
      use as a container's health check
  resource-app routes
      show the policies of each route
  az ad app show --id ... > exported.json; resource-app manifest --check exported.json
      check that the app registration has the policies' roles

Exit codes: 0 done, 1 failed while running, 2 unusable settings or arguments.";
