//! The commands that read the directory, or a secret for it, and end.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use authority_app::{Settings, tools};
use clap::{Args, ValueEnum};
use entra_shared::settings::{Environment, SettingsError};
use entra_stand_in::{ManifestFormat, Registrations};
use http_shell::process::{self, print};

/// The longest input, in bytes. It is far more than any manifest, token or message has.
const MAX_INPUT_BYTES: u64 = 4 * 1024 * 1024;

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  authority-app explain AADSTS7000215
  authority-app explain 'AADSTS501051: Application ... is not assigned to a role'
  client-app token --raw | authority-app explain
  authority-app explain token.txt

A token is no argument, since other users of this machine can see a program's arguments. The signature is neither verified nor shown.

Exit codes: 0 every code is known, every check passed; 1 otherwise; 2 there is neither a code nor a token.";

const MANIFEST_NOTE: &str = "\
Members that only the server writes are left out, since Graph refuses a POST or PATCH with one of them: id, appId,
dates, publisher, `origin` of roles, secrets (Graph makes those: addPassword) and certificates whose key an export
left out. The directory and `drift` need them: --whole keeps them.";

const DRIFT_NOTE: &str = "\
Exit codes: 0 no difference, 1 differences, one a line, 2 the export is unreadable or its app is not in the directory.

An export is what `az ad app show --id ID` prints, Graph answers at /applications, or the portal offers as a download;
or a service principal with its grants, which shows a missing consent:
  az rest --url 'https://graph.microsoft.com/v1.0/servicePrincipals(appId='\''ID'\'')?$expand=appRoleAssignments'";

#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub(crate) struct Explain {
    /// An AADSTS code, a message with one in it, or a file with a message or a token; `-`, or none, for standard input.
    subject: Option<String>,
    #[command(flatten)]
    settings: SettingsFile,
}

#[derive(Debug, Args)]
#[command(after_help = MANIFEST_NOTE)]
pub(crate) struct Manifest {
    /// The app: its client id, display name or App ID URI.
    app: String,
    /// The manifest's format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Keep the members that only the server writes, as a tenant's own export does.
    #[arg(long)]
    whole: bool,
    #[command(flatten)]
    settings: SettingsFile,
}

#[derive(Debug, Args)]
pub(crate) struct Az {
    /// The directory's tenant whose apps to create, by id or domain; the first one by default.
    tenant: Option<String>,
    #[command(flatten)]
    settings: SettingsFile,
}

#[derive(Debug, Args)]
#[command(after_help = DRIFT_NOTE)]
pub(crate) struct Drift {
    /// A manifest that a real tenant exported, in either format, or a service principal; `-` reads standard input.
    export: PathBuf,
    /// The directory's app to compare it with; the one with the same client id by default.
    app: Option<String>,
    #[command(flatten)]
    settings: SettingsFile,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// Microsoft Graph: `displayName`, `api.requestedAccessTokenVersion`.
    #[default]
    Graph,
    /// Azure AD Graph, the older one: `name`, `accessTokenAcceptedVersion`.
    AadGraph,
}

#[derive(Debug, Args)]
pub(crate) struct SettingsFile {
    /// A TOML file that replaces the default settings.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

pub(crate) fn explain(arguments: &Explain) -> anyhow::Result<ExitCode> {
    let subject = match arguments.subject.as_deref() {
        None => read(Path::new("-"))?,
        Some(text) if is_message(text) => text.to_owned(),
        // The form of other tools for "the contents of a file".
        Some(file) => read(Path::new(file.strip_prefix('@').unwrap_or(file)))?,
    };
    let registrations = arguments.settings.registrations()?;
    let explanation = registrations.explain(&subject, jiff::Timestamp::now()).map_err(SettingsError::from)?;
    print(&explanation.to_string())?;
    Ok(exit_code(explanation.is_fine()))
}

/// Returns whether an argument is a code or a message with one, and so no file.
fn is_message(text: &str) -> bool {
    text.parse::<u32>().is_ok() || text.to_ascii_uppercase().contains("AADSTS")
}

pub(crate) fn manifest(arguments: &Manifest) -> anyhow::Result<ExitCode> {
    let format = match arguments.format {
        Format::Graph => ManifestFormat::Graph,
        Format::AadGraph => ManifestFormat::AadGraph,
    };
    let registrations = arguments.settings.registrations()?;
    let manifest = tools::manifest(&registrations, &arguments.app, format, arguments.whole);
    print(&manifest.map_err(SettingsError::from)?)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn az(arguments: &Az) -> anyhow::Result<ExitCode> {
    let registrations = arguments.settings.registrations()?;
    print(&tools::az_script(&registrations, arguments.tenant.as_deref())?)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn drift(arguments: &Drift) -> anyhow::Result<ExitCode> {
    let export = read(&arguments.export)?;
    let file = arguments.export.display().to_string();
    let registrations = arguments.settings.registrations()?;
    let differences = tools::drift(&registrations, &file, &export, arguments.app.as_deref())?;
    for difference in &differences {
        print(&format!("{difference}\n"))?;
    }
    Ok(exit_code(differences.is_empty()))
}

pub(crate) fn hash_secret() -> anyhow::Result<ExitCode> {
    let input = read(Path::new("-"))?;
    let secret = input.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        let problem = "empty; pass the secret there".to_owned();
        return Err(SettingsError::File { file: "standard input".to_owned(), problem }.into());
    }
    print(&format!("sha256 = \"{}\"\n", entra_stand_in::hash_secret(secret)))?;
    Ok(ExitCode::SUCCESS)
}

impl SettingsFile {
    fn registrations(&self) -> Result<Registrations, SettingsError> {
        let environment = Environment::from_process();
        self.load(&environment)?.registrations(&environment)
    }

    pub(crate) fn load(&self, environment: &Environment) -> Result<Settings, SettingsError> {
        Settings::load(self.settings.as_deref(), environment.clone())
    }
}

fn exit_code(fine: bool) -> ExitCode {
    if fine { ExitCode::SUCCESS } else { ExitCode::from(process::FAILED) }
}

/// Reads a file, or standard input for `-`.
fn read(path: &Path) -> Result<String, SettingsError> {
    let read = || -> io::Result<String> {
        let source: Box<dyn Read> =
            if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
        let mut text = String::new();
        source.take(MAX_INPUT_BYTES + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MAX_INPUT_BYTES {
            return Err(io::Error::other(format!("longer than {MAX_INPUT_BYTES} bytes")));
        }
        Ok(text)
    };
    let unreadable = |error: io::Error| SettingsError::File {
        file: path.display().to_string(),
        problem: error.to_string(),
    };
    read().map_err(unreadable)
}
