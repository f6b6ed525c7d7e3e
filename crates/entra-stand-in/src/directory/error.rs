//! Errors in a directory's files.

use entra_shared::settings::SettingsError;
use serde::de::DeserializeOwned;

/// A file of the directory is invalid. The text is one line and never contains the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct DirectoryError {
    file: String,
    problem: String,
}

impl DirectoryError {
    pub(super) fn new(file: &str, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), problem: problem.into() }
    }

    /// Creates the error of a key with an invalid value.
    pub(super) fn key(file: &str, key: &str, problem: impl std::fmt::Display) -> Self {
        Self::new(file, format!("`{key}`: {problem}"))
    }
}

impl From<DirectoryError> for SettingsError {
    fn from(error: DirectoryError) -> Self {
        Self::File { file: error.file, problem: error.problem }
    }
}

/// Reads TOML; an error names the line.
pub(super) fn parse_toml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, DirectoryError> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        DirectoryError::new(file, format!("line {line}: {}", without_value(error.message())))
    })
}

/// Reads JSON; an error names the member.
pub(super) fn parse_json<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, DirectoryError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| json_error(file, &error.path().to_string(), error.inner()))?;
    deserializer.end().map_err(|error| DirectoryError::new(file, error.to_string()))?;
    Ok(value)
}

/// Creates the error at a path in a file.
pub(super) fn json_error(file: &str, path: &str, error: &serde_json::Error) -> DirectoryError {
    let problem = without_value(&error.to_string()).to_owned();
    match path {
        "." => DirectoryError::new(file, problem),
        path => DirectoryError::key(file, path, problem),
    }
}

/// Removes the value that serde's texts quote; what was expected stays.
fn without_value(text: &str) -> &str {
    let quotes_value = text.starts_with("invalid type: ") || text.starts_with("invalid value: ");
    match text.rfind("expected ") {
        Some(at) if quotes_value => text.get(at..).unwrap_or("not usable"),
        _ => text,
    }
}
