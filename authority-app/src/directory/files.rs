//! The files of a directory, and how secrets get their values.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use shared::ids::ClientId;
use shared::settings::Environment;
use uuid::Uuid;

use super::error::parse_toml;
use super::manifest::{Manifest, SecretHashes};
use super::tenants::TenantEntry;
use super::{Application, Directory, DirectoryError, formats};
use crate::credentials::SecretHash;

const DIRECTORY_FILE: &str = "directory.toml";

macro_rules! seed {
    ($file:literal) => {
        ($file.to_owned(), include_str!(concat!("../../directory/", $file)).to_owned())
    };
}

/// The texts of a directory, each with the name that errors call it by.
pub(super) struct Files {
    directory: (String, String),
    manifests: Vec<(String, String)>,
    /// What the paths of secret files start from.
    folder: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectoryFile {
    #[serde(default)]
    secrets: Vec<SecretEntry>,
    tenants: Vec<TenantEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretEntry {
    app: ClientId,
    key_id: Uuid,
    variable: Option<String>,
    file: Option<PathBuf>,
    sha256: Option<String>,
    development_default: Option<String>,
}

impl Files {
    /// The files that are built in.
    pub(super) fn seeded() -> Self {
        Self {
            directory: seed!("directory.toml"),
            manifests: vec![
                seed!("applications/DemoClientApp.json"),
                seed!("applications/DemoReadOnlyClientApp.json"),
                seed!("applications/DemoResourceApp.json"),
                seed!("applications/DemoUngrantedClientApp.json"),
                seed!("applications/OtherResourceApp.json"),
            ],
            folder: PathBuf::new(),
        }
    }

    /// The files of a folder.
    pub(super) fn of(folder: &Path) -> Result<Self, DirectoryError> {
        let read = |path: PathBuf| {
            let name = path.display().to_string();
            let text = fs::read_to_string(&path).map_err(|e| DirectoryError::new(&name, e.to_string()))?;
            Ok((name, text))
        };
        let applications = folder.join("applications");
        let unreadable = |e| DirectoryError::new(&applications.display().to_string(), format!("{e}"));
        let mut paths: Vec<PathBuf> = fs::read_dir(&applications)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>())
            .map_err(unreadable)?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        Ok(Self {
            directory: read(folder.join(DIRECTORY_FILE))?,
            manifests: paths.into_iter().map(read).collect::<Result<_, _>>()?,
            folder: folder.to_owned(),
        })
    }

    /// The manifests: the name that errors call each by, and its text.
    pub(super) fn manifests(&self) -> &[(String, String)] {
        &self.manifests
    }

    /// Reads the texts and puts them together.
    pub(super) fn directory(&self, environment: &Environment) -> Result<Directory, DirectoryError> {
        let (file, text) = &self.directory;
        let DirectoryFile { secrets, tenants } = parse_toml(file, text)?;
        let mut manifests = BTreeMap::new();
        for (file, text) in &self.manifests {
            let manifest: Manifest = formats::parse(file, text)?;
            if let Some((other, _)) = manifests.insert(manifest.app_id, (file, manifest)) {
                return Err(DirectoryError::key(file, "appId", format!("is that of {other} as well")));
            }
        }
        let mut hashes = SecretHashes::new();
        for secret in &secrets {
            if !manifests.get(&secret.app).is_some_and(|(_, manifest)| manifest.has_secret(secret.key_id)) {
                let problem = "no manifest has `passwordCredentials` with it; correct `app` or `key_id`";
                return Err(DirectoryError::key(
                    file,
                    "secrets.key_id",
                    format!("{}: {problem}", secret.key_id),
                ));
            }
            hashes.insert(secret.key_id, self.value_of(secret, environment)?);
        }
        let mut applications: HashMap<ClientId, Arc<Application>> = HashMap::new();
        for (id, (file, manifest)) in manifests {
            applications.insert(id, Arc::new(manifest.into_application(file, &hashes)?));
        }
        Directory::of(file, tenants, &applications)
    }

    /// The hash of a secret's value: from its variable, else from its file, else the entry's own.
    fn value_of(
        &self,
        secret: &SecretEntry,
        environment: &Environment,
    ) -> Result<SecretHash, DirectoryError> {
        let (file, _) = &self.directory;
        let written = secret.written(file)?;
        if let Some(value) = secret.variable.as_deref().and_then(|name| environment.value(name)) {
            return Ok(SecretHash::of(value));
        }
        if let Some(path) = &secret.file {
            let path = self.folder.join(path);
            let text = fs::read_to_string(&path).map_err(|error| {
                DirectoryError::key(file, "secrets.file", format!("{}: {error}", path.display()))
            })?;
            return match text.trim_end_matches(['\r', '\n']) {
                "" => Err(DirectoryError::key(file, "secrets.file", format!("{} is empty", path.display()))),
                value => Ok(SecretHash::of(value)),
            };
        }
        written.ok_or_else(|| {
            let variable = secret.variable.as_deref();
            let remedy =
                variable.map_or("add `variable`".to_owned(), |name| format!("set the variable {name}"));
            let problem = format!(
                "{} has no value; {remedy}, `file`, `sha256` or `development_default`",
                secret.key_id
            );
            DirectoryError::key(file, "secrets", problem)
        })
    }
}

impl SecretEntry {
    /// The hash that stands in the entry, or that of the value that does.
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
            (None, default) => Ok(default.map(SecretHash::of)),
        }
    }
}

#[cfg(test)]
mod tests;
