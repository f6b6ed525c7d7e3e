//! Serves the stand-in for Microsoft Entra ID, and runs commands on its directory.

mod attack;
mod commands;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use entra_shared::http_client::health_status;
use entra_shared::settings::{Environment, KeyProblem, SettingsError};
use entra_stand_in::{Authority, CertificateAuthority};
use http_shell::process::{self, Mode};
use http_shell::server::local_url;
use http_shell::telemetry;

use commands::SettingsFile;

const EXAMPLES: &str = "\
Examples:
  authority-app --ca-out ca.pem
      Serve https://localhost:5000 and write the certificate that clients have to trust.
  authority-app serve --issue resource=/tls/resource
      Issue a server certificate for the host `resource` as well, then serve.
  SERVER__LISTEN=127.0.0.1:7000 DIRECTORY__FOLDER=./directory authority-app
      Use another port, and a directory of your own.
  authority-app healthcheck
      Exit code 0 while it serves, 1 otherwise.
  authority-app attack http://localhost:8080 --route 'GET /orders' --role Orders.Read
      Find out which bad tokens an API accepts; `attack --help` has more examples.
  authority-app explain AADSTS501051
      What an error means and how to fix it; for a token (on standard input), its claims against the directory.
  authority-app manifest DemoResourceApp
      An app's registration as the portal shows it; `az` prints the commands that create all of them in a real tenant.
  authority-app drift exported.json
      How a real tenant's registration differs from the directory's.
  authority-app hash-secret < secret.txt
      The line that lets a directory know a client secret without holding it.

How to make a client trust the certificate that --ca-out writes:
  this workspace's services   HTTP_CLIENT__CA_FILE
  Python                      REQUESTS_CA_BUNDLE
  Node.js                     NODE_EXTRA_CA_CERTS
  Go, Rust, .NET on Linux     SSL_CERT_FILE

Exit codes: 0 done, 1 failed while running, 2 unusable settings or arguments.";

/// A local stand-in for Microsoft Entra ID, for tests and demos.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until a signal ends it (the default).
    Serve(Serve),
    /// Ask the running stand-in whether it serves.
    Healthcheck(Healthcheck),
    /// Attack an API with hundreds of bad tokens, and report what it accepts.
    Attack(Box<attack::Arguments>),
    /// Explain an error code or a token.
    Explain(commands::Explain),
    /// Print the manifest of an app.
    Manifest(commands::Manifest),
    /// Print a script that creates the directory's apps and grants in a real tenant, with the Azure CLI.
    Az(commands::Az),
    /// Compare an app's manifest, exported from a real tenant, with the directory's.
    Drift(commands::Drift),
    /// Read a client secret from standard input and print the line for `[[secrets]]` with its hash.
    HashSecret,
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    settings: SettingsFile,
    /// Write the certificate of its own certificate authority there, in PEM.
    #[arg(long, value_name = "FILE")]
    ca_out: Option<PathBuf>,
    /// Issue a server certificate for a DNS name into a folder: certificate.pem and private-key.pem. Repeatable.
    #[arg(long, value_name = "NAME=FOLDER", value_parser = name_and_folder)]
    issue: Vec<(String, PathBuf)>,
}

#[derive(Debug, Args)]
struct Healthcheck {
    #[command(flatten)]
    settings: SettingsFile,
}

fn main() -> ExitCode {
    let Cli { command, serve } = http_shell::arguments::parse();
    let command = command.unwrap_or(Command::Serve(serve));
    let mode = if matches!(command, Command::Serve(_)) { Mode::Service } else { Mode::OneShot };
    // What the stand-in logs of each request would hide the progress.
    let log = if matches!(command, Command::Attack(_)) { "warn" } else { telemetry::INFO };
    process::run(mode, log, async {
        run(command).await.unwrap_or_else(|error| {
            process::report(error.as_ref(), <dyn std::error::Error>::is::<SettingsError>)
        })
    })
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(serve) => self::serve(serve).await.map(|()| ExitCode::SUCCESS),
        Command::Healthcheck(check) => healthcheck(&check).await.map(|()| ExitCode::SUCCESS),
        Command::Attack(arguments) => Ok(attack::attack(*arguments).await),
        Command::Explain(explain) => commands::explain(&explain),
        Command::Manifest(manifest) => commands::manifest(&manifest),
        Command::Az(az) => commands::az(&az),
        Command::Drift(drift) => commands::drift(&drift),
        Command::HashSecret => commands::hash_secret(),
    }
}

