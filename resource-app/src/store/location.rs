//! Where the database is.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The URL of a SQLite file: `sqlite://data/resources.db` is below the working directory, `sqlite:///data/resources.db`
/// below the root.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Location(PathBuf);

/// A text that is no such URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the URL of a SQLite file like sqlite://data/resources.db")]
pub struct InvalidLocation;

impl Location {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl TryFrom<String> for Location {
    type Error = InvalidLocation;

    fn try_from(text: String) -> Result<Self, InvalidLocation> {
        let path = text.strip_prefix("sqlite://").ok_or(InvalidLocation)?;
        // In memory nothing survives, and parameters could weaken how the file is written.
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
