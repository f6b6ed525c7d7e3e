//! Scripts in a Python environment with the libraries.

use std::path::{Path, PathBuf};

use tokio::sync::OnceCell;

use crate::command::{run_script, undirected};
use crate::python::Python;

const REQUIREMENTS: &str = include_str!("python/requirements.txt");

/// The environment, created if necessary; `None` if Python is missing.
pub(super) async fn ready() -> Option<Python> {
    static READY: OnceCell<Option<Python>> = OnceCell::const_new();
    READY.get_or_init(|| Python::ready("python-sdks", REQUIREMENTS)).await.clone()
}

/// Runs a script with the folder's `ca.pem` trusted, and returns its output.
pub(super) async fn run(python: &Python, script: &str, arguments: &[&str], folder: &Path) -> String {
    let ca = folder.join("ca.pem");
    let mut command = undirected(python.program("python"));
    command
        .arg(scripts().join(script))
        .arg(folder.join("config.json"))
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // requests reads the first variable, urllib and aiohttp the second.
        .envs([("REQUESTS_CA_BUNDLE", &ca), ("SSL_CERT_FILE", &ca)]);
    run_script(&mut command).await
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/sdk/python")
}
