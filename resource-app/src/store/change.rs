//! Replacing and deleting resources, each in one transaction.

use entra_shared::resource::{NewResource, Resource};
use sqlx::{Row as _, SqliteConnection};

use super::row::{self, Row};
use super::time::now;
use super::{ResourceKey, Store, StoreError, Versioned};
use entra_guard::authorization::{Denial, OwnerPolicy, Permit, Target};

/// What became of a request to change a resource.
#[derive(Debug)]
pub(crate) enum Change<T> {
    /// It was changed.
    Done(T),
    /// The precondition does not hold: somebody else was faster.
    Stale,
    /// There is no such resource.
    Absent,
    /// The caller may not change it.
    Denied(Denial),
}

/// Whether a version is one of those that a caller is willing to change.
pub(crate) trait Precondition {
    fn allows(&self, version: i64) -> bool;
}

impl Store {
    /// Replaces a resource's name and content, with the permit that a policy gives for the resource as it is.
    ///
    /// Asked in this order: whether it exists, whether the caller may change it, whether it is the right version.
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

    /// Deletes a resource; asks as [`Self::replace`] does.
    ///
    /// Without reading what it holds: so a damaged one can be got rid of.
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

/// What decides about a change: the resource as policies see it, and its version.
struct Head {
    target: Target,
    version: i64,
}

/// The permit for a change, or the reason against it.
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
    Row::new(key.tenant, &changed).update(connection, permitted(&permit)).await?;
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

/// The permit says which resource is changed, so that one for another resource changes nothing else.
fn permitted(permit: &Permit<OwnerPolicy>) -> ResourceKey {
    ResourceKey { tenant: permit.tenant(), id: permit.resource() }
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
