//! The lock that keeps a second process away from the database.
//!
//! SQLite itself lets several processes share a file, and each write of theirs is sound. But each process would have its own
//! queue of writers, fair to nobody outside it, and its own idea of whether writing works.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A lock that is held. The operating system lets go of it when the process ends, however it ends: a file that is left
/// behind locks nothing.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock of a database.
    ///
    /// Of a file beside it, since closing any handle of the database itself would end SQLite's own locks.
    pub(super) fn take(database: &Path) -> io::Result<Self> {
        // By whichever way the database is reached, it has one lock.
        let path = lock_path(&std::fs::canonicalize(database)?);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        file.try_lock().map(|()| Self(file)).map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another process has it open"),
            TryLockError::Error(error) => error,
        })
    }

    /// Lets go of it.
    pub(super) fn release(&self) -> io::Result<()> {
        self.0.unlock()
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    path.into()
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
