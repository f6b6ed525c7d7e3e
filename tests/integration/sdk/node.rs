//! A folder with the Node.js libraries, created once in the build folder.

#[cfg(unix)]
use std::os::unix::fs::symlink as link;
#[cfg(windows)]
use std::os::windows::fs::symlink_dir as link;
use std::path::Path;

use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::command::{run_script, undirected};
use crate::node;

const PACKAGE: &str = include_str!("node/package.json");
const LOCK: &str = include_str!("node/package-lock.json");

/// The scripts, and the module that they share.
const SCRIPTS: [(&str, &str); 4] = [
    ("verified.mjs", include_str!("node/verified.mjs")),
    ("with_azure_identity.mjs", include_str!("node/with_azure_identity.mjs")),
    ("with_managed_identity.mjs", include_str!("node/with_managed_identity.mjs")),
    ("with_msal.mjs", include_str!("node/with_msal.mjs")),
];

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Node(node::Packages);

impl Node {
    /// The folder, filled if necessary; `None` if Node.js is missing or too old, or npm is missing.
    pub(super) async fn ready() -> Option<Self> {
        static READY: OnceCell<Option<Node>> = OnceCell::const_new();
        let make = async || node::Packages::ready("node-sdks", PACKAGE, LOCK).await.map(Self);
        READY.get_or_init(make).await.clone()
    }

    /// A new folder with the scripts, and with the libraries where Node.js looks for them.
    pub(super) fn stage(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        link(self.0.folder().join("node_modules"), folder.path().join("node_modules")).unwrap();
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
