//! Reads one or several files as one.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};

use super::super::{CredentialError, CredentialProblem};

/// The timeout of the first reading. Longer than later ones, since there are no last contents to fall back to.
const FIRST_READING: Duration = Duration::from_secs(10);

/// How long after a change a file may change again without another stamp, since file systems round their times.
pub(super) const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// A file, or several that belong together and are read as one.
#[derive(Debug, Clone)]
pub(in super::super) struct Files {
    pub(in super::super) paths: Vec<PathBuf>,
    /// The largest size of each file, in bytes.
    pub(in super::super) limit: u64,
    /// Whether the contents of a file must be hidden from other users of the machine.
    pub(in super::super) is_secret: fn(&[u8]) -> bool,
}

/// The metadata that changes when a file is written or replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    changed: SystemTime,
    length: u64,
    /// Device and inode: a symbolic link may now point to another file of the same time and length.
    location: (u64, u64),
}

/// The contents of the files.
pub(super) struct Reading {
    /// The concatenated bytes, with a line break between files.
    pub(super) bytes: Vec<u8>,
    /// The files with a secret that every user can read.
    exposed: Vec<String>,
}

impl Files {
    /// The name in errors and logs.
    pub(super) fn name(&self) -> String {
        self.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" with ")
    }

    /// Returns the stamps of all files, or none if one is missing or changed too recently to show its next change.
    pub(super) fn stamps(&self) -> Option<Vec<Stamp>> {
        let is_settled = |stamp: &Stamp| stamp.changed.elapsed().is_ok_and(|age| age > SETTLED_AFTER);
        self.paths.iter().map(|path| Stamp::read(path).filter(is_settled)).collect()
    }

    /// Reads the files on a thread of its own, which is abandoned if a file hangs.
    pub(super) fn read_at_first(&self) -> Result<Reading, CredentialError> {
        let (files, (here, there)) = (self.clone(), mpsc::sync_channel(1));
        std::thread::spawn(move || here.send(files.read()));
        let read = there.recv_timeout(FIRST_READING);
        read.unwrap_or_else(|_| Err(CredentialProblem::Unanswered(FIRST_READING).at(self.name())))
    }

    pub(super) fn read(&self) -> Result<Reading, CredentialError> {
        let mut reading = Reading { bytes: Vec::new(), exposed: Vec::new() };
        for (number, path) in self.paths.iter().enumerate() {
            let name = path.display().to_string();
            let (metadata, bytes) = match self.read_one(path) {
                Ok(read) => read,
                Err(problem) => return Err(problem.at(name)),
            };
            if is_open_to_all(&metadata) && (self.is_secret)(&bytes) {
                reading.exposed.push(name);
            }
            if number > 0 {
                reading.bytes.push(b'\n');
            }
            reading.bytes.extend(bytes);
        }
        Ok(reading)
    }

    /// Checks the file type before opening the file, since opening a pipe blocks until it has a writer.
    fn read_one(&self, path: &Path) -> Result<(Metadata, Vec<u8>), CredentialProblem> {
        let unreadable = |error: io::Error| CredentialProblem::Unreadable(error.to_string());
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(CredentialProblem::NotAFile);
        }
        let (file, mut bytes) = (File::open(path).map_err(unreadable)?, Vec::new());
        file.take(self.limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > usize::try_from(self.limit).unwrap_or(usize::MAX) {
            return Err(CredentialProblem::TooLarge(self.limit));
        }
        Ok((metadata, bytes))
    }
}

impl Stamp {
    #[cfg(unix)]
    fn read(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).ok()?;
        // The time of the last change of the inode, which no program can set back.
        let since_epoch =
            Duration::new(metadata.ctime().try_into().ok()?, metadata.ctime_nsec().try_into().ok()?);
        let changed = SystemTime::UNIX_EPOCH + since_epoch;
        Some(Self { changed, length: metadata.len(), location: (metadata.dev(), metadata.ino()) })
    }

    #[cfg(not(unix))]
    fn read(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self { changed: metadata.modified().ok()?, length: metadata.len(), location: (0, 0) })
    }
}

impl Reading {
    /// The digest by which changed contents are recognized.
    pub(super) fn digest(&self) -> Vec<u8> {
        digest(&SHA256, &self.bytes).as_ref().to_vec()
    }

    /// Warns of secrets that every user of the machine can read.
    pub(super) fn warn_of_readers(&self) {
        for file in &self.exposed {
            tracing::warn!(
                file,
                "every user of this machine can read the credential in this file; chmod it to 0600"
            );
        }
    }
}

#[cfg(unix)]
fn is_open_to_all(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    const READ_BY_OTHERS: u32 = 0o004;
    metadata.permissions().mode() & READ_BY_OTHERS != 0
}

#[cfg(not(unix))]
fn is_open_to_all(_: &Metadata) -> bool {
    false
}
