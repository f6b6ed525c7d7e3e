//! Reads credential files, and rereads them when they change.

mod files;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::timeout;

use super::{CredentialError, CredentialProblem};
pub(super) use files::Files;

/// The timeout of a check, since a mount may hang.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The parsed file contents and their version number.
#[derive(Debug)]
pub(super) struct Content<T> {
    pub(super) value: T,
    pub(super) generation: u64,
}

/// Parses the bytes of a file.
type Parse<T> = Box<dyn Fn(&[u8]) -> Result<T, CredentialProblem> + Send + Sync>;

/// Files with their last usable contents.
///
/// If the files become unusable or reading them hangs, the last contents stay in use and a warning is logged.
pub(super) struct WatchedFile<T> {
    files: Files,
    parse: Parse<T>,
    content: ArcSwap<Content<T>>,
    /// The digest of the last contents. Locked during a check, so that a file that hangs blocks one thread rather than
    /// one per check.
    digest: Arc<tokio::sync::Mutex<Vec<u8>>>,
    /// The last problem, which has been logged.
    problem: Mutex<Option<CredentialError>>,
}

impl<T: Send + Sync + 'static> WatchedFile<T> {
    /// Reads the files for the first time.
    pub(super) fn open(
        files: Files,
        parse: impl Fn(&[u8]) -> Result<T, CredentialProblem> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, CredentialError> {
        let reading = files.read_at_first()?;
        let value = parse(&reading.bytes).map_err(|problem| problem.at(files.name()))?;
        reading.warn_of_readers();
        Ok(Arc::new(Self {
            files,
            parse: Box::new(parse),
            content: ArcSwap::from_pointee(Content { value, generation: 0 }),
            digest: Arc::new(tokio::sync::Mutex::new(reading.digest())),
            problem: Mutex::default(),
        }))
    }

    /// Returns the name in errors and logs.
    pub(super) fn name(&self) -> String {
        self.files.name()
    }

    /// Returns the contents when the file was last checked.
    pub(super) fn content(&self) -> Arc<Content<T>> {
        self.content.load_full()
    }

    /// Checks the file on a blocking thread, and returns its contents, or the last ones if the check times out.
    pub(super) async fn checked(self: &Arc<Self>) -> Arc<Content<T>> {
        let unanswered = CredentialProblem::Unanswered(CHECK_TIMEOUT).at(self.name());
        let hangs = lock(&self.problem).as_ref() == Some(&unanswered);
        // Once a check has timed out, later callers do not wait for it.
        let limit = if hangs { Duration::ZERO } else { CHECK_TIMEOUT };
        let check = async {
            let mut digest = Arc::clone(&self.digest).lock_owned().await;
            let file = Arc::clone(self);
            let checking = tokio::task::spawn_blocking(move || file.check(&mut digest));
            // An error means that the runtime is shutting down, and the last contents are good enough.
            let _ = checking.await;
        };
        if timeout(limit, check).await.is_err() {
            self.report(unanswered);
        }
        self.content()
    }

    fn check(&self, digest: &mut Vec<u8>) {
        match self.reread(digest) {
            Ok(()) => *lock(&self.problem) = None,
            Err(error) => self.report(error),
        }
    }

    /// Rereads the files, and stores their contents if they changed.
    ///
    /// Compares the contents, since a changed file may have the length and the modification time of the last one.
    fn reread(&self, digest: &mut Vec<u8>) -> Result<(), CredentialError> {
        let reading = self.files.read()?;
        let new = reading.digest();
        if new == *digest {
            return Ok(());
        }
        let value = (self.parse)(&reading.bytes).map_err(|problem| problem.at(self.name()))?;
        let generation = self.content.load().generation + 1;
        self.content.store(Arc::new(Content { value, generation }));
        *digest = new;
        tracing::info!(file = self.name(), "reloaded a changed credential file");
        reading.warn_of_readers();
        Ok(())
    }

    /// Logs a problem once.
    fn report(&self, error: CredentialError) {
        let mut problem = lock(&self.problem);
        if problem.as_ref() != Some(&error) {
            tracing::warn!(%error, "a credential file has become unusable; its last contents stay in use");
            *problem = Some(error);
        }
    }
}

