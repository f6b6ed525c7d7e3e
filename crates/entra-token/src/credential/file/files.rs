//! Reads one or several files as one.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

use super::super::{CredentialError, CredentialProblem};

/// The timeout of the first reading. Longer than later ones, since there are no last contents to fall back to.
const FIRST_READING: Duration = Duration::from_secs(10);

/// A file, or several that belong together and are read as one.
#[derive(Debug, Clone)]
pub(in super::super) struct Files {
    pub(in super::super) paths: Vec<PathBuf>,
    /// The largest size of each file, in bytes.
    pub(in super::super) limit: u64,
    /// Whether the contents of a file must be hidden from other users of the machine.
    pub(in super::super) is_secret: fn(&[u8]) -> bool,
}

/// The contents of the files.
pub(super) struct Reading {
    /// The concatenated bytes, with a line break between files.
    pub(super) bytes: Vec<u8>,
    /// The files with a secret that every user can read.
    exposed: Vec<String>,
}

impl Files {
    /// Returns the name in errors and logs.
    pub(super) fn name(&self) -> String {
        self.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" with ")
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
            let (metadata, bytes) = self.read_one(path).map_err(|problem| problem.at(&name))?;
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

impl Reading {
    /// Returns the digest by which changed contents are recognized.
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
