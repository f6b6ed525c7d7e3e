//! Reading resources.

use std::time::Duration;

use entra_shared::ids::TenantId;
use entra_shared::resource::Resource;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{ResourceKey, Store, StoreError, Versioned, row};

/// How long it may take to find out whether the database works: less than whoever asks for readiness waits.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// How much content a page has before it ends, in bytes: a page is held in memory until its reader has taken it.
const PAGE_BYTES: i64 = 1024 * 1024;

/// A part of the list of resources, oldest first.
#[derive(Debug)]
pub(crate) struct Page {
    /// The resources; those that cannot be read are left out.
    pub(crate) resources: Vec<Resource>,
    /// The last one's id, readable or not, where there are more after it.
    pub(crate) next: Option<Uuid>,
}

impl Store {
    /// Finds out whether the database can be read and written, within [`CHECK_TIMEOUT`].
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        let checked = async {
            sqlx::query("SELECT 1 FROM resources LIMIT 1").fetch_optional(&self.readers).await?;
            self.writer.check().await
        };
        let in_time = tokio::time::timeout(CHECK_TIMEOUT, checked).await;
        in_time.unwrap_or(Err(StoreError::Database(sqlx::Error::PoolTimedOut)))
    }

    /// At most `limit` resources of a tenant, those after `after` in the order of their ids; fewer where their content
    /// is large, but at least one.
    pub(crate) async fn list(
        &self,
        tenant: TenantId,
        limit: u8,
        after: Option<Uuid>,
    ) -> Result<Page, StoreError> {
        // Sizes first, which SQLite has without reading the content.
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

    /// One resource, if it is there.
    pub(crate) async fn find(&self, key: ResourceKey) -> Result<Option<Versioned>, StoreError> {
        let row = sqlx::query("SELECT * FROM resources WHERE tenant = ? AND id = ?")
            .bind(key.tenant.to_string())
            .bind(key.id.to_string())
            .fetch_optional(&self.readers)
            .await?;
        self.count(row.as_ref().map(row::read).transpose())
    }

    /// What a row holds; one that is damaged is logged, and takes nothing else of its page with it.
    fn readable(&self, row: &SqliteRow) -> Option<Resource> {
        let read = self.count(row::read(row));
        let logged = read.inspect_err(|error| tracing::error!(%error, "left out of a page"));
        logged.ok().map(|versioned| versioned.resource)
    }
}

/// Where the next page begins, if there is one: after the last row whose id can be read.
fn next(rows: &[SqliteRow]) -> Result<Option<Uuid>, StoreError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let found: i64 = first.try_get("found")?;
    if usize::try_from(found).is_ok_and(|found| found <= rows.len()) {
        return Ok(None);
    }
    let last = rows.iter().rev().find_map(row::id);
    last.map(Some).ok_or(StoreError::Unreadable { what: "id", id: Uuid::nil() })
}
