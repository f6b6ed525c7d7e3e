//! Converts between the two formats of an app registration's manifest.
//!
//! The stand-in uses Microsoft Graph's format. Files in the older Azure AD Graph format are converted when they are read,
//! and manifests can be written in it.
//! <https://learn.microsoft.com/entra/identity-platform/reference-app-manifest>

mod aad_graph;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::DirectoryError;
use super::error::{json_error, parse_json};

/// The format of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestFormat {
    /// Microsoft Graph: `displayName`, `api.requestedAccessTokenVersion`.
    Graph,
    /// Azure AD Graph, the older one: `name`, `accessTokenAcceptedVersion`.
    AadGraph,
}

impl ManifestFormat {
    /// Detects a manifest's format by members that only the older one has.
    #[must_use]
    pub fn detect(manifest: &Value) -> Self {
        let has = |name: &str| manifest.get(name).is_some();
        let old = aad_graph::OWN_MEMBERS.iter().any(|name| has(name)) || !has("displayName") && has("name");
        if old && !has("api") { Self::AadGraph } else { Self::Graph }
    }

    /// Converts a manifest from Microsoft Graph's format to this one.
    #[must_use]
    pub fn spell(self, manifest: Value) -> Value {
        match self {
            Self::Graph => manifest,
            Self::AadGraph => aad_graph::from_graph(manifest),
        }
    }
}

/// Reads a manifest of either format; errors name the members as the file spells them.
pub(super) fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, DirectoryError> {
    let manifest: Value = parse_json(file, text)?;
    match ManifestFormat::detect(&manifest) {
        // From the text, so that repeated members are found.
        ManifestFormat::Graph => parse_json(file, text),
        ManifestFormat::AadGraph => {
            check_version(file, &manifest)?;
            serde_path_to_error::deserialize(aad_graph::into_graph(manifest)).map_err(|error| {
                let path = aad_graph::old_spelling(&error.path().to_string());
                json_error(file, &path, error.inner())
            })
        }
    }
}

/// Reads a manifest of either format, and converts it to Microsoft Graph's. Errors call it `file`.
///
/// # Errors
/// The text is not JSON.
pub fn graph_manifest(file: &str, text: &str) -> Result<Value, DirectoryError> {
    let manifest: Value = parse_json(file, text)?;
    Ok(match ManifestFormat::detect(&manifest) {
        ManifestFormat::Graph => manifest,
        ManifestFormat::AadGraph => aad_graph::into_graph(manifest),
    })
}

fn check_version(file: &str, manifest: &Value) -> Result<(), DirectoryError> {
    match manifest.get(aad_graph::VERSION).map(Value::as_u64) {
        Some(Some(version)) if !(1..=2).contains(&version) => {
            let remedy = "there is no such version; write 1, 2 or null (which is 1)";
            Err(DirectoryError::key(file, aad_graph::VERSION, remedy))
        }
        _ => Ok(()),
    }
}
