//! Reading resources.

use shared::resource::Resource;
use uuid::Uuid;

use super::row::Row;
use super::{Store, StoreError, Versioned};

/// A part of the list of resources, oldest first.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) resources: Vec<Resource>,
    /// Whether there are more after these.
    pub(crate) more: bool,
}

impl Store {
    /// Asks the database for something small.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM resources LIMIT 1").fetch_optional(&self.readers).await?;
        Ok(())
    }

    /// At most `limit` resources, those after `after` in the order of their ids.
    pub(crate) async fn list(&self, limit: u8, after: Option<Uuid>) -> Result<Page, StoreError> {
        // The nil id comes before every other.
        let after = after.unwrap_or_default().to_string();
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM resources WHERE id > ? ORDER BY id LIMIT ?")
            .bind(after)
            .bind(i64::from(limit) + 1)
            .fetch_all(&self.readers)
            .await?;
        let more = rows.len() > usize::from(limit);
        let read = |row| Versioned::try_from(row).map(|versioned| versioned.resource);
        let resources = rows.into_iter().take(limit.into()).map(read).collect::<Result<_, _>>()?;
        Ok(Page { resources, more })
    }

    /// One resource, if it is there.
    pub(crate) async fn find(&self, id: Uuid) -> Result<Option<Versioned>, StoreError> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM resources WHERE id = ?")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.map(Versioned::try_from).transpose()
    }
}
