//! Where resources are kept: a SQLite file, written by one connection and read by several.
//!
//! **Invariant:** a write that was acknowledged survives `kill -9` and a power cut: every transaction is on disk
//! (`synchronous = FULL`) before its answer is sent.
//!
//! Errors are all alike to a caller: nothing they sent is at fault, and a later try may succeed.

mod idempotency;
mod location;
mod open;
mod read;
mod row;
mod write;

use std::time::Duration;

use jiff::SignedDuration;
use shared::resource::Resource;
use sqlx::SqlitePool;

pub(crate) use idempotency::IdempotencyKey;
pub use location::{InvalidLocation, Location};
pub use open::OpenError;
pub(crate) use write::{Change, Created, Precondition};

/// How long a request waits for its turn at the database.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// The database. Clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    /// One connection: SQLite has one writer at a time, and waiting here is fair where waiting there is not.
    writer: SqlitePool,
    readers: SqlitePool,
    key_retention: SignedDuration,
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
    #[error("the database holds an unreadable {0}")]
    Unreadable(&'static str),
}
