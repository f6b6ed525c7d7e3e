//! Opening the database: its folder, its file, its tables.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use entra_shared::settings::{KeyProblem, SettingsError};
use jiff::SignedDuration;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool};

use super::lock::Lock;
use super::writer::Writer;
use super::{Store, TURN_TIMEOUT, adoption};
use crate::settings::{Settings, Tenant};

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
    /// The file is not a database, or not this app's.
    #[error("the database {path} cannot be brought up to date (`store.url`)")]
    Migration {
        /// The file.
        path: String,
        /// What the database said.
        source: MigrateError,
    },
}

impl Store {
    /// Opens the database, with whatever is missing of it created, and keeps other processes away from it.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, OpenError> {
        let path = settings.store.url.path();
        outlive_file_size_limits().map_err(|error| problem(path, &error.to_string()))?;
        create_folder(path).await?;
        create_file(path).await?;
        let lock = lock(path).await?;
        let options = options(path);
        let writer =
            pool(1).connect_with(options.clone()).await.map_err(|error| problem(path, &error.to_string()))?;
        bring_up_to_date(&writer, settings).await?;
        let hours = i64::from(settings.store.idempotency_key_retention_hours.get());
        Ok(Self {
            writer: Writer::new(writer),
            readers: pool(READERS).connect_lazy_with(options.pragma("query_only", "ON")),
            key_retention: SignedDuration::from_hours(hours),
            unreadable: Arc::default(),
            lock: Arc::new(lock),
        })
    }

    /// Closes the database once the transactions in flight have ended, and lets other processes open it.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
        if let Err(error) = self.lock.release() {
            tracing::warn!(%error, "the database stays locked until this process ends");
        }
    }
}

/// Makes the tables what this version needs, and gives rows of earlier ones their tenant.
async fn bring_up_to_date(writer: &SqlitePool, settings: &Settings) -> Result<(), OpenError> {
    let path = settings.store.url.path();
    MIGRATIONS.run(writer).await.map_err(|source| match source {
        MigrateError::VersionMissing(version) => {
            problem(path, &format!("a newer version of this program wrote it (migration {version})")).into()
        }
        source => OpenError::Migration { path: path.display().to_string(), source },
    })?;
    let tenant = match settings.azure_ad.tenant_id {
        Tenant::One(tenant) => Some(tenant),
        Tenant::Listed(_) => None,
    };
    let adopted = async { adoption::adopt(&mut *writer.acquire().await?, tenant).await };
    adopted
        .await
        .map_err(|source| OpenError::Migration { path: path.display().to_string(), source: source.into() })
}

/// Has a write beyond the file size limit of this process fail (`EFBIG`) in place of ending the process: the signal's
/// default action goes with the first handler, which is never removed.
fn outlive_file_size_limits() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        /// `SIGXFSZ`, on all but a few architectures that nobody serves from.
        const FILE_TOO_LARGE: i32 = 25;
        drop(signal(SignalKind::from_raw(FILE_TOO_LARGE))?);
    }
    Ok(())
}

async fn lock(path: &Path) -> Result<Lock, SettingsError> {
    let database = PathBuf::from(path);
    let taken = tokio::task::spawn_blocking(move || Lock::take(&database)).await;
    let taken = taken.unwrap_or_else(|error| Err(error.into()));
    taken.map_err(|error| problem(path, &error.to_string()))
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
        // Finds some of what a disk has damaged before it is followed.
        .pragma("cell_size_check", "ON")
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
