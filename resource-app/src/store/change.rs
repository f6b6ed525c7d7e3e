//! Replacing and deleting resources, each in one transaction.

use entra_shared::resource::{NewResource, Resource};
use sqlx::{Row as _, SqliteConnection};

use super::time::now;
use super::{ResourceKey, Store, StoreError, Versioned, row};
use crate::policies::{OwnerPolicy, Target};
use entra_guard::{Denial, Permit};

/// The outcome of a request to change a resource.
#[derive(Debug)]
pub(crate) enum Change<T> {
    /// Changed.
    Done(T),
    /// The precondition failed: another request changed the resource first.
    Stale,
    /// No such resource.
    Absent,
    /// The caller may not change it.
    Denied(Denial),
}

/// The versions that a caller is willing to change (`If-Match`).
pub(crate) trait Precondition {
    fn allows(&self, version: i64) -> bool;
}

impl Store {
    /// Replaces a resource's name and content if `permit` allows that for the stored resource.
    ///
    /// Checks existence first, then permission, then the version.
    pub(crate) async fn replace(
        &self,
        key: ResourceKey,
        new: NewResource,
        permit: impl FnOnce(&Target) -> Result<Permit<OwnerPolicy>, Denial>,
        precondition: &impl Precondition,
    ) -> Result<Change<Box<Versioned>>, StoreError> {
        let mut turn = self.writer.turn().await?;
        let replaced = replace(&mut turn, key, new, |head| decide(head, permit, precondition)).await;
        self.count(turn.end(replaced).await)
    }

    /// Deletes a resource, with the checks of [`Self::replace`].
    ///
    /// Does not read name or content, so a damaged resource can be deleted.
    pub(crate) async fn delete(
        &self,
        key: ResourceKey,
        permit: impl FnOnce(&Target) -> Result<Permit<OwnerPolicy>, Denial>,
        precondition: &impl Precondition,
    ) -> Result<Change<()>, StoreError> {
        let mut turn = self.writer.turn().await?;
        let deleted = delete(&mut turn, key, |head| decide(head, permit, precondition)).await;
        self.count(turn.end(deleted).await)
    }
}

/// The part of a resource that decides about a change.
struct Head {
    target: Target,
    version: i64,
}

/// Returns the permit for a change, or the refusal.
fn decide<T>(
    head: &Head,
    permit: impl FnOnce(&Target) -> Result<Permit<OwnerPolicy>, Denial>,
    precondition: &impl Precondition,
) -> Result<Permit<OwnerPolicy>, Change<T>> {
    let permit = permit(&head.target).map_err(Change::Denied)?;
    if precondition.allows(head.version) { Ok(permit) } else { Err(Change::Stale) }
}

async fn replace(
    connection: &mut SqliteConnection,
    key: ResourceKey,
    new: NewResource,
    decide: impl FnOnce(&Head) -> Result<Permit<OwnerPolicy>, Change<Box<Versioned>>>,
) -> Result<Change<Box<Versioned>>, StoreError> {
    let Some(Versioned { resource, version }) = current(connection, key).await? else {
        return Ok(Change::Absent);
    };
    let target = Target { id: resource.id, tenant: key.tenant, created_by: resource.created_by };
    let permit = match decide(&Head { target, version }) {
        Ok(permit) => permit,
        Err(refused) => return Ok(refused),
    };
    let NewResource { name, content } = new;
    let resource = Resource { name, content, updated_at: now(), ..resource };
    let changed = Versioned { resource, version: version + 1 };
    row::update(connection, permitted(&permit), &changed).await?;
    Ok(Change::Done(Box::new(changed)))
}

async fn delete(
    connection: &mut SqliteConnection,
    key: ResourceKey,
    decide: impl FnOnce(&Head) -> Result<Permit<OwnerPolicy>, Change<()>>,
) -> Result<Change<()>, StoreError> {
    let Some(head) = head(connection, key).await? else { return Ok(Change::Absent) };
    let permit = match decide(&head) {
        Ok(permit) => permit,
        Err(refused) => return Ok(refused),
    };
    let permitted = permitted(&permit);
    sqlx::query("DELETE FROM resources WHERE tenant = ? AND id = ?")
        .bind(permitted.tenant.to_string())
        .bind(permitted.id.to_string())
        .execute(connection)
        .await?;
    Ok(Change::Done(()))
}

/// The key of the permitted resource, so a permit never changes another one.
fn permitted(permit: &Permit<OwnerPolicy>) -> ResourceKey {
    ResourceKey { tenant: permit.resource().tenant, id: permit.resource().id }
}

async fn current(
    connection: &mut SqliteConnection,
    key: ResourceKey,
) -> Result<Option<Versioned>, StoreError> {
    let row = sqlx::query("SELECT * FROM resources WHERE tenant = ? AND id = ?")
        .bind(key.tenant.to_string())
        .bind(key.id.to_string())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(row::read).transpose()
}

async fn head(connection: &mut SqliteConnection, key: ResourceKey) -> Result<Option<Head>, StoreError> {
    let row = sqlx::query("SELECT created_by, version FROM resources WHERE tenant = ? AND id = ?")
        .bind(key.tenant.to_string())
        .bind(key.id.to_string())
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let unreadable = |what| StoreError::Unreadable { what, id: key.id };
    let created_by = row.try_get::<String, _>("created_by").ok().and_then(|text| text.parse().ok());
    let created_by = created_by.ok_or(unreadable("creator"))?;
    let version = row.try_get("version").map_err(|_| unreadable("version"))?;
    Ok(Some(Head { target: Target { id: key.id, tenant: key.tenant, created_by }, version }))
}
