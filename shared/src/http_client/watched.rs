//! A client that is rebuilt when its file of certificate authorities changes.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::time::{Instant, timeout};

use super::{HttpClientSettings, build, ca_file, with_certificates};
use crate::settings::KeyProblem;

/// How often the file is read at most; it is read only for requests.
const INTERVAL: Duration = Duration::from_secs(10);

/// How long a request waits for the file, which may be on a network file system.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// Changes with each call of [`reread_files`].
static REREAD: AtomicU64 = AtomicU64::new(0);

/// Makes every client of this process read its file of certificate authorities before its next request.
///
/// Without this call a changed file is noticed within 10 seconds.
pub fn reread_files() {
    REREAD.fetch_add(1, SeqCst);
}

/// The client for the file's current certificate authorities.
#[derive(Debug)]
pub(super) struct Watched {
    settings: HttpClientSettings,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    client: Client,
    /// The contents of the file that the client was built with.
    contents: Vec<u8>,
    read_at: Instant,
    reread: u64,
    /// Whether the file is being read.
    is_reading: bool,
    /// The problem with the file that was logged last.
    logged: Option<KeyProblem>,
}

impl Watched {
    /// Builds the first client; `None` if the settings name no file.
    pub(super) fn new(settings: &HttpClientSettings) -> Result<Option<Arc<Self>>, KeyProblem> {
        let Some(path) = &settings.ca_file else { return Ok(None) };
        let contents = ca_file::read(path)?;
        let client = build(with_certificates(settings, &contents)?)?;
        let (read_at, reread) = (Instant::now(), REREAD.load(SeqCst));
        let state = State { client, contents, read_at, reread, is_reading: false, logged: None };
        Ok(Some(Arc::new(Self { settings: settings.clone(), state: Mutex::new(state) })))
    }

    /// Returns the client, after a look at the file if it is time for one.
    ///
    /// A file that is broken, half-written or gone is logged once and changes nothing.
    pub(super) async fn client(self: &Arc<Self>) -> Client {
        if self.begin_reading() {
            let this = Arc::clone(self);
            let _ = timeout(READ_TIMEOUT, tokio::task::spawn_blocking(move || this.read())).await;
        }
        self.lock().client.clone()
    }

    fn begin_reading(&self) -> bool {
        let (mut state, reread) = (self.lock(), REREAD.load(SeqCst));
        let is_due = state.read_at.elapsed() >= INTERVAL || state.reread != reread;
        if !is_due || state.is_reading {
            return false;
        }
        (state.read_at, state.reread, state.is_reading) = (Instant::now(), reread, true);
        true
    }

    fn read(&self) {
        let path = self.settings.ca_file.as_deref().unwrap_or_else(|| std::path::Path::new(""));
        let read = ca_file::read(path);
        let changed = read.and_then(|contents| {
            if contents == self.lock().contents {
                return Ok(None);
            }
            Ok(Some((build(with_certificates(&self.settings, &contents)?)?, contents)))
        });
        let mut state = self.lock();
        state.is_reading = false;
        match changed {
            Ok(changed) => {
                state.logged = None;
                if let Some((client, contents)) = changed {
                    (state.client, state.contents) = (client, contents);
                    tracing::info!(file = %path.display(), "the trusted certificate authorities were replaced");
                }
            }
            Err(problem) if state.logged.as_ref() != Some(&problem) => {
                tracing::error!(error = %problem, "the trusted certificate authorities were not replaced");
                state.logged = Some(problem);
            }
            Err(_) => (),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
