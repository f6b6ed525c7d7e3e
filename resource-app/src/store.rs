//! Stores resources in a SQLite file, with one connection that writes and several that read.
//!
//! **Invariant:** an acknowledged write survives `kill -9` and a power cut. Each transaction is on disk
//! (`synchronous = FULL`) before its answer is sent.
//!
//! **Invariant:** every statement made for a caller names the caller's tenant, because a client id identifies an app
//! only within a tenant. No app reads, changes or replays what belongs to another tenant.
//!
//! **Invariant:** one process at a time writes the file; a second one refuses to start ([`lock`]).
//!
//! A row that does not hold what this app writes ([`StoreError::Unreadable`]) affects no other row. To check a whole
//! database for damage, run SQLite's `PRAGMA integrity_check`.

mod change;
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

use entra_guard::Denial;
use entra_shared::ids::TenantId;
use entra_shared::resource::Resource;
use jiff::SignedDuration;
use sqlx::SqlitePool;
use uuid::Uuid;

pub(crate) use idempotency::IdempotencyKey;
pub use location::{InvalidLocation, Location};
pub use open::OpenError;
pub(crate) use read::Page;

/// How long a request waits for a database connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// The database. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    /// A pool of one connection: SQLite has one writer at a time, and the pool's queue is fair, unlike SQLite's.
    writer: writer::Writer,
    readers: SqlitePool,
    key_retention: SignedDuration,
    /// Counts reads of unreadable rows.
    unreadable: Arc<AtomicU64>,
    lock: Arc<lock::Lock>,
}

/// The key of a resource, which is its id within its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceKey {
    /// Its tenant.
    pub tenant: TenantId,
    /// Its id.
    pub id: Uuid,
}

/// A resource and its version, which starts at 1 and counts the changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned {
    /// The resource.
    pub resource: Resource,
    /// The version.
    pub version: i64,
}

/// Why the store did not do what a request asked for.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed or was busy for too long. The disk or the load is at fault, not the caller.
    #[error("the database did not answer")]
    Database(#[from] sqlx::Error),
    /// The database holds something that this app does not write.
    #[error("the {what} of the resource {id} is unreadable")]
    Unreadable {
        /// The unreadable part.
        what: &'static str,
        /// The id of the resource; nil if even the id is unreadable.
        id: Uuid,
    },
    /// No such resource.
    #[error("no such resource")]
    Absent,
    /// The resource has changed since the version that the caller means.
    #[error("the resource has changed")]
    Stale,
    /// The caller used the idempotency key for a different request.
    #[error("the idempotency key was used before")]
    KeyReused,
    /// The caller may not change the resource.
    #[error("{} denied", .0.policy)]
    Denied(Denial),
}

impl Store {
    /// Returns how often an unreadable row was read since the start.
    pub(crate) fn unreadable(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }

    /// Counts the error if it is about an unreadable row.
    fn count<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if matches!(result, Err(StoreError::Unreadable { .. })) {
            self.unreadable.fetch_add(1, Ordering::Relaxed);
        }
        result
    }
}