async fn serve(arguments: Serve) -> anyhow::Result<()> {
    let environment = Environment::from_process();
    let settings = arguments.settings.load(&environment)?;
    let builder = settings.builder(&environment)?;
    // Written before anything listens, so that these files exist once the stand-in is healthy.
    let folder = settings.data_folder().map_err(SettingsError::from)?;
    let certificates = CertificateAuthority::open(&folder).map_err(SettingsError::from)?;
    if let Some(path) = &arguments.ca_out {
        write(path, certificates.certificate_pem(), Readers::Everybody)
            .map_err(unusable("--ca-out", path))?;
    }
    for (name, folder) in &arguments.issue {
        let unusable_name =
            |error| SettingsError::from(KeyProblem::new("--issue", format!("{name}: {error}")));
        let issued = certificates.issue(&[name, "localhost", "127.0.0.1", "::1"]).map_err(unusable_name)?;
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| write(&folder.join("private-key.pem"), issued.private_key_pem(), Readers::Owner))
            .and_then(|()| {
                write(&folder.join("certificate.pem"), issued.certificate_pem(), Readers::Everybody)
            });
        written.map_err(unusable("--issue", folder))?;
    }
    let shutdown = process::shutdown_on_signal()?;
    let authority = builder.spawn().await?;
    tracing::info!(settings = settings.in_force, "settings in force");
    tracing::info!(url = %authority.instance(), "serving");
    banner(&authority, arguments.ca_out.as_deref());
    shutdown.cancelled().await;
    authority.shutdown().await;
    Ok(())
}

/// Requests a path that no endpoint has, over https.
///
/// Any answer will do. An endpoint's answer would use up a fault that a test scripted, and appear in its journal.
async fn healthcheck(arguments: &Healthcheck) -> anyhow::Result<()> {
    let settings = arguments.settings.load(&Environment::from_process())?;
    health_status(&local_url(true, settings.listen())).await?;
    Ok(())
}

fn banner(authority: &Authority, ca_file: Option<&Path>) {
    let trust = ca_file.map_or_else(
        || "start it with --ca-out FILE to have its certificate authority written".to_owned(),
        |path| format!("certificate authority in {}", path.display()),
    );
    let off_or = |url: Option<url::Url>| url.map_or_else(|| "off".to_owned(), |url| url.to_string());
    let admin = off_or(authority.admin_url());
    let managed_identity = off_or(authority.managed_identity_url());
    // A closed standard output does not stop the service.
    let _ = writeln!(
        std::io::stdout(),
        "\
authority-app: a local stand-in for Microsoft Entra ID

  Anyone can get any token from it. NEVER TRUST its issuer or its certificate
  authority in anything but a test or a demo.

  instance  {}
  trust     {trust}
  identity  {managed_identity}
  admin     {admin}
",
        authority.instance(),
    );
}

/// Who may read a file.
#[derive(Debug, Clone, Copy)]
enum Readers {
    Owner,
    Everybody,
}

/// Replaces a file in one step, so that a reader sees the old text or the new one.
fn write(path: &Path, text: &str, readers: Readers) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?; // mode 0600
    file.write_all(text.as_bytes())?;
    #[cfg(unix)]
    if matches!(readers, Readers::Everybody) {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path)?;
    Ok(())
}

/// Returns the error of an argument whose path cannot be used.
fn unusable(argument: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SettingsError {
    move |error| KeyProblem::new(argument, format!("{}: {error}", path.display())).into()
}

fn name_and_folder(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, folder)) if !name.is_empty() && !folder.is_empty() => {
            Ok((name.to_owned(), folder.into()))
        }
        _ => Err("expected NAME=FOLDER, such as resource=/tls/resource".to_owned()),
    }
}
