//! A folder with the Node.js libraries, created once in the build folder.

#[cfg(unix)]
use std::os::unix::fs::symlink as link;
#[cfg(windows)]
use std::os::windows::fs::symlink_dir as link;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::command::{installed, is_installed, run, run_script, skipped, undirected};

const PACKAGE: &str = include_str!("node/package.json");
const LOCK: &str = include_str!("node/package-lock.json");

/// The scripts, and the module that they share.
const SCRIPTS: [(&str, &str); 4] = [
    ("verified.mjs", include_str!("node/verified.mjs")),
    ("with_azure_identity.mjs", include_str!("node/with_azure_identity.mjs")),
    ("with_managed_identity.mjs", include_str!("node/with_managed_identity.mjs")),
    ("with_msal.mjs", include_str!("node/with_msal.mjs")),
];

/// The oldest major version of Node.js that the libraries run on.
const OLDEST: u32 = 20;

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Node {
    folder: PathBuf,
}

impl Node {
    /// The folder, filled if necessary; `None` if Node.js is missing or too old, or npm is missing.
    pub(super) async fn ready() -> Option<Self> {
        static READY: OnceCell<Option<Node>> = OnceCell::const_new();
        READY.get_or_init(Self::make).await.clone()
    }

    async fn make() -> Option<Self> {
        let version = match run(Command::new("node").arg("--version")).await {
            Ok(version) => version,
            Err(reason) => return skipped(&format!("no node here: {reason}")),
        };
        let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
        if major.is_none_or(|major: u32| major < OLDEST) {
            return skipped(&format!("the libraries need Node.js {OLDEST}, and here is {}", version.trim()));
        }
        let node = Self { folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join("node-sdks") };
        if is_installed(&node.folder, LOCK) {
            return Some(node);
        }
        std::fs::create_dir_all(&node.folder).unwrap();
        // Remove an earlier installation.
        std::fs::remove_dir_all(&node.folder).unwrap();
        std::fs::create_dir(&node.folder).unwrap();
        std::fs::write(node.folder.join("package.json"), PACKAGE).unwrap();
        std::fs::write(node.folder.join("package-lock.json"), LOCK).unwrap();
        let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
        let mut npm = Command::new(program);
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        if let Err(reason) = run(npm.current_dir(&node.folder)).await {
            // npm or the network may be missing.
            return skipped(&format!("the libraries could not be installed with {program}: {reason}"));
        }
        installed(&node.folder, LOCK);
        Some(node)
    }

    /// A new folder with the scripts, and with the libraries where Node.js looks for them.
    pub(super) fn stage(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        link(self.folder.join("node_modules"), folder.path().join("node_modules")).unwrap();
        for (name, script) in SCRIPTS {
            std::fs::write(folder.path().join(name), script).unwrap();
        }
        folder
    }

    /// Runs a script in a folder, with the folder's `ca.pem` trusted, and returns its output.
    pub(super) async fn run(&self, script: &str, arguments: &[&str], folder: &Path) -> String {
        let mut command = undirected("node");
        command.arg(folder.join(script)).arg(folder.join("config.json")).args(arguments);
        run_script(command.env("NODE_EXTRA_CA_CERTS", folder.join("ca.pem"))).await
    }
}
