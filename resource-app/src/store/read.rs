//! Reading resources.

use std::time::Duration;

use entra_shared::ids::TenantId;
use entra_shared::resource::Resource;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{ResourceKey, Store, StoreError, Versioned, row};

/// Time limit of the readiness check, below the time that probes usually wait.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The size of the content after which a page ends, in bytes. A page stays in memory until its reader has received it.
const PAGE_BYTES: i64 = 1024 * 1024;

/// A page of resources, oldest first.
#[derive(Debug)]
pub(crate) struct Page {
    /// The readable resources.
    pub(crate) resources: Vec<Resource>,
    /// The id of the last row, readable or not, if more follow.
    pub(crate) next: Option<Uuid>,
}

impl Store {
    /// Checks within [`CHECK_TIMEOUT`] that the database can be read and written.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        let checked = async {
            sqlx::query("SELECT 1 FROM resources LIMIT 1").fetch_optional(&self.readers).await?;
            self.writer.check().await
        };
        let in_time = tokio::time::timeout(CHECK_TIMEOUT, checked).await;
        in_time.unwrap_or(Err(StoreError::Database(sqlx::Error::PoolTimedOut)))
    }

    /// Lists at most `limit` resources of a tenant with ids after `after`, in the order of their ids.
    ///
    /// Large contents shorten a page, but never below one resource.
    pub(crate) async fn list(
        &self,
        tenant: TenantId,
        limit: u8,
        after: Option<Uuid>,
    ) -> Result<Page, StoreError> {
        // SQLite knows the sizes without reading the contents.
        const PAGE: &str = "
            WITH sized AS (
                SELECT id, octet_length(content) AS size FROM resources WHERE tenant = ?1 AND id > ?2
                ORDER BY id LIMIT ?3
            ), summed AS (
                SELECT id, SUM(size) OVER (ORDER BY id) - size AS before, COUNT(*) OVER () AS found FROM sized
            )
            SELECT resources.*, found FROM summed CROSS JOIN resources
            ON resources.tenant = ?1 AND resources.id = summed.id
            WHERE before < ?4 ORDER BY summed.id";
        // The nil id comes before every other.
        let after = after.unwrap_or_default().to_string();
        let query = sqlx::query(PAGE).bind(tenant.to_string()).bind(after);
        let query = query.bind(i64::from(limit) + 1).bind(PAGE_BYTES);
        let mut rows = query.fetch_all(&self.readers).await?;
        rows.truncate(limit.into());
        let resources = rows.iter().filter_map(|row| self.readable(row)).collect();
        Ok(Page { resources, next: self.count(next(&rows))? })
    }

    /// Finds one resource.
    ///
    /// # Errors
    /// The database fails, there is no such resource, or it is unreadable.
    pub async fn find(&self, key: ResourceKey) -> Result<Versioned, StoreError> {
        let row = row::find(&self.readers, key).await?;
        self.count(row::read(&row))
    }

    /// Reads a row of a page; an unreadable one is logged and left out.
    fn readable(&self, row: &SqliteRow) -> Option<Resource> {
        let read = self.count(row::read(row));
        let logged =
            read.inspect_err(|error| tracing::error!(%error, "left an unreadable resource out of a page"));
        logged.ok().map(|versioned| versioned.resource)
    }
}

/// Returns the id after which the next page begins, if there is one.
fn next(rows: &[SqliteRow]) -> Result<Option<Uuid>, StoreError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let found: i64 = first.try_get("found")?;
    if usize::try_from(found).is_ok_and(|found| found <= rows.len()) {
        return Ok(None);
    }
    let last = rows.iter().rev().find_map(row::id);
    last.map(Some).ok_or(StoreError::Unreadable { what: "id", id: Uuid::nil() })
}
