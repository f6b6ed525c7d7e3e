//! The lock that keeps a second process away from the database.
//!
//! SQLite lets several processes share a file safely. But each process would have its own queue of writers, unfair to
//! the other's, and its own idea of whether writing works.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// A held lock.
///
/// The operating system releases it when the process ends, however it ends; a leftover lock file locks nothing.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Locks the file `<database>.lock`.
    ///
    /// Not the database itself: closing any handle of it would release SQLite's own locks.
    pub(super) fn take(database: &Path) -> io::Result<Self> {
        // One lock, whatever path leads to the database.
        let mut path = std::fs::canonicalize(database)?.into_os_string();
        path.push(".lock");
        let file = open_private(Path::new(&path))?;
        file.try_lock().map(|()| Self(file)).map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another process has it open"),
            TryLockError::Error(error) => error,
        })
    }

    /// Releases the lock.
    pub(super) fn release(&self) -> io::Result<()> {
        self.0.unlock()
    }
}

/// Opens a file, or creates it so that only this user can read and write it.
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_held_once_however_the_database_is_reached() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("resources.db");
        File::create(&database).unwrap();
        let lock = Lock::take(&database).unwrap();
        let other_way = folder.path().join(".").join("resources.db");
        assert!(Lock::take(&other_way).unwrap_err().to_string().contains("another process"));
        lock.release().unwrap();
        assert!(Lock::take(&other_way).is_ok());
    }
}
