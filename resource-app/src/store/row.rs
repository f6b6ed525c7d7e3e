//! A resource as a row of its table.

use entra_shared::ids::TenantId;
use entra_shared::resource::{Content, Resource};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _, SqliteConnection};
use uuid::Uuid;

use super::time::text;
use super::{ResourceKey, StoreError, Versioned, checksum};

/// The columns of a resource, all texts as SQLite keeps them.
#[derive(Debug, FromRow)]
pub(super) struct Row {
    tenant: String,
    id: String,
    name: String,
    content: String,
    created_by: String,
    created_at: String,
    updated_at: String,
    version: i64,
    checksum: Vec<u8>,
}

/// The id of a resource, where it can be read.
pub(super) fn id(row: &SqliteRow) -> Option<Uuid> {
    Uuid::try_parse(row.try_get("id").ok()?).ok()
}

/// Reads a row of all columns.
pub(super) fn read(row: &SqliteRow) -> Result<Versioned, StoreError> {
    let id = id(row).unwrap_or_default();
    let read = Row::from_row(row).map_err(|_| "row").and_then(Row::into_resource);
    read.map_err(|what| StoreError::Unreadable { what, id })
}

impl Row {
    pub(super) fn new(tenant: TenantId, versioned: &Versioned) -> Self {
        let Versioned { resource, version } = versioned;
        let mut row = Self {
            tenant: tenant.to_string(),
            id: resource.id.to_string(),
            name: resource.name.clone(),
            content: resource.content.as_str().into(),
            created_by: resource.created_by.to_string(),
            created_at: text(resource.created_at),
            updated_at: text(resource.updated_at),
            version: *version,
            checksum: Vec::new(),
        };
        row.checksum = row.checksum();
        row
    }

    fn checksum(&self) -> Vec<u8> {
        checksum::of(&[
            self.tenant.as_bytes(),
            self.id.as_bytes(),
            self.name.as_bytes(),
            self.content.as_bytes(),
            self.created_by.as_bytes(),
            self.created_at.as_bytes(),
            self.updated_at.as_bytes(),
            &self.version.to_le_bytes(),
        ])
    }

    /// The resource, or what of it is unreadable.
    fn into_resource(self) -> Result<Versioned, &'static str> {
        if self.checksum() != self.checksum {
            return Err("checksum");
        }
        let resource = Resource {
            id: self.id.parse().map_err(|_| "id")?,
            name: self.name,
            content: Content::from_own(self.content).ok_or("content")?,
            created_by: self.created_by.parse().map_err(|_| "creator")?,
            created_at: self.created_at.parse().map_err(|_| "time of creation")?,
            updated_at: self.updated_at.parse().map_err(|_| "time of change")?,
        };
        Ok(Versioned { resource, version: self.version })
    }

    /// Gives a row from before there were checksums its own.
    pub(super) async fn seal(self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE resources SET checksum = ? WHERE tenant = ? AND id = ?")
            .bind(self.checksum())
            .bind(self.tenant)
            .bind(self.id)
            .execute(connection)
            .await?;
        Ok(())
    }

    pub(super) async fn insert(self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO resources
                 (tenant, id, name, content, created_by, created_at, updated_at, version, checksum)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(self.tenant)
        .bind(self.id)
        .bind(self.name)
        .bind(self.content)
        .bind(self.created_by)
        .bind(self.created_at)
        .bind(self.updated_at)
        .bind(self.version)
        .bind(self.checksum)
        .execute(connection)
        .await?;
        Ok(())
    }

    pub(super) async fn update(
        self,
        connection: &mut SqliteConnection,
        key: ResourceKey,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE resources
             SET name = ?, content = ?, updated_at = ?, version = ?, checksum = ?
             WHERE tenant = ? AND id = ?",
        )
        .bind(self.name)
        .bind(self.content)
        .bind(self.updated_at)
        .bind(self.version)
        .bind(self.checksum)
        .bind(key.tenant.to_string())
        .bind(key.id.to_string())
        .execute(connection)
        .await?;
        Ok(())
    }
}
