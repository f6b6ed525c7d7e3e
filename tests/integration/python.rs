//! Python environments with packages of exact versions, created once in the build folder.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::command::{installed, is_installed, run, skipped};

/// A Python environment.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    folder: PathBuf,
}

impl Python {
    /// The environment of this name, created if necessary; `None` if Python is missing.
    pub(crate) async fn ready(name: &str, requirements: &str) -> Option<Self> {
        let program = if cfg!(windows) { "python" } else { "python3" };
        let check = run(Command::new(program).args(["-c", "import ensurepip, venv"])).await;
        if let Err(reason) = check {
            return skipped(&format!("no {program} with venv and pip here: {reason}"));
        }
        let python = Self { folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join(name) };
        if is_installed(&python.folder, requirements) {
            return Some(python);
        }
        let made = run(Command::new(program).args(["-m", "venv", "--clear"]).arg(&python.folder)).await;
        made.unwrap_or_else(|error| panic!("no environment could be made: {error}"));
        let file = python.folder.join("requirements.txt");
        std::fs::write(&file, requirements).unwrap();
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        if let Err(reason) = run(Command::new(python.program("python")).args(pip).arg(file)).await {
            // There may be no network.
            return skipped(&format!("{name} could not be installed: {reason}"));
        }
        installed(&python.folder, requirements);
        Some(python)
    }

    /// The path of one of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let folder = self.folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
        folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }
}
