//! By what a change of a file is noticed without reading it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What changes with a file, at the cost of no more than a glance at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    /// Where it lies: a link may point to another file of the same time and length.
    place: (u64, u64),
}

/// The stamps of all, where all are there.
pub(super) fn stamps(paths: &[PathBuf]) -> Option<Vec<Stamp>> {
    paths.iter().map(|path| stamp(path).ok()).collect()
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let metadata = std::fs::metadata(path)?;
    #[cfg(unix)]
    let place = {
        use std::os::unix::fs::MetadataExt;
        (metadata.dev(), metadata.ino())
    };
    #[cfg(not(unix))]
    let place = (0, 0);
    Ok(Stamp { modified: metadata.modified().ok(), length: metadata.len(), place })
}
