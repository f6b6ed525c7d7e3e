//! The connection that writes, with a check whether writing works.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqlitePool};
use tokio::sync::Mutex;

use super::StoreError;

/// The size of a trial write in bytes, which is that of the largest content.
const TRIAL_BYTES: i64 = 64 * 1024;

/// The writing connection, used by one transaction at a time. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pool: SqlitePool,
    /// A trial write succeeded and nothing has failed since.
    can_write: Arc<AtomicBool>,
    trial: Arc<Mutex<()>>,
}

/// A transaction that holds the write lock from its start, so it never has to be repeated.
///
/// Its connection is reused only after a proper end. SQLite ends a transaction by itself if the disk is full or fails
/// (<https://sqlite.org/lang_transaction.html>, section 3), and a request can be abandoned at any time. The next
/// transaction then gets a fresh connection.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) connection: PoolConnection<Sqlite>,
    ended: bool,
    can_write: Arc<AtomicBool>,
}

impl Writer {
    /// Creates a writer from a pool of one connection.
    pub(super) fn new(pool: SqlitePool) -> Self {
        Self { pool, can_write: Arc::default(), trial: Arc::default() }
    }

    /// Waits for the connection and begins a transaction.
    pub(super) async fn begin(&self) -> Result<Transaction, StoreError> {
        let acquired = self.pool.acquire().await;
        let connection = acquired.inspect_err(|_| self.can_write.store(false, Ordering::Relaxed))?;
        let mut transaction =
            Transaction { connection, ended: false, can_write: Arc::clone(&self.can_write) };
        // Not `sqlx::begin`: its own count of transactions is wrong once SQLite has ended one.
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *transaction.connection).await?;
        Ok(transaction)
    }

    /// Tests whether writing works, at the start and after a failure; otherwise it is known to.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.trial.lock().await;
        if self.can_write.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.try_to_write().await?;
        self.can_write.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Writes [`TRIAL_BYTES`] to the disk and deletes them.
    async fn try_to_write(&self) -> Result<(), StoreError> {
        for statement in
            ["INSERT INTO trial_writes (content) VALUES (zeroblob(?))", "DELETE FROM trial_writes"]
        {
            let mut transaction = self.begin().await?;
            let written =
                sqlx::query(statement).bind(TRIAL_BYTES).execute(&mut *transaction.connection).await;
            transaction.end(written.map_err(StoreError::from)).await?;
        }
        Ok(())
    }

    /// Closes the connection after the transaction in flight.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

impl Transaction {
    /// Commits the transaction, or rolls it back after an error.
    pub(super) async fn end<T>(mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        let statement = match outcome {
            Ok(_) => "COMMIT",
            Err(StoreError::Database(_)) => return outcome,
            Err(_) => "ROLLBACK",
        };
        sqlx::query(statement).execute(&mut *self.connection).await?;
        self.ended = true;
        outcome
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.ended {
            // Closing rolls back; the pool then opens a new connection.
            self.connection.close_on_drop();
            self.can_write.store(false, Ordering::Relaxed);
        }
    }
}
