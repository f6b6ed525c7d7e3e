//! Stores keys, and in strict mode used assertions, between starts.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use entra_shared::settings::KeyProblem;

/// The name of the file with the certificate authority and its key, in PEM.
pub(crate) const CA_FILE: &str = "certificate-authority.pem";

/// The name of the folder in the user's cache.
const NAME: &str = "entra-stand-in";

/// A folder for keys, written atomically, and for used assertions, appended line by line. Only this user can read the
/// files.
///
/// Folders that it creates belong to this user only. The permissions of an existing folder are not checked if the
/// settings name it.
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// Opens a folder, creating it if it is missing.
    ///
    /// # Errors
    /// The folder cannot be created.
    pub fn at(path: impl Into<PathBuf>) -> Result<Self, KeyProblem> {
        let folder = Self(path.into());
        make(&folder.0).map_err(|error| folder.problem(&error))?;
        Ok(folder)
    }

    /// Opens a folder in the user's cache, or else in the folder for temporary files.
    ///
    /// # Errors
    /// Neither can be created, or other users could have written to it.
    pub fn of_user() -> Result<Self, KeyProblem> {
        let cached = cache().map(|cache| private(cache.join(NAME)));
        if let Some(Ok(folder)) = cached {
            return Ok(folder);
        }
        let temporary = temporary_name().map(|name| std::env::temp_dir().join(name));
        temporary.and_then(private).map_err(|error| {
            let remedy = "no folder of this user's own could be made; name one";
            KeyProblem::new("data.folder", format!("{remedy}: {error}"))
        })
    }

    /// Returns the path of the certificate authority's file (PEM).
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.path(CA_FILE)
    }

    /// Opens a subfolder.
    pub(crate) fn folder(&self, name: &str) -> Result<Self, KeyProblem> {
        Self::at(self.path(name))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Reads a file, if it exists.
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>, KeyProblem> {
        match fs::read_to_string(self.path(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.problem(&error)),
        }
    }

    /// Creates a file unless it exists, and returns whether it did. Readers never see a partial file.
    ///
    /// If two processes create it at once, the first one's file stays.
    pub(crate) fn create(&self, name: &str, text: &str) -> Result<bool, KeyProblem> {
        let created = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.0)?; // mode 0600
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            match file.persist_noclobber(self.path(name)) {
                Ok(_) => Ok(true),
                Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(failed) => Err(failed.error),
            }
        };
        created().map_err(|error| self.problem(&error))
    }

    /// Writes a file, in place of the one there. Readers never see a partial file.
    pub(crate) fn replace(&self, name: &str, text: &str) -> Result<(), KeyProblem> {
        let replaced = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.0)?; // mode 0600
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(self.path(name)).map(drop).map_err(|failed| failed.error)
        };
        replaced().map_err(|error: io::Error| self.problem(&error))
    }

    /// Removes this folder with its files.
    pub(crate) fn remove_all(&self) -> Result<(), KeyProblem> {
        fs::remove_dir_all(&self.0).map_err(|error| self.problem(&error))
    }

    /// Appends a line to a file, creating it if it is missing.
    pub(crate) fn append(&self, name: &str, line: &str) -> Result<(), KeyProblem> {
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let appended = options.open(self.path(name)).and_then(|mut file| file.write_all(line.as_bytes()));
        appended.map_err(|error| self.problem(&error))
    }

    /// Reads a file; creates it the first time.
    pub(crate) fn read_or_create(
        &self,
        name: &str,
        text: impl Fn() -> Result<String, KeyProblem>,
    ) -> Result<String, KeyProblem> {
        loop {
            if let Some(text) = self.read(name)? {
                return Ok(text);
            }
            let text = text()?;
            if self.create(name, &text)? {
                return Ok(text);
            }
        }
    }

    /// Returns the names of the folder's files, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>, KeyProblem> {
        let names = || {
            let entries = fs::read_dir(&self.0)?;
            let mut names = Vec::new();
            for entry in entries {
                // Every name that this program gives is Unicode.
                names.extend(entry?.file_name().into_string().ok());
            }
            names.sort();
            Ok(names)
        };
        names().map_err(|error: io::Error| self.problem(&error))
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), KeyProblem> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.problem(&error)),
            _ => Ok(()),
        }
    }

    /// Returns the error for a corrupt file.
    pub(crate) fn malformed(&self, name: &str) -> KeyProblem {
        let path = self.path(name);
        KeyProblem::new("data.folder", format!("{}: corrupt; delete it", path.display()))
    }

    fn problem(&self, error: &io::Error) -> KeyProblem {
        KeyProblem::new("data.folder", format!("{}: {error}", self.0.display()))
    }
}

/// Returns the user's cache folder.
fn cache() -> Option<PathBuf> {
    let folder = |variable| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Caches"))
    } else {
        folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))
    }
}

fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Creates the folder and checks that no other user can have written to it.
fn private(path: PathBuf) -> io::Result<DataFolder> {
    make(&path)?;
    check_owner(&path)?;
    let folder = DataFolder(path);
    // The folder may exist on a read-only file system.
    tempfile::tempfile_in(&folder.0)?;
    Ok(folder)
}

#[cfg(unix)]
fn check_owner(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::symlink_metadata(path)?;
    if found.is_dir() && found.uid() == user_id()? && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    let text = format!("{} is not a folder that only this user can write to", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

#[cfg(unix)]
fn temporary_name() -> io::Result<String> {
    Ok(format!("{NAME}-{}", user_id()?))
}

/// Returns the user id of this process, which is the owner of a file that it creates.
#[cfg(unix)]
fn user_id() -> io::Result<u32> {
    use std::os::unix::fs::MetadataExt;
    Ok(tempfile::tempfile()?.metadata()?.uid())
}

/// Checks nothing, since on other systems both folders belong to the user.
#[cfg(not(unix))]
fn check_owner(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn temporary_name() -> io::Result<String> {
    Ok(NAME.to_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn files_and_folders_are_for_this_user_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(parent.path().join("a/b")).unwrap();
        assert!(folder.create("key", "text").unwrap());
        assert_eq!(fs::metadata(parent.path().join("a/b")).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(folder.path("key")).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_first_to_make_a_file_wins() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(parent.path()).unwrap();
        assert!(folder.create("key", "first").unwrap());
        assert!(!folder.create("key", "second").unwrap());
        assert_eq!(folder.read_or_create("key", || Ok("third".into())).unwrap(), "first");
        assert_eq!(folder.names().unwrap(), ["key"]);
    }

    #[test]
    fn a_folder_that_others_could_have_written_to_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let open = parent.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(private(open).is_err());
        let elsewhere = parent.path().join("link");
        symlink(parent.path(), &elsewhere).unwrap();
        assert!(private(elsewhere).is_err());
        assert!(private(parent.path().join("own")).is_ok());
    }
}
