//! The peers of the client-app: a scripted authority and a scripted resource.

use std::path::Path;

use client_app::Settings;

pub(crate) use crate::scripted::{Asked, PROXIED, Peer, SECRET, Scripted, TOKEN, shows_no_canary};

/// An authority, a resource, and the variables with which the client-app uses both.
pub(crate) struct Peers {
    pub(crate) authority: Peer,
    pub(crate) resource: Peer,
    folder: tempfile::TempDir,
}

impl Peers {
    pub(crate) async fn start() -> Self {
        let (authority, resource) = (Peer::authority().await, Peer::resource().await);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), &authority.ca_pem).unwrap();
        Self { authority, resource, folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AZURE_AD__INSTANCE", self.authority.url.clone()),
            ("AZURE_AD__CLIENT_SECRET", SECRET.to_owned()),
            ("HTTP_CLIENT__CA_FILE", self.folder.path().join("ca.pem").display().to_string()),
            ("HTTP_CLIENT__TIMEOUT_SECONDS", "5".to_owned()),
            ("RESOURCE__BASE_URL", self.resource.url.clone()),
            ("SERVER__LISTEN", "127.0.0.1:0".to_owned()),
            ("METRICS__LISTEN", "127.0.0.1:0".to_owned()),
        ]
    }

    pub(crate) fn settings_with(&self, more: &[(&'static str, &str)]) -> Settings {
        let more = more.iter().map(|&(name, value)| (name, value.to_owned()));
        Settings::load(None, self.variables().into_iter().chain(more).collect()).unwrap()
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings_with(&[])
    }
}
