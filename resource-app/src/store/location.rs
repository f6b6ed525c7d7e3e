//! The path of the database.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The URL of a SQLite file.
///
/// `sqlite://data/resources.db` is relative to the working directory, `sqlite:///data/resources.db` is absolute.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Location(PathBuf);

/// The text is not the URL of a SQLite file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the URL of a SQLite file like sqlite://data/resources.db")]
pub struct InvalidLocation;

impl Location {
    /// Returns the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl TryFrom<String> for Location {
    type Error = InvalidLocation;

    fn try_from(text: String) -> Result<Self, InvalidLocation> {
        let path = text.strip_prefix("sqlite://").ok_or(InvalidLocation)?;
        // A database in memory is lost at the end, and parameters could weaken durability.
        let plain = !path.is_empty() && !path.ends_with('/') && !path.contains(['?', '#', '%']);
        if plain && !path.contains(":memory:") { Ok(Self(path.into())) } else { Err(InvalidLocation) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_plain_file() {
        for (url, path) in [("sqlite://data/x.db", "data/x.db"), ("sqlite:///data/x.db", "/data/x.db")] {
            assert_eq!(Location::try_from(url.to_owned()).unwrap().path(), Path::new(path));
        }
        for wrong in [
            "",
            "data/x.db",
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite://data/",
            "sqlite://x.db?mode=memory",
            "postgres://localhost/x",
        ] {
            assert_eq!(Location::try_from(wrong.to_owned()), Err(InvalidLocation), "{wrong}");
        }
    }
}
