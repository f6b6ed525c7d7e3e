//! Detects changes of a file by its metadata.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The metadata that changes when a file is written or replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    /// Device and inode: a symbolic link may now point to another file of the same time and length.
    place: (u64, u64),
}

/// The stamps of all files, if all exist.
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
