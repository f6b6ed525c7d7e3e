//! A Python environment with the libraries, made once in the build folder.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::OnceCell;

/// How long the libraries may take to install, or a script to run.
const PATIENCE: Duration = Duration::from_mins(5);

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The environment.
#[derive(Debug, Clone)]
pub(super) struct Python {
    folder: PathBuf,
}

impl Python {
    /// The environment, made if need be; `None` where this machine has no Python to make it with.
    pub(super) async fn ready() -> Option<Self> {
        static READY: OnceCell<Option<Python>> = OnceCell::const_new();
        READY.get_or_init(Self::make).await.clone()
    }

    async fn make() -> Option<Self> {
        let program = if cfg!(windows) { "python" } else { "python3" };
        let check = run(Command::new(program).args(["-c", "import ensurepip, venv"])).await;
        if let Err(reason) = check {
            return skipped(&format!("no {program} with venv and pip here: {reason}"));
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-sdks");
        let marker = folder.join("installed.txt");
        let python = Self { folder };
        if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == REQUIREMENTS) {
            return Some(python);
        }
        let made = run(Command::new(program).args(["-m", "venv", "--clear"]).arg(&python.folder)).await;
        made.unwrap_or_else(|error| panic!("no environment could be made: {error}"));
        let requirements = scripts().join("requirements.txt");
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        let installed = run(Command::new(python.program()).args(pip).arg(requirements)).await;
        if let Err(reason) = installed {
            // As on a machine without a network.
            return skipped(&format!("the libraries could not be installed: {reason}"));
        }
        std::fs::write(marker, REQUIREMENTS).unwrap();
        Some(python)
    }

    /// Runs a script that trusts `ca.pem` of the folder, and gives back what it said.
    pub(super) async fn run(&self, script: &str, folder: &Path) -> String {
        let ca = folder.join("ca.pem");
        let mut command = Command::new(self.program());
        command
            .arg(scripts().join(script))
            .arg(folder.join("config.json"))
            .env_remove("AZURE_FEDERATED_TOKEN_FILE")
            .env_remove("IDENTITY_ENDPOINT")
            .env_remove("IDENTITY_HEADER")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("NO_PROXY", "localhost,127.0.0.1")
            // requests reads the one, urllib and aiohttp the other.
            .envs([("REQUESTS_CA_BUNDLE", &ca), ("SSL_CERT_FILE", &ca)]);
        run(&mut command).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    fn program(&self) -> PathBuf {
        self.folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
    }
}

/// Says that nothing is tested here, and why; in CI that is a failure.
fn skipped(reason: &str) -> Option<Python> {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!in_ci, "CI has to run these tests: {reason}");
    // Not `eprintln!`, which the test harness keeps to itself where a test passes.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "SKIPPED: {reason}").unwrap();
    None
}

/// A SHA-1 thumbprint as the portal shows it.
pub(super) fn thumbprint(der: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for byte in aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, der).as_ref() {
        write!(text, "{byte:02X}").unwrap();
    }
    text
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/sdk")
}

/// What a program says; where it fails or takes too long, why.
async fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, output).await;
    let output = output.map_err(|_| format!("did not end within {PATIENCE:?}"))?;
    let output = output.map_err(|error| error.to_string())?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
}
