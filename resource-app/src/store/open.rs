//! Opens the database, and creates its folder, its file and its tables if they are missing.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::Arc;

use entra_shared::settings::{KeyProblem, SettingsError};
use jiff::SignedDuration;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool};

use super::lock::Lock;
use super::writer::Writer;
use super::{CONNECTION_TIMEOUT, Store};
use crate::settings::Settings;

/// Connections for reading.
const READERS: u32 = 4;

/// The version of [`SCHEMA`], kept in the database's `user_version`.
const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = include_str!("schema.sql");

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be created, opened or locked, or a newer version wrote it.
    // Not transparent: the source must stay in the chain, which decides the exit code.
    #[error("the settings cannot be used")]
    Settings(#[from] SettingsError),
    /// The file is not a database, or another program's.
    #[error("the database {path} cannot be brought up to date (`store.url`)")]
    Schema {
        /// The file.
        path: String,
        /// The database's error.
        source: sqlx::Error,
    },
}

impl Store {
    /// Opens the database, creates missing folders, file and tables, and locks out other processes.
    ///
    /// # Errors
    /// The file cannot be created, is locked by another process, or is not this app's database.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, OpenError> {
        let path = settings.store.url.path();
        let unusable = |error: &dyn Display| problem(path, error);
        outlive_file_size_limits().map_err(|error| unusable(&error))?;
        let lock = create_and_lock(path).map_err(|error| unusable(&error))?;
        let options = options(path);
        let writer = pool(1).connect_with(options.clone()).await.map_err(|error| unusable(&error))?;
        create_tables(&writer, path).await?;
        let hours = i64::from(settings.store.idempotency_key_retention_hours.get());
        Ok(Self {
            writer: Writer::new(writer),
            readers: pool(READERS).connect_lazy_with(options.pragma("query_only", "ON")),
            key_retention: SignedDuration::from_hours(hours),
            unreadable: Arc::default(),
            lock: Arc::new(lock),
        })
    }

    /// Closes the database after the transactions in flight, and releases its lock.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
        if let Err(error) = self.lock.release() {
            tracing::warn!(%error, "the database stays locked until this process ends");
        }
    }
}

/// Creates the tables in a new database, in one transaction; refuses a database that a newer version wrote.
async fn create_tables(writer: &SqlitePool, path: &Path) -> Result<(), OpenError> {
    let created = async {
        let mut transaction = writer.begin().await?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
        if version == 0 {
            sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
            sqlx::query("PRAGMA user_version = 1").execute(&mut *transaction).await?;
            transaction.commit().await?;
        }
        Ok(version)
    };
    match created.await {
        Ok(0 | SCHEMA_VERSION) => Ok(()),
        Ok(version) => {
            let text = format!("a newer version of this program wrote it (schema version {version})");
            Err(problem(path, &text).into())
        }
        Err(source) => Err(OpenError::Schema { path: path.display().to_string(), source }),
    }
}

/// Makes a write beyond the process's file size limit fail with `EFBIG` instead of ending the process.
///
/// tokio's first handler for a signal replaces the default action and is never removed.
fn outlive_file_size_limits() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        /// `SIGXFSZ`, on all but a few architectures that no service runs on.
        const FILE_TOO_LARGE: i32 = 25;
        drop(signal(SignalKind::from_raw(FILE_TOO_LARGE))?);
    }
    Ok(())
}

/// Creates the folder and the file if they are missing, and locks the file.
///
/// SQLite gives its additional files (`-wal`, `-shm`) the mode of the database.
fn create_and_lock(path: &Path) -> io::Result<Lock> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Lock::take(path)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // Detects some damaged pages before they are followed.
        .pragma("cell_size_check", "ON")
        .busy_timeout(CONNECTION_TIMEOUT)
}

fn pool(connections: u32) -> PoolOptions<Sqlite> {
    // Connections to a file do not go stale, so they are neither tested nor replaced.
    PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(CONNECTION_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn problem(path: &Path, text: &dyn Display) -> SettingsError {
    KeyProblem::new("store.url", format!("{}: {text}", path.display())).into()
}
