//! The connection that writes, and whether it can.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

use super::StoreError;

/// How much is written to find out: as much as the largest content.
const TRIAL_BYTES: i64 = 64 * 1024;

/// The connection that writes, for one transaction at a time. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pool: SqlitePool,
    /// Whether nothing has failed since a trial succeeded.
    is_sound: Arc<AtomicBool>,
    trial: Arc<Mutex<()>>,
}

/// A transaction that may write from its start: it never has to be repeated because another one wrote first.
///
/// Its connection serves the next transaction only if this one ended as it should. SQLite ends a transaction by itself
/// where the disk is full or fails (<https://sqlite.org/lang_transaction.html>, section 3), and a request can be given up
/// at any time; whoever comes next finds a connection that knows nothing of that.
#[derive(Debug)]
pub(super) struct Turn {
    connection: PoolConnection<Sqlite>,
    ended: bool,
    is_sound: Arc<AtomicBool>,
}

impl Writer {
    /// A writer with the one connection of this pool.
    pub(super) fn new(pool: SqlitePool) -> Self {
        Self { pool, is_sound: Arc::default(), trial: Arc::default() }
    }

    /// Waits for its turn, and begins a transaction.
    pub(super) async fn turn(&self) -> Result<Turn, StoreError> {
        let acquired = self.pool.acquire().await;
        let connection = acquired.inspect_err(|_| self.is_sound.store(false, Ordering::Relaxed))?;
        let mut turn = Turn { connection, ended: false, is_sound: Arc::clone(&self.is_sound) };
        // Not by sqlx, which counts transactions on its own and is wrong about them once SQLite has ended one.
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *turn).await?;
        Ok(turn)
    }

    /// Finds out whether writing works, unless it is known to: at the start, and after anything has failed.
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.trial.lock().await;
        if self.is_sound.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.try_to_write().await?;
        self.is_sound.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Writes to the disk what needs room there, and takes it away again.
    async fn try_to_write(&self) -> Result<(), StoreError> {
        for statement in
            ["INSERT INTO trial_writes (content) VALUES (zeroblob(?))", "DELETE FROM trial_writes"]
        {
            let mut turn = self.turn().await?;
            let written = sqlx::query(statement).bind(TRIAL_BYTES).execute(&mut *turn).await;
            turn.end(written.map_err(StoreError::from)).await?;
        }
        Ok(())
    }

    /// Closes the connection once the transaction in flight has ended.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

impl Turn {
    /// Commits, or takes everything back where something went wrong.
    pub(super) async fn end<T>(mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        let statement = match outcome {
            Ok(_) => "COMMIT",
            Err(StoreError::Unreadable { .. }) => "ROLLBACK",
            Err(StoreError::Database(_)) => return outcome,
        };
        sqlx::query(statement).execute(&mut *self).await?;
        self.ended = true;
        outcome
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.ended {
            // Closing takes back what was not committed; the pool then opens a connection in place of this one.
            self.connection.close_on_drop();
            self.is_sound.store(false, Ordering::Relaxed);
        }
    }
}

impl Deref for Turn {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}
