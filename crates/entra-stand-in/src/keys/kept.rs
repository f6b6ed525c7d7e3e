//! Signing keys stored in the data folder.

use std::sync::{Mutex, MutexGuard, PoisonError};

use entra_shared::settings::KeyProblem;

use super::SigningKey;
use crate::DataFolder;

/// The keys that have signed. The file with the highest number contains the current key.
#[derive(Debug)]
pub(super) struct KeptKeys {
    folder: DataFolder,
    /// The file of each key.
    files: Mutex<Vec<(String, String)>>,
}

impl KeptKeys {
    /// Reads the keys of the folder, the current one first.
    pub(super) fn open(folder: DataFolder) -> Result<(Self, Vec<SigningKey>), KeyProblem> {
        let kept = Self { folder, files: Mutex::default() };
        let keys = kept.read()?;
        Ok((kept, keys))
    }

    /// Reads the keys again and generates missing ones up to `at_least`. Takes some 100 ms for each.
    pub(super) fn complete(&self, at_least: usize) -> Result<Vec<SigningKey>, KeyProblem> {
        let mut numbers = numbers(&self.folder)?;
        while numbers.len() < at_least {
            // If another process creates the same file at the same time, its key is used.
            self.folder.create(&file(numbers.last().unwrap_or(&0) + 1), &SigningKey::generate()?)?;
            numbers = self::numbers(&self.folder)?;
        }
        self.read()
    }

    fn read(&self) -> Result<Vec<SigningKey>, KeyProblem> {
        let (mut keys, mut files) = (Vec::new(), Vec::new());
        for name in numbers(&self.folder)?.iter().rev().copied().map(file) {
            // Another process may have deleted the oldest meanwhile.
            if let Some(text) = self.folder.read(&name)? {
                let key = SigningKey::parse(&text).ok_or_else(|| self.folder.malformed(&name))?;
                files.push((key.kid().to_owned(), name));
                keys.push(key);
            }
        }
        *self.files() = files;
        Ok(keys)
    }

    /// Stores a key as the current one.
    pub(super) fn keep(&self, key: &SigningKey) -> Result<(), KeyProblem> {
        let mut number = numbers(&self.folder)?.last().unwrap_or(&0) + 1;
        let text = key.to_pem()?;
        // Another process may have rolled over meanwhile.
        while !self.folder.create(&file(number), &text)? {
            number += 1;
        }
        // A key that signs again has an older file.
        self.forget(key.kid())?;
        self.files().push((key.kid().to_owned(), file(number)));
        Ok(())
    }

    /// Deletes a key's file, if it has one.
    pub(super) fn forget(&self, kid: &str) -> Result<(), KeyProblem> {
        let mut files = self.files();
        for (_, name) in files.extract_if(.., |(of, _)| of == kid) {
            self.folder.remove(&name)?;
        }
        Ok(())
    }

    fn files(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the name of a key's file; the highest number is the current key.
fn file(number: u32) -> String {
    format!("signing-key-{number:06}.pem")
}

/// Returns the numbers of the keys in the folder, sorted.
fn numbers(folder: &DataFolder) -> Result<Vec<u32>, KeyProblem> {
    let number = |name: &String| name.strip_prefix("signing-key-")?.strip_suffix(".pem")?.parse().ok();
    Ok(folder.names()?.iter().filter_map(number).collect())
}
