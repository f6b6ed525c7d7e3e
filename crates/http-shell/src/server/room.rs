//! How many connections there may be, and which has to go where there are too many.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use super::counts::ConnectionCounts;
use super::limits::{CONNECTIONS_BESIDE, Limits};
use super::listener::BACKLOG;

/// File descriptors that connections leave to the rest of the process: its database, its own requests, the connections
/// of a listener or two beside the service's own, and at the end those that still wait in the queue, without a place.
const RESERVED_DESCRIPTORS: u64 = 128 + 2 * CONNECTIONS_BESIDE + BACKLOG.unsigned_abs() as u64;

/// What the servers of this process share, since its limit on descriptors is one for all of them.
static PROCESS: LazyLock<Process> = LazyLock::new(Process::new);

struct Process {
    connections: u64,
    permits: Arc<Semaphore>,
}

impl Process {
    /// As many connections as the operating system gives descriptors for, less what the rest of the process needs.
    ///
    /// A process that runs out of them can neither accept nor read its database, so it must not come to that.
    fn new() -> Self {
        let most = Limits::default().max_connections;
        let wanted = most.saturating_add(RESERVED_DESCRIPTORS);
        // Up to the hard limit a process may raise its own; where there are no such limits, the wish is granted.
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

/// The room for a server's connections. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Room {
    own: Arc<Semaphore>,
    /// What all servers of the process share; nothing where the server has a share of its own.
    shared: Option<Arc<Semaphore>>,
    unfinished: Arc<Queue>,
    counts: Arc<ConnectionCounts>,
}

/// A connection's place, which it gives back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permits: [Option<OwnedSemaphorePermit>; 2],
    counts: Arc<ConnectionCounts>,
}

impl Room {
    pub(super) fn new(limits: &Limits, counts: Arc<ConnectionCounts>) -> Self {
        let own = Arc::new(semaphore(limits.max_connections.min(PROCESS.connections)));
        // So few are set aside, so that a service which has no more room can still be watched.
        let is_few = limits.max_connections <= CONNECTIONS_BESIDE;
        let shared = (!is_few).then(|| Arc::clone(&PROCESS.permits));
        Self { own, shared, unfinished: Arc::default(), counts }
    }

    /// Waits for a place. Where there is none, the oldest connection that has not sent a request makes room.
    pub(super) async fn place(&self) -> Place {
        let own = self.permit(&self.own).await;
        let shared = match &self.shared {
            Some(shared) => self.permit(shared).await,
            None => None,
        };
        Place::new([own, shared], &self.counts)
    }

    /// A place for a connection that is there already and of which there are no more to come.
    pub(super) fn last_place(&self) -> Place {
        let permit = |permits: &Arc<Semaphore>| Arc::clone(permits).try_acquire_owned().ok();
        let permits = [permit(&self.own), self.shared.as_ref().and_then(permit)];
        Place::new(permits, &self.counts)
    }

    /// Starts a connection, which is the first to make room until it has sent a request.
    pub(super) fn enter(&self, start: impl FnOnce(Unfinished) -> AbortHandle) {
        let mut queue = self.unfinished.lock();
        let number = queue.next;
        queue.next += 1;
        // Under the lock, so that the connection cannot be finished before it is known.
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
        // Never closed.
        Arc::clone(permits).acquire_owned().await.ok()
    }
}

impl Place {
    fn new(permits: [Option<OwnedSemaphorePermit>; 2], counts: &Arc<ConnectionCounts>) -> Self {
        counts.add_open();
        Self { _permits: permits, counts: Arc::clone(counts) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counts.remove_open();
    }
}

/// The connections that have not sent a request, by age.
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

/// That a connection has not sent a request yet.
#[derive(Debug)]
pub(super) struct Unfinished {
    queue: Arc<Queue>,
    number: u64,
}

impl Unfinished {
    /// A request has come. Says whether it may be served: not on a connection that is making room.
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
