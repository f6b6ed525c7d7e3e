//! Folders with packages of npm in exact versions, created once in the build folder.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::command::{installed, is_installed, run, skipped};

/// The oldest major version of Node.js that the packages run on.
const OLDEST: u32 = 20;

/// A folder with packages.
#[derive(Debug, Clone)]
pub(crate) struct Packages {
    folder: PathBuf,
}

impl Packages {
    /// The folder of this name, filled if necessary; `None` if Node.js is missing or too old, or npm is missing.
    pub(crate) async fn ready(name: &str, package: &str, lock: &str) -> Option<Self> {
        let version = match run(Command::new("node").arg("--version")).await {
            Ok(version) => version,
            Err(reason) => return skipped(&format!("no node here: {reason}")),
        };
        let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
        if major.is_none_or(|major: u32| major < OLDEST) {
            return skipped(&format!("Node.js {OLDEST} is needed, and here is {}", version.trim()));
        }
        let packages = Self { folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join(name) };
        if is_installed(&packages.folder, lock) {
            return Some(packages);
        }
        std::fs::create_dir_all(&packages.folder).unwrap();
        // Remove an earlier installation.
        std::fs::remove_dir_all(&packages.folder).unwrap();
        std::fs::create_dir(&packages.folder).unwrap();
        std::fs::write(packages.folder.join("package.json"), package).unwrap();
        std::fs::write(packages.folder.join("package-lock.json"), lock).unwrap();
        let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
        let mut npm = Command::new(program);
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        if let Err(reason) = run(npm.current_dir(&packages.folder)).await {
            // npm or the network may be missing.
            return skipped(&format!("{name} could not be installed with {program}: {reason}"));
        }
        installed(&packages.folder, lock);
        Some(packages)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}
