//! Files that are picked up when they change.

mod stamp;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use tokio::time::Instant;

use super::{CredentialError, CredentialProblem, Look};
use stamp::{Stamp, stamps};

/// After how long a file is read again although it seems unchanged: a time of modification can be set back.
const REREAD: Duration = Duration::from_mins(10);

/// What a file holds, and the how-manieth content that is.
#[derive(Debug)]
pub(super) struct Content<T> {
    pub(super) value: T,
    pub(super) generation: u64,
}

/// Makes something of a file's bytes.
type Parse<T> = Box<dyn Fn(&[u8]) -> Result<T, CredentialProblem> + Send + Sync>;

/// A file, or several that belong together and are read as one, with what it held when it last made sense.
///
/// A file that becomes unusable changes nothing but the log: what it held before stays in use.
pub(super) struct WatchedFile<T> {
    paths: Vec<PathBuf>,
    /// The most bytes that are read of each.
    limit: u64,
    parse: Parse<T>,
    content: ArcSwap<Content<T>>,
    seen: Mutex<Seen>,
}

/// What was seen of the file when it was last read.
struct Seen {
    at: Instant,
    stamps: Option<Vec<Stamp>>,
    digest: Vec<u8>,
    /// What is wrong with it since then; the log has said so.
    problem: Option<CredentialError>,
}

impl<T: Send + Sync + 'static> WatchedFile<T> {
    /// Reads the file for the first time.
    pub(super) fn open(
        paths: Vec<PathBuf>,
        limit: u64,
        parse: impl Fn(&[u8]) -> Result<T, CredentialProblem> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, CredentialError> {
        let stamps = stamps(&paths);
        let bytes = read(&paths, limit)?;
        let value = parse(&bytes).map_err(|problem| problem.of(names(&paths)))?;
        let digest = digest(&SHA256, &bytes).as_ref().to_vec();
        Ok(Arc::new(Self {
            paths,
            limit,
            parse: Box::new(parse),
            content: ArcSwap::from_pointee(Content { value, generation: 0 }),
            seen: Mutex::new(Seen { at: Instant::now(), stamps, digest, problem: None }),
        }))
    }

    /// The file, as errors and logs name it.
    pub(super) fn name(&self) -> String {
        names(&self.paths)
    }

    /// What it held when it was last looked at.
    pub(super) fn content(&self) -> Arc<Content<T>> {
        self.content.load_full()
    }

    /// Looks at the file, off the threads that must not wait, and gives what it holds.
    pub(super) async fn look(self: &Arc<Self>, look: Look) -> Arc<Content<T>> {
        let file = Arc::clone(self);
        // An error: the runtime is shutting down, and what is at hand is good enough.
        let _ = tokio::task::spawn_blocking(move || file.refresh(look)).await;
        self.content()
    }

    fn refresh(&self, look: Look) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.paths);
        let is_as_seen = seen.problem.is_none() && stamps.is_some() && stamps == seen.stamps;
        if look == Look::Glance && is_as_seen && seen.at.elapsed() < REREAD {
            return;
        }
        (seen.at, seen.stamps) = (Instant::now(), stamps);
        match self.reread(&mut seen) {
            Ok(()) => seen.problem = None,
            Err(error) if seen.problem.as_ref() == Some(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "a credential's file has become unusable; what it held before stays in use");
                seen.problem = Some(error);
            }
        }
    }

    fn reread(&self, seen: &mut Seen) -> Result<(), CredentialError> {
        let bytes = read(&self.paths, self.limit)?;
        let digest = digest(&SHA256, &bytes).as_ref().to_vec();
        if digest == seen.digest {
            return Ok(());
        }
        let value = (self.parse)(&bytes).map_err(|problem| problem.of(self.name()))?;
        seen.digest = digest;
        let generation = self.content.load().generation + 1;
        self.content.store(Arc::new(Content { value, generation }));
        tracing::info!(file = self.name(), "a credential's file has changed and was read");
        Ok(())
    }
}

impl<T> fmt::Debug for WatchedFile<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedFile").field("paths", &self.paths).finish_non_exhaustive()
    }
}

fn names(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" with ")
}

