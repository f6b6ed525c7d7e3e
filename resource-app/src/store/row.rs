//! Converts between a resource and a row of its table.

use entra_shared::ids::TenantId;
use entra_shared::resource::{Content, Resource};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection, SqliteExecutor};
use uuid::Uuid;

use super::time::text;
use super::{ResourceKey, StoreError, Versioned};
use crate::policies::Target;

/// Reads a resource's id, if it is readable.
pub(super) fn id(row: &SqliteRow) -> Option<Uuid> {
    Uuid::try_parse(column(row, "id").ok()?).ok()
}

/// Finds the row of a resource.
pub(super) async fn find(
    executor: impl SqliteExecutor<'_>,
    key: ResourceKey,
) -> Result<SqliteRow, StoreError> {
    let row = sqlx::query("SELECT * FROM resources WHERE tenant = ? AND id = ?")
        .bind(key.tenant.to_string())
        .bind(key.id.to_string())
        .fetch_optional(executor)
        .await?;
    row.ok_or(StoreError::Absent)
}

/// Reads the part of a resource that decides about a change, and its version.
///
/// # Errors
/// A column does not hold what this app writes.
pub(super) fn target(
    row: &SqliteRow,
    ResourceKey { tenant, id }: ResourceKey,
) -> Result<(Target, i64), StoreError> {
    let unreadable = |what| StoreError::Unreadable { what, id };
    let created_by = column(row, "created_by").ok().and_then(|text| text.parse().ok());
    let created_by = created_by.ok_or(unreadable("created_by"))?;
    let version = row.try_get("version").map_err(|_| unreadable("version"))?;
    Ok((Target { id, tenant, created_by }, version))
}

/// Reads a row of all columns.
///
/// # Errors
/// A column does not hold what this app writes.
pub(super) fn read(row: &SqliteRow) -> Result<Versioned, StoreError> {
    resource(row).map_err(|what| StoreError::Unreadable { what, id: id(row).unwrap_or_default() })
}

fn resource(row: &SqliteRow) -> Result<Versioned, &'static str> {
    let time = |name| column(row, name)?.parse().map_err(|_| name);
    let resource = Resource {
        id: id(row).ok_or("id")?,
        name: column(row, "name")?.to_owned(),
        content: Content::parse(column(row, "content")?).map_err(|_| "content")?,
        created_by: column(row, "created_by")?.parse().map_err(|_| "created_by")?,
        created_at: time("created_at")?,
        updated_at: time("updated_at")?,
    };
    Ok(Versioned { resource, version: row.try_get("version").map_err(|_| "version")? })
}

/// Returns a text column, or its name if it holds no text.
fn column<'r>(row: &'r SqliteRow, name: &'static str) -> Result<&'r str, &'static str> {
    row.try_get(name).map_err(|_| name)
}

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    Versioned { resource, version }: &Versioned,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO resources (tenant, id, name, content, created_by, created_at, updated_at, version)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(tenant.to_string())
    .bind(resource.id.to_string())
    .bind(&resource.name)
    .bind(resource.content.as_str())
    .bind(resource.created_by.to_string())
    .bind(text(resource.created_at))
    .bind(text(resource.updated_at))
    .bind(version)
    .execute(connection)
    .await?;
    Ok(())
}

/// Replaces everything that a change may touch.
pub(super) async fn update(
    connection: &mut SqliteConnection,
    key: ResourceKey,
    Versioned { resource, version }: &Versioned,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE resources SET name = ?, content = ?, updated_at = ?, version = ? WHERE tenant = ? AND id = ?",
    )
    .bind(&resource.name)
    .bind(resource.content.as_str())
    .bind(text(resource.updated_at))
    .bind(version)
    .bind(key.tenant.to_string())
    .bind(key.id.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete(connection: &mut SqliteConnection, key: ResourceKey) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM resources WHERE tenant = ? AND id = ?")
        .bind(key.tenant.to_string())
        .bind(key.id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}
