//! A folder with the Node.js libraries, made once in the build folder.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::command::{installed, is_installed, run, run_script, skipped};

const PACKAGE: &str = include_str!("node/package.json");

/// The scripts, and what they share.
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
    /// The folder, filled if need be; `None` where this machine has no Node.js, or too old a one, or no npm.
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
        if is_installed(&node.folder, PACKAGE) {
            return Some(node);
        }
        std::fs::create_dir_all(&node.folder).unwrap();
        std::fs::write(node.folder.join("package.json"), PACKAGE).unwrap();
        let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
        let mut npm = Command::new(program);
        npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]);
        if let Err(reason) = run(npm.current_dir(&node.folder)).await {
            // As on a machine without npm or without a network.
            return skipped(&format!("the libraries could not be installed with {program}: {reason}"));
        }
        installed(&node.folder, PACKAGE);
        Some(node)
    }

    /// A new folder below that of the libraries, which is where Node.js looks for them, with the scripts.
    pub(super) fn stage(&self) -> TempDir {
        let folder = tempfile::tempdir_in(&self.folder).unwrap();
        for (name, script) in SCRIPTS {
            std::fs::write(folder.path().join(name), script).unwrap();
        }
        folder
    }

    /// Runs a script of such a folder that trusts its `ca.pem`, and gives back what it said.
    pub(super) async fn run(&self, script: &str, folder: &Path) -> String {
        let mut command = Command::new("node");
        command.arg(folder.join(script)).arg(folder.join("config.json"));
        run_script(command.env("NODE_EXTRA_CA_CERTS", folder.join("ca.pem"))).await
    }
}
