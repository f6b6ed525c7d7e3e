//! Replacing and deleting resources, each in one transaction.

use entra_guard::Permit;
use entra_shared::resource::{NewResource, Resource};
use sqlx::{Row as _, SqliteConnection};

use super::time::now;
use super::{ResourceKey, Store, StoreError, Versioned, row};
use crate::policies::{OwnerPolicy, Target};

impl Store {
    /// Replaces a resource's name and content if `check` permits that for the stored resource and its version.
    pub(crate) async fn replace(
        &self,
        key: ResourceKey,
        new: NewResource,
        check: impl FnOnce(Target, i64) -> Result<Permit<OwnerPolicy>, StoreError>,
    ) -> Result<Versioned, StoreError> {
        let mut turn = self.writer.turn().await?;
        let replaced = async {
            let Versioned { resource, version } = row::find(&mut *turn.connection, key).await?;
            let target = Target { id: resource.id, tenant: key.tenant, created_by: resource.created_by };
            let permit = check(target, version)?;
            let NewResource { name, content } = new;
            let resource = Resource { name, content, updated_at: now(), ..resource };
            let changed = Versioned { resource, version: version + 1 };
            row::update(&mut turn.connection, permitted(&permit), &changed).await?;
            Ok(changed)
        };
        let replaced = replaced.await;
        self.count(turn.end(replaced).await)
    }

    /// Deletes a resource if `check` permits that.
    ///
    /// Does not read name or content, so a damaged resource can be deleted.
    pub(crate) async fn delete(
        &self,
        key: ResourceKey,
        check: impl FnOnce(Target, i64) -> Result<Permit<OwnerPolicy>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut turn = self.writer.turn().await?;
        let deleted = async {
            let (target, version) = target(&mut turn.connection, key).await?;
            let permit = check(target, version)?;
            row::delete(&mut turn.connection, permitted(&permit)).await?;
            Ok(())
        };
        let deleted = deleted.await;
        self.count(turn.end(deleted).await)
    }
}

/// The key of the permitted resource, so a permit never changes another one.
fn permitted(permit: &Permit<OwnerPolicy>) -> ResourceKey {
    ResourceKey { tenant: permit.resource().tenant, id: permit.resource().id }
}

/// Reads the part of a resource that decides about a change, and its version.
async fn target(connection: &mut SqliteConnection, key: ResourceKey) -> Result<(Target, i64), StoreError> {
    let row = sqlx::query("SELECT created_by, version FROM resources WHERE tenant = ? AND id = ?")
        .bind(key.tenant.to_string())
        .bind(key.id.to_string())
        .fetch_optional(connection)
        .await?
        .ok_or(StoreError::Absent)?;
    let unreadable = |what| StoreError::Unreadable { what, id: key.id };
    let created_by = row.try_get::<&str, _>("created_by").ok().and_then(|text| text.parse().ok());
    let created_by = created_by.ok_or(unreadable("creator"))?;
    let version = row.try_get("version").map_err(|_| unreadable("version"))?;
    Ok((Target { id: key.id, tenant: key.tenant, created_by }, version))
}
