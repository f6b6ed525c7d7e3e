//! Where resources are kept: a SQLite file, written by one connection and read by several.
//!
//! **Invariant:** a write that was acknowledged survives `kill -9` and a power cut: every transaction is on disk
//! (`synchronous = FULL`) before its answer is sent.
//!
//! **Invariant:** every statement that is made for a caller names the caller's tenant. An app id names an app only
//! together with a tenant, so that nobody reads, changes or replays what belongs to another one.
//!
//! **Invariant:** one process writes the file; a second one does not start ([`lock`]).
//!
//! Errors are all alike to a caller: nothing they sent is at fault, and a later try may succeed. What a disk has damaged
//! is the exception ([`StoreError::Unreadable`]): the checksum of each row tells, and it costs that row alone.

mod adoption;
mod change;
mod checksum;
mod create;
mod idempotency;
mod location;
mod lock;
mod open;
mod read;
mod row;
#[cfg(test)]
mod tests;
mod time;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use entra_shared::ids::{ClientId, TenantId};
use entra_shared::resource::Resource;
use jiff::SignedDuration;
use sqlx::SqlitePool;
use uuid::Uuid;

pub(crate) use change::{Change, Precondition};
pub(crate) use create::Created;
pub(crate) use idempotency::IdempotencyKey;
pub use location::{InvalidLocation, Location};
pub use open::OpenError;
pub(crate) use read::Page;

/// How long a request waits for its turn at the database.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// The database. Clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    /// One connection: SQLite has one writer at a time, and waiting here is fair where waiting there is not.
    writer: writer::Writer,
    readers: SqlitePool,
    key_retention: SignedDuration,
    /// How often a damaged row was met.
    unreadable: Arc<AtomicU64>,
    lock: Arc<lock::Lock>,
}

/// Whose something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The tenant of the app.
    pub(crate) tenant: TenantId,
    /// The app.
    pub(crate) client_id: ClientId,
}

/// What names a resource: its id, within its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResourceKey {
    /// The tenant that it belongs to.
    pub(crate) tenant: TenantId,
    /// Its id.
    pub(crate) id: Uuid,
}

/// A resource with the number of its version, which starts at 1 and counts the changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Versioned {
    /// The resource.
    pub(crate) resource: Resource,
    /// The version.
    pub(crate) version: i64,
}

/// Why the store did not answer. The database, the disk or the load is at fault, never the caller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The database refused, or was busy for too long.
    #[error("the database did not answer")]
    Database(#[from] sqlx::Error),
    /// What the database holds is not what this app wrote.
    #[error("the {what} of the resource {id} is unreadable")]
    Unreadable {
        /// What of it.
        what: &'static str,
        /// The resource; nil where even that is unreadable.
        id: Uuid,
    },
}

impl Store {
    /// How often a damaged row was met since the start.
    pub(crate) fn unreadable(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }

    /// Counts an error that is about a damaged row.
    fn count<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if matches!(result, Err(StoreError::Unreadable { .. })) {
            self.unreadable.fetch_add(1, Ordering::Relaxed);
        }
        result
    }
}
