//! Limits the number of connections, and makes room by closing the oldest one without a request.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use super::counts::ConnectionCounts;
use super::limits::{FEW_CONNECTIONS, Limits};
use super::listener::BACKLOG;

/// File descriptors reserved for everything but connections.
///
/// That is the database, the process's own requests, the connections of two small listeners, and at the end the
/// connections still queued in the operating system.
const RESERVED_DESCRIPTORS: u64 = 128 + 2 * FEW_CONNECTIONS + BACKLOG.unsigned_abs() as u64;

/// Shared by the servers of this process, as its limit on descriptors is.
static PROCESS: LazyLock<Process> = LazyLock::new(Process::new);

struct Process {
    connections: u64,
    permits: Arc<Semaphore>,
}

impl Process {
    /// Allows as many connections as the operating system gives descriptors for, less the reserved ones.
    ///
    /// A process without descriptors can neither accept a connection nor open its database.
    fn new() -> Self {
        let most = Limits::default().max_connections;
        let wanted = most.saturating_add(RESERVED_DESCRIPTORS);
        // A process may raise its limit up to the hard limit; some systems have no limits.
        let given = rlimit::increase_nofile_limit(wanted).unwrap_or(wanted).min(wanted);
        let connections = given.saturating_sub(RESERVED_DESCRIPTORS).max(given / 2).min(most);
        if connections < most {
            tracing::warn!(
                connections,
                descriptors = given,
                "the limit on open files leaves room for fewer than {most} connections; raise it (`ulimit -n`)"
            );
        }
        Self { connections, permits: Arc::new(semaphore(connections)) }
    }
}

/// The limit on a server's connections. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct ConnectionLimit {
    own: Arc<Semaphore>,
    /// The process's permits; `None` for a server with reserved connections.
    shared: Option<Arc<Semaphore>>,
    unfinished: Arc<Queue>,
    counts: Arc<ConnectionCounts>,
}

/// A connection's permit, released when it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    _permits: [Option<OwnedSemaphorePermit>; 2],
    counts: Arc<ConnectionCounts>,
}

impl ConnectionLimit {
    pub(super) fn new(limits: &Limits, counts: Arc<ConnectionCounts>) -> Self {
        let own = Arc::new(semaphore(limits.max_connections.min(PROCESS.connections)));
        // A few connections are reserved, so that a full service can still be monitored.
        let is_few = limits.max_connections <= FEW_CONNECTIONS;
        let shared = (!is_few).then(|| Arc::clone(&PROCESS.permits));
        Self { own, shared, unfinished: Arc::default(), counts }
    }

    /// Waits for a permit; if there is none, closes the oldest connection that has not sent a request.
    pub(super) async fn acquire(&self) -> Permit {
        let own = self.permit(&self.own).await;
        let shared = match &self.shared {
            Some(shared) => self.permit(shared).await,
            None => None,
        };
        Permit::new([own, shared], &self.counts)
    }

    /// Takes what permits there are, for the last connections that were accepted before the end.
    pub(super) fn try_acquire(&self) -> Permit {
        let permit = |permits: &Arc<Semaphore>| Arc::clone(permits).try_acquire_owned().ok();
        let permits = [permit(&self.own), self.shared.as_ref().and_then(permit)];
        Permit::new(permits, &self.counts)
    }

    /// Starts a connection that may be closed to make room until it has sent a request.
    pub(super) fn start(&self, start: impl FnOnce(Unfinished) -> AbortHandle) {
        let mut queue = self.unfinished.lock();
        let number = queue.next;
        queue.next += 1;
        // Under the lock, so that the connection cannot finish before it is in the queue.
        let connection = start(Unfinished { queue: Arc::clone(&self.unfinished), number });
        queue.waiting.insert(number, connection);
    }

    #[cfg(test)]
    pub(super) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    async fn permit(&self, permits: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
            return Some(permit);
        }
        let oldest = self.unfinished.lock().waiting.pop_first();
        if let Some((_, connection)) = oldest {
            self.counts.add_displaced();
            connection.abort();
        }
        // The semaphore is never closed.
        Arc::clone(permits).acquire_owned().await.ok()
    }
}

impl Permit {
    fn new(permits: [Option<OwnedSemaphorePermit>; 2], counts: &Arc<ConnectionCounts>) -> Self {
        counts.add_open();
        Self { _permits: permits, counts: Arc::clone(counts) }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.counts.remove_open();
    }
}

/// The connections that have not sent a request, oldest first.
#[derive(Debug, Default)]
struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    waiting: BTreeMap<u64, AbortHandle>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks a connection that has not sent a request yet.
#[derive(Debug)]
pub(super) struct Unfinished {
    queue: Arc<Queue>,
    number: u64,
}

impl Unfinished {
    /// Removes the mark; returns `false` if the connection is being closed to make room.
    pub(super) fn finish(&self) -> bool {
        self.queue.lock().waiting.remove(&self.number).is_some()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.finish();
    }
}

fn semaphore(permits: u64) -> Semaphore {
    Semaphore::new(usize::try_from(permits).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS))
}
