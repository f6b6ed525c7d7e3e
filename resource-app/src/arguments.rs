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
    /// Explain what becomes of a token here: every check with its remedy, and every policy.
    Explain(Explain),
    /// Ask the running app whether it is ready; exit code 0 if it is, 1 if not.
    Healthcheck,
    /// Print all routes, each with its policies, roles and requirements under these settings.
    Routes(Routes),
    /// Print the app roles for the API's app registration: the `appRoles` of its manifest.
    Manifest(Manifest),
}

#[derive(Debug, Clone, Args)]
#[command(after_help = ROUTES_EXAMPLES)]
pub(crate) struct Routes {
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = MANIFEST_EXAMPLES)]
pub(crate) struct Manifest {
    /// Compare this exported manifest with the roles instead, and name what differs; exit code 0 if nothing does, 1 if
    /// anything does.
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
}

/// The arguments of `explain`. The token is none of them: other users of a machine can see a program's arguments.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub(crate) struct Explain {
    /// The file that the token is in, in place of standard input.
    pub(crate) file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

const ROUTES_EXAMPLES: &str = "\
Examples:
  resource-app --settings production.toml routes
      what guards each route of the app with these settings
  resource-app routes --json | jq '.[] | select(.guards == []) | .path'
      what anybody may call

Exit codes: 0 done, 2 unusable settings or arguments.";

const MANIFEST_EXAMPLES: &str = "\
Examples:
  resource-app manifest > roles.json; az ad app update --id ... --app-roles @roles.json
      give the app registration the roles that the policies ask for
  az ad app show --id ... > exported.json; resource-app manifest --check exported.json
      whether it has them

Exit codes: 0 done or nothing differs, 1 something differs, 2 unusable arguments or an unusable file.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  client-app token --raw | resource-app explain
      the token that the client sends
  resource-app --settings production.toml explain token.txt
      a token from a file, judged as the app with these settings would
  resource-app explain --json token.txt | jq '.checks[] | select(.outcome == \"fail\")'
      what is wrong with it, for a program

The keys are fetched from azure_ad.instance. The token is never printed; its claims are.

Exit codes: 0 accepted, 1 refused or undecided, 2 unusable settings, arguments or input.";

const EXAMPLES: &str = "\
Examples:
  HTTP_CLIENT__CA_FILE=ca.pem resource-app
      serve against the local stand-in, which wrote ca.pem
  AZURE_AD__INSTANCE=https://login.microsoftonline.com AZURE_TENANT_ID=... AZURE_CLIENT_ID=... resource-app
      serve as an app registration of a real tenant
  SERVER__LISTEN=0.0.0.0:5001 resource-app --settings production.toml serve
      serve with a file of your own, and one setting changed
  client-app token --raw | resource-app explain
      why a token is refused
  resource-app healthcheck
      for a container's health check
  resource-app routes
      what guards each route
  az ad app show --id ... > exported.json; resource-app manifest --check exported.json
      whether the app registration has the roles that the policies ask for

Exit codes: 0 done, 1 failed while running, 2 unusable settings or arguments.";
