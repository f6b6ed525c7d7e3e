//! A directory with its manifests, for what looks at more than tokens need.

use std::collections::BTreeMap;
use std::path::Path;

use entra_shared::ids::ClientId;
use entra_shared::settings::{Environment, KeyProblem};
use uuid::Uuid;

use super::files::Files;
use super::{Application, Directory, DirectoryError, Registration, ServicePrincipal, Tenant};

/// A directory together with the manifests that it was read from.
#[derive(Debug, Clone)]
pub struct Registrations {
    directory: Directory,
    registrations: BTreeMap<ClientId, Registration>,
}

impl Registrations {
    /// The directory that is built in; see [`Directory::seeded`].
    ///
    /// # Errors
    /// A variable with a client secret cannot be used.
    pub fn seeded(environment: &Environment) -> Result<Self, DirectoryError> {
        Self::of(&Files::seeded(), environment)
    }

    /// Reads a folder; see [`Directory::load`].
    ///
    /// # Errors
    /// Names the file, the key in it and the remedy.
    pub fn load(folder: &Path, environment: &Environment) -> Result<Self, DirectoryError> {
        Self::of(&Files::of(folder)?, environment)
    }

    fn of(files: &Files, environment: &Environment) -> Result<Self, DirectoryError> {
        let read = |(file, text): &(String, String)| Registration::parse(file, text);
        let registrations: Vec<Registration> =
            files.manifests().iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self {
            directory: files.directory(environment)?,
            registrations: registrations.into_iter().map(|app| (app.app_id, app)).collect(),
        })
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The registration of this client id.
    pub(crate) fn registration(&self, app: ClientId) -> Option<&Registration> {
        self.registrations.get(&app)
    }

    /// The registration that a person names: by its client id, display name or an App ID URI.
    pub(crate) fn named(&self, app: &str) -> Result<&Registration, KeyProblem> {
        let is_named = |registration: &&Registration| {
            registration.app_id.to_string().eq_ignore_ascii_case(app)
                || registration.display_name == app
                || registration.identifier_uris.iter().any(|uri| uri == app)
        };
        let mut found = self.registrations.values().filter(is_named);
        match (found.next(), found.next()) {
            (Some(registration), None) => Ok(registration),
            (Some(_), Some(_)) => Err(KeyProblem::new("APP", "names several apps; use a client id")),
            (None, _) => {
                let names: Vec<&str> =
                    self.registrations.values().map(|app| app.display_name.as_str()).collect();
                let problem = format!("no app of the directory; it has {}", names.join(", "));
                Err(KeyProblem::new("APP", problem))
            }
        }
    }
}

impl Tenant {
    /// Its service principals.
    pub(crate) fn principals(&self) -> impl Iterator<Item = &ServicePrincipal> {
        self.principals.values()
    }

    /// The ids of the roles granted to the client on the resource.
    pub(crate) fn granted(&self, client: &Application, resource: &Application) -> &[Uuid] {
        self.grants.get(&(client.client_id, resource.client_id)).map_or(&[], Vec::as_slice)
    }
}