impl<T> fmt::Debug for WatchedFile<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedFile").field("paths", &self.files.paths).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::{Path, PathBuf};
    use std::sync::mpsc;
    use std::time::{Instant, SystemTime};

    use super::*;
    use crate::test_log::TestLog;

    fn files(path: &Path) -> Files {
        Files { paths: vec![path.to_owned()], limit: 10, is_secret: |bytes| bytes.starts_with(b"canary") }
    }

    fn open(path: &Path) -> Result<Arc<WatchedFile<String>>, CredentialError> {
        WatchedFile::open(files(path), |bytes| match bytes {
            b"broken" => Err(CredentialProblem::NotASecret("broken".to_owned())),
            bytes => Ok(String::from_utf8_lossy(bytes).into_owned()),
        })
    }

    async fn checked(file: &Arc<WatchedFile<String>>) -> (String, u64) {
        let content = file.checked().await;
        (content.value.clone(), content.generation)
    }

    #[tokio::test]
    async fn a_file_that_changes_is_read_again_and_an_unusable_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let file = open(&path).unwrap();
        assert_eq!(checked(&file).await, ("one".to_owned(), 0));
        std::fs::write(&path, "three").unwrap();
        assert_eq!(checked(&file).await, ("three".to_owned(), 1));
        for broken in ["broken", "far too long"] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(checked(&file).await, ("three".to_owned(), 1), "{broken}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(checked(&file).await, ("three".to_owned(), 1));
        std::fs::write(&path, "four").unwrap();
        assert_eq!(checked(&file).await, ("four".to_owned(), 2));
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
        assert_eq!(checked(&file).await, ("two".to_owned(), 1));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_change_is_noticed_even_with_the_same_length_and_its_modification_time_set_back() {
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
        assert_eq!(checked(&file).await, ("two".to_owned(), 1));
        assert_eq!(checked(&file).await, ("two".to_owned(), 1));
        write("six");
        assert_eq!(checked(&file).await, ("six".to_owned(), 2));
    }

    #[test]
    fn the_log_says_once_that_a_file_has_become_unusable_and_when_it_is_read_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "canary 1").unwrap();
        let file = open(&path).unwrap();
        std::fs::write(&path, "broken").unwrap();
        let log = TestLog::start();
        let checked = || {
            (0..3).for_each(|_| file.check(&mut file.digest.try_lock().unwrap()));
            log.take()
        };
        let log = checked();
        assert_eq!(log.matches("has become unusable").count(), 1, "{log}");
        std::fs::write(&path, "canary two").unwrap();
        let log = checked();
        assert_eq!(log.matches("reloaded a changed credential file").count(), 1, "{log}");
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

    #[cfg(unix)]
    fn pipe(folder: &Path) -> PathBuf {
        let path = folder.join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_pipe_is_refused_at_first_and_passed_over_later() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = pipe(folder.path());
        assert_eq!(open(&pipe).unwrap_err().problem, CredentialProblem::NotAFile);
        let path = folder.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let file = open(&path).unwrap();
        std::fs::rename(&pipe, &path).unwrap();
        assert_eq!(checked(&file).await, ("one".to_owned(), 0));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "two").unwrap();
        assert_eq!(checked(&file).await, ("two".to_owned(), 1));
    }

    #[tokio::test]
    async fn a_file_that_does_not_answer_keeps_one_check_for_two_seconds_and_is_read_when_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let (answer, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let file = WatchedFile::open(files(&path), move |bytes| {
            if bytes == b"two" {
                let _ = lock(&wait).recv();
            }
            Ok(String::from_utf8_lossy(bytes).into_owned())
        });
        let file = file.unwrap();
        std::fs::write(&path, "two").unwrap();
        let before = Instant::now();
        assert_eq!(checked(&file).await, ("one".to_owned(), 0));
        assert!(before.elapsed() >= CHECK_TIMEOUT);
        assert!(matches!(lock(&file.problem).as_ref().unwrap().problem, CredentialProblem::Unanswered(_)));
        let before = Instant::now();
        for _ in 0..200 {
            assert_eq!(checked(&file).await, ("one".to_owned(), 0));
        }
        assert!(before.elapsed() < CHECK_TIMEOUT);
        answer.send(()).unwrap();
        while checked(&file).await != ("two".to_owned(), 1) || lock(&file.problem).is_some() {}
    }

    #[cfg(unix)]
    #[test]
    fn the_log_names_a_file_with_a_secret_that_every_user_can_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let paths = ["shown", "hidden", "harmless"].map(|name| folder.path().join(name));
        for (path, (text, mode)) in
            paths.iter().zip([("canary", 0o644), ("canary", 0o640), ("public", 0o644)])
        {
            std::fs::write(path, text).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let files = Files { paths: paths.to_vec(), ..files(&paths[0]) };
        let log = TestLog::start();
        drop(WatchedFile::open(files, |_| Ok(())).unwrap());
        let log = log.take();
        assert_eq!(log.matches("every user of this machine").count(), 1, "{log}");
        assert!(log.contains("/shown") && !log.contains("/hidden") && !log.contains("/harmless"), "{log}");
    }
}
