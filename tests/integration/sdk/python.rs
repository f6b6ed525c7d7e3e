//! A Python environment with the libraries, made once in the build folder.

use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::sync::OnceCell;

use super::command::{installed, is_installed, run, run_script, skipped, undirected};

const REQUIREMENTS: &str = include_str!("python/requirements.txt");

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
        let python = Self { folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-sdks") };
        if is_installed(&python.folder, REQUIREMENTS) {
            return Some(python);
        }
        let made = run(Command::new(program).args(["-m", "venv", "--clear"]).arg(&python.folder)).await;
        made.unwrap_or_else(|error| panic!("no environment could be made: {error}"));
        let requirements = scripts().join("requirements.txt");
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        if let Err(reason) = run(Command::new(python.program()).args(pip).arg(requirements)).await {
            // As on a machine without a network.
            return skipped(&format!("the libraries could not be installed: {reason}"));
        }
        installed(&python.folder, REQUIREMENTS);
        Some(python)
    }

    /// Runs a script that trusts `ca.pem` of the folder, and gives back what it said.
    pub(super) async fn run(&self, script: &str, arguments: &[&str], folder: &Path) -> String {
        let ca = folder.join("ca.pem");
        let mut command = undirected(self.program());
        command
            .arg(scripts().join(script))
            .arg(folder.join("config.json"))
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // requests reads the one, urllib and aiohttp the other.
            .envs([("REQUESTS_CA_BUNDLE", &ca), ("SSL_CERT_FILE", &ca)]);
        run_script(&mut command).await
    }

    fn program(&self) -> PathBuf {
        self.folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/sdk/python")
}
