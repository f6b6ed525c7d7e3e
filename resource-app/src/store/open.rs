//! Opening the database: its folder, its file, its tables.

use std::path::Path;

use jiff::SignedDuration;
use shared::settings::{KeyProblem, SettingsError};
use sqlx::Sqlite;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use super::{Store, TURN_TIMEOUT};
use crate::settings::StoreSettings;

/// How many requests can read at a time.
const READERS: u32 = 4;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Whoever wrote the settings: there can be no file at that place.
    // Not transparent: the source must stay in the chain, where the exit code is decided by it.
    #[error("the settings cannot be used")]
    Settings(#[from] SettingsError),
    /// The file is not a database, or not this app's, or a newer version's.
    #[error("the database {path} cannot be brought up to date (`store.url`)")]
    Migration {
        /// The file.
        path: String,
        /// What the database said.
        source: MigrateError,
    },
}

impl Store {
    /// Opens the database, with whatever is missing of it created.
    pub(crate) async fn open(settings: &StoreSettings) -> Result<Self, OpenError> {
        let path = settings.url.path();
        create_folder(path).await?;
        create_file(path).await?;
        let options = options(path);
        let writer =
            pool(1).connect_with(options.clone()).await.map_err(|error| problem(path, &error.to_string()))?;
        MIGRATIONS
            .run(&writer)
            .await
            .map_err(|source| OpenError::Migration { path: path.display().to_string(), source })?;
        let readers = pool(READERS).connect_lazy_with(options.pragma("query_only", "ON"));
        let hours = i64::from(settings.idempotency_key_retention_hours.get());
        Ok(Self { writer, readers, key_retention: SignedDuration::from_hours(hours) })
    }

    /// Closes the database once the transactions in flight have ended.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

async fn create_folder(path: &Path) -> Result<(), SettingsError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    tokio::fs::create_dir_all(folder).await.map_err(|error| problem(folder, &error.to_string()))
}

/// Makes the file, where there is none, for this user alone: tokens guard its content, other users have none.
///
/// SQLite gives the files it adds beside the database the mode of the database.
async fn create_file(path: &Path) -> Result<(), SettingsError> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path).await.map(drop).map_err(|error| problem(path, &error.to_string()))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(TURN_TIMEOUT)
}

fn pool(connections: u32) -> PoolOptions<Sqlite> {
    // A connection to a file does not go stale, so it is neither tested nor replaced.
    PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(TURN_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn problem(path: &Path, text: &str) -> SettingsError {
    KeyProblem::new("store.url", format!("{}: {text}", path.display())).into()
}
