//! The secrets of `directory.toml` and the sources of their values.

use std::fs;
use std::path::{Path, PathBuf};

use entra_shared::ids::ClientId;
use entra_shared::settings::Environment;
use serde::Deserialize;
use uuid::Uuid;

use super::DirectoryError;
use crate::credentials::SecretHash;

/// An entry of `[[secrets]]`, which is an app's secret with the source of its value.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretEntry {
    pub(super) app: ClientId,
    pub(super) key_id: Uuid,
    variable: Option<String>,
    file: Option<PathBuf>,
    sha256: Option<String>,
    development_default: Option<String>,
}

impl SecretEntry {
    /// Returns the hash of the value. The value comes from the variable, or else the file (relative to `folder`), or
    /// else the entry.
    pub(super) fn value(
        &self,
        file: &str,
        folder: &Path,
        environment: &Environment,
    ) -> Result<SecretHash, DirectoryError> {
        let written = self.written(file)?;
        if let Some(value) = self.variable.as_deref().and_then(|name| environment.value(name)) {
            return Ok(SecretHash::from_secret(value));
        }
        if let Some(path) = &self.file {
            let path = folder.join(path);
            let text = fs::read_to_string(&path).map_err(|error| {
                DirectoryError::key(file, "secrets.file", format!("{}: {error}", path.display()))
            })?;
            return match text.trim_end_matches(['\r', '\n']) {
                "" => Err(DirectoryError::key(file, "secrets.file", format!("{} is empty", path.display()))),
                value => Ok(SecretHash::from_secret(value)),
            };
        }
        written.ok_or_else(|| {
            let variable = self.variable.as_deref();
            let remedy =
                variable.map_or("add `variable`".to_owned(), |name| format!("set the variable {name}"));
            let problem =
                format!("{} has no value; {remedy}, `file`, `sha256` or `development_default`", self.key_id);
            DirectoryError::key(file, "secrets", problem)
        })
    }

    /// Returns the entry's hash, or the hash of the entry's value.
    fn written(&self, file: &str) -> Result<Option<SecretHash>, DirectoryError> {
        let problem =
            |text| Err(DirectoryError::key(file, "secrets.sha256", format!("{}: {text}", self.key_id)));
        let default = self.development_default.as_deref().filter(|value| !value.is_empty());
        match (&self.sha256, default) {
            (Some(_), Some(_)) => problem("`development_default` is there as well; remove one"),
            (Some(hex), None) => match SecretHash::parse(hex) {
                Some(hash) => Ok(Some(hash)),
                None => problem("not 64 hexadecimal digits; `authority-app hash-secret` prints the line"),
            },
            (None, default) => Ok(default.map(SecretHash::from_secret)),
        }
    }
}
