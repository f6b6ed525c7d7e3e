//! Reads the files of a directory.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use entra_shared::ids::ClientId;
use entra_shared::settings::Environment;
use serde::Deserialize;

use super::error::parse_toml;
use super::manifest::{Manifest, SecretHashes};
use super::secrets::SecretEntry;
use super::tenants::TenantEntry;
use super::{Application, Directory, DirectoryError, formats};

const DIRECTORY_FILE: &str = "directory.toml";

macro_rules! seed {
    ($file:literal) => {
        ($file.to_owned(), include_str!(concat!("../../directory/", $file)).to_owned())
    };
}

/// Microsoft's own apps, which any tenant may hold without a manifest in the folder; a manifest there takes precedence.
const FIRST_PARTY: [(&str, &str); 3] = [
    (
        "first-party/AADTokenExchangeEndpoint.json",
        include_str!("../../directory/first-party/AADTokenExchangeEndpoint.json"),
    ),
    ("first-party/MicrosoftGraph.json", include_str!("../../directory/first-party/MicrosoftGraph.json")),
    (
        "first-party/WindowsAzureServiceManagementAPI.json",
        include_str!("../../directory/first-party/WindowsAzureServiceManagementAPI.json"),
    ),
];

/// The texts of a directory's files, with their names in errors.
pub(super) struct Files {
    directory: (String, String),
    manifests: Vec<(String, String)>,
    /// The base of relative paths to secret files.
    folder: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectoryFile {
    #[serde(default)]
    secrets: Vec<SecretEntry>,
    tenants: Vec<TenantEntry>,
}

impl Files {
    /// Returns the built-in files.
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

    /// Reads the files of a folder.
    pub(super) fn read(folder: &Path) -> Result<Self, DirectoryError> {
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

    /// Returns the manifests, each with its name for errors and its text.
    pub(super) fn manifests(&self) -> &[(String, String)] {
        &self.manifests
    }

    /// Builds the directory.
    pub(super) fn directory(&self, environment: &Environment) -> Result<Directory, DirectoryError> {
        let (file, text) = &self.directory;
        let DirectoryFile { secrets, tenants } = parse_toml(file, text)?;
        let mut manifests = BTreeMap::new();
        for (file, text) in &self.manifests {
            let manifest: Manifest = formats::parse(file, text)?;
            if let Some((other, _)) = manifests.insert(manifest.app_id, (file.as_str(), manifest)) {
                return Err(DirectoryError::key(file, "appId", format!("is that of {other} as well")));
            }
        }
        for (file, text) in FIRST_PARTY {
            let manifest: Manifest = formats::parse(file, text)?;
            manifests.entry(manifest.app_id).or_insert((file, manifest));
        }
        let mut hashes = SecretHashes::new();
        for secret in &secrets {
            let problem = |text: &str| {
                DirectoryError::key(file, "secrets.key_id", format!("{}: {text}", secret.key_id))
            };
            if !manifests.get(&secret.app).is_some_and(|(_, manifest)| manifest.has_secret(secret.key_id)) {
                return Err(problem(
                    "no manifest has `passwordCredentials` with it; correct `app` or `key_id`",
                ));
            }
            let value = secret.value(file, &self.folder, environment)?;
            if hashes.insert((secret.app, secret.key_id), value).is_some() {
                return Err(problem("is there twice for one app; remove one"));
            }
        }
        let mut applications: HashMap<ClientId, Arc<Application>> = HashMap::new();
        for (id, (file, manifest)) in manifests {
            applications.insert(id, Arc::new(manifest.into_application(file, &hashes)?));
        }
        Directory::from_entries(file, tenants, &applications)
    }
}

#[cfg(test)]
mod tests;
