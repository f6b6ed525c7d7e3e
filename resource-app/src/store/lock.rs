//! The lock that keeps a second process away from the database.
//!
//! SQLite lets several processes share a file safely. But each process would have its own queue of writers, unfair to
//! the other's, and its own idea of whether writing works. And SQLite finds its log (`-wal`) by the database's path: two
//! paths to one file would have two logs, and lose writes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// A held lock.
///
/// The operating system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Locks the database's file, which is created if it is missing, and refuses a file with several hard links.
    ///
    /// The lock belongs to the file, so symbolic links and bind mounts lead to the same one. Taken before SQLite's first
    /// connection and released after its last: closing a handle of the file drops SQLite's own locks. Those are another
    /// kind (`fcntl`), so that the two do not meet.
    pub(super) fn take(database: &Path) -> io::Result<Self> {
        let file = open_private(&to_lock(database)?)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another process has it open"),
            TryLockError::Error(error) => error,
        })?;
        refuse_hard_links(&file)?;
        Ok(Self(file))
    }

    /// Releases the lock.
    pub(super) fn release(&self) -> io::Result<()> {
        self.0.unlock()
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on other systems")]
fn to_lock(database: &Path) -> io::Result<std::path::PathBuf> {
    Ok(database.to_owned())
}

/// Returns the path of a separate file to lock. On systems other than Unix, a lock on the database itself keeps SQLite
/// from reading it.
#[cfg(not(unix))]
fn to_lock(database: &Path) -> io::Result<std::path::PathBuf> {
    open_private(database)?;
    let mut path = std::fs::canonicalize(database)?.into_os_string();
    path.push(".lock");
    Ok(path.into())
}

fn refuse_hard_links(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(&file.metadata()?) > 1 {
        return Err(io::Error::other(
            "the file has several hard links, each of which would have a log of its own; keep one of them",
        ));
    }
    let _ = file;
    Ok(())
}

/// Opens a file, or creates it so that only this user can read and write it.
fn open_private(path: &Path) -> io::Result<File> {
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
        let lock = Lock::take(&database).unwrap();
        let other_way = folder.path().join(".").join("resources.db");
        assert!(Lock::take(&other_way).unwrap_err().to_string().contains("another process"));
        lock.release().unwrap();
        assert!(Lock::take(&other_way).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_to_the_same_lock_and_a_hard_link_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [database, symbolic, hard] =
            ["resources.db", "symbolic.db", "hard.db"].map(|name| folder.path().join(name));
        let lock = Lock::take(&database).unwrap();
        std::os::unix::fs::symlink(&database, &symbolic).unwrap();
        assert!(Lock::take(&symbolic).unwrap_err().to_string().contains("another process"));
        std::fs::hard_link(&database, &hard).unwrap();
        assert!(Lock::take(&hard).unwrap_err().to_string().contains("another process"));
        lock.release().unwrap();
        for path in [&database, &hard, &symbolic] {
            assert!(Lock::take(path).unwrap_err().to_string().contains("hard links"), "{}", path.display());
        }
        std::fs::remove_file(&hard).unwrap();
        assert!(Lock::take(&symbolic).is_ok());
    }
}