/// The bytes of all, one after another, each ending its last line.
fn read(paths: &[PathBuf], limit: u64) -> Result<Vec<u8>, CredentialError> {
    let mut bytes = Vec::new();
    for (number, path) in paths.iter().enumerate() {
        if number > 0 {
            bytes.push(b'\n');
        }
        let of = |problem: CredentialProblem| problem.of(path.display().to_string());
        let unreadable = |error: io::Error| of(CredentialProblem::Unreadable(error.to_string()));
        let before = bytes.len();
        let file = File::open(path).map_err(unreadable)?;
        file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() - before > usize::try_from(limit).unwrap_or(usize::MAX) {
            return Err(of(CredentialProblem::TooLarge(limit)));
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::SystemTime;

    use super::*;
    use crate::token::credential::test_log::logged;

    fn open(path: &Path) -> Result<Arc<WatchedFile<String>>, CredentialError> {
        WatchedFile::open(vec![path.to_owned()], 10, |bytes| match bytes {
            b"broken" => Err(CredentialProblem::NotASecret("broken".to_owned())),
            bytes => Ok(String::from_utf8_lossy(bytes).into_owned()),
        })
    }

    async fn looked(file: &Arc<WatchedFile<String>>, look: Look) -> (String, u64) {
        let content = file.look(look).await;
        (content.value.clone(), content.generation)
    }

    #[tokio::test]
    async fn a_file_that_changes_is_read_again_and_an_unusable_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let file = open(&path).unwrap();
        assert_eq!(looked(&file, Look::Glance).await, ("one".to_owned(), 0));
        std::fs::write(&path, "three").unwrap();
        assert_eq!(looked(&file, Look::Glance).await, ("three".to_owned(), 1));
        for broken in ["broken", "far too long"] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(looked(&file, Look::Glance).await, ("three".to_owned(), 1), "{broken}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(looked(&file, Look::Read).await, ("three".to_owned(), 1));
        std::fs::write(&path, "four").unwrap();
        assert_eq!(looked(&file, Look::Glance).await, ("four".to_owned(), 2));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_that_is_turned_to_another_file_counts_as_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two, link] = ["one", "two", "link"].map(|name| folder.path().join(name));
        std::fs::write(&one, "one").unwrap();
        std::fs::write(&two, "two").unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1754479503);
        for path in [&one, &two] {
            File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        }
        std::os::unix::fs::symlink(&one, &link).unwrap();
        let file = open(&link).unwrap();
        std::os::unix::fs::symlink(&two, folder.path().join("next")).unwrap();
        std::fs::rename(folder.path().join("next"), &link).unwrap();
        assert_eq!(looked(&file, Look::Glance).await, ("two".to_owned(), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_cannot_be_seen_is_found_after_ten_minutes_or_when_a_refusal_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1754479503);
        let write = |text: &str| {
            std::fs::write(&path, text).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        };
        write("one");
        let file = open(&path).unwrap();
        write("two");
        assert_eq!(looked(&file, Look::Glance).await.0, "one");
        assert_eq!(looked(&file, Look::Read).await.0, "two");
        write("six");
        tokio::time::advance(Duration::from_secs(599)).await;
        assert_eq!(looked(&file, Look::Glance).await.0, "two");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(looked(&file, Look::Glance).await.0, "six");
    }

    #[test]
    fn the_log_says_once_that_a_file_has_become_unusable_and_when_it_is_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "canary 1").unwrap();
        let file = open(&path).unwrap();
        std::fs::write(&path, "broken").unwrap();
        let log = logged(|| (0..3).for_each(|_| file.refresh(Look::Glance)));
        assert_eq!(log.matches("has become unusable").count(), 1, "{log}");
        std::fs::write(&path, "canary two").unwrap();
        let log = logged(|| (0..3).for_each(|_| file.refresh(Look::Glance)));
        assert_eq!(log.matches("has changed and was read").count(), 1, "{log}");
        assert!(log.contains(&path.display().to_string()) && !log.contains("canary"), "{log}");
    }

    #[test]
    fn what_cannot_be_read_at_first_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("long");
        std::fs::write(&long, "far too long").unwrap();
        for path in [folder.path().join("absent"), folder.path().to_owned(), long] {
            let error = open(&path).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{}: ", path.display())), "{error}");
        }
    }
}
