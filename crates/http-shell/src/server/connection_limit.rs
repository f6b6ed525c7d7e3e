//! Limits the number of connections, and makes room by closing the one that has been idle longest.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::counts::ConnectionCounts;
use super::limits::{FEW_CONNECTIONS, Limits};
use super::listener::BACKLOG;

/// File descriptors reserved for everything but connections.
///
/// That is the database, the process's own requests, the connections of two small listeners, and at the end the
/// connections still queued in the operating system.
const RESERVED_DESCRIPTORS: u64 = 128 + 2 * FEW_CONNECTIONS + BACKLOG.unsigned_abs() as u64;

/// The limit of this process, shared by its servers, since they share the limit on file descriptors.
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
    open: Arc<Open>,
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
        Self { own, shared, open: Arc::default(), counts }
    }

    /// Waits for a permit; if there is none, closes the connection that has been idle longest.
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

    /// Starts a connection, which may be closed to make room while it is idle.
    pub(super) fn start(&self, start: impl FnOnce(Idleness) -> AbortHandle) {
        let mut connections = self.open.lock();
        let number = connections.next;
        connections.next += 1;
        let since = Arc::new(AtomicU64::new(self.open.now()));
        // Under the lock, so that the connection cannot end before it is in the list.
        let idleness = Idleness { open: Arc::clone(&self.open), number, since: Arc::clone(&since) };
        let connection = start(idleness);
        connections.open.insert(number, (since, connection));
    }

    #[cfg(test)]
    pub(super) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    async fn permit(&self, permits: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
            return Some(permit);
        }
        if let Some(connection) = self.open.claim_longest_idle() {
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

/// The open connections.
#[derive(Debug)]
struct Open {
    begin: Instant,
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    next: u64,
    /// The open connections, each with the time since when it is idle, and its task.
    open: HashMap<u64, (Arc<AtomicU64>, AbortHandle)>,
}

/// Not idle: in a request.
const BUSY: u64 = u64::MAX;

/// Being closed to make room.
const CLAIMED: u64 = u64::MAX - 1;

impl Open {
    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the nanoseconds since the start.
    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).map_or(0, |now| now.min(CLAIMED - 1))
    }

    /// Returns the connection that has been idle longest, which can begin no request any more.
    fn claim_longest_idle(&self) -> Option<AbortHandle> {
        let mut connections = self.lock();
        loop {
            let idle = connections.open.iter().map(|(number, (since, _))| (since.load(SeqCst), *number));
            let (seen, number) = idle.filter(|(since, _)| *since < CLAIMED).min()?;
            // A request may begin meanwhile.
            let (since, _) = connections.open.get(&number)?;
            if since.compare_exchange(seen, CLAIMED, SeqCst, SeqCst).is_ok() {
                return connections.open.remove(&number).map(|(_, connection)| connection);
            }
        }
    }
}

impl Default for Open {
    fn default() -> Self {
        Self { begin: Instant::now(), connections: Mutex::default() }
    }
}

/// Whether a connection is idle, so that it may be closed to make room.
#[derive(Debug)]
pub(super) struct Idleness {
    open: Arc<Open>,
    number: u64,
    since: Arc<AtomicU64>,
}

impl Idleness {
    /// Begins a request; returns `false` if the connection is being closed to make room.
    pub(super) fn end(&self) -> bool {
        self.since.swap(BUSY, SeqCst) != CLAIMED
    }

    /// Waits for the next request from now on.
    pub(super) fn begin(&self) {
        let _ = self.since.compare_exchange(BUSY, self.open.now(), SeqCst, SeqCst);
    }
}

impl Drop for Idleness {
    fn drop(&mut self) {
        self.open.lock().open.remove(&self.number);
    }
}

fn semaphore(permits: u64) -> Semaphore {
    Semaphore::new(usize::try_from(permits).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS))
}
