//! Creating, replacing and deleting resources, each in one transaction.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::Serialize;
use shared::ids::ClientId;
use shared::resource::{NewResource, Resource};
use sqlx::{Sqlite, SqliteConnection, Transaction};
use uuid::Uuid;

use super::idempotency::{self, IdempotencyKey, Seen};
use super::row::Row;
use super::{Store, StoreError, Versioned};
use crate::authorization::{Denial, OwnerPolicy, Permit};

/// What became of a request to create a resource.
#[derive(Debug)]
pub(crate) enum Created {
    /// It was created, now or by the same request before.
    Done(Box<Versioned>),
    /// The key was used for another request.
    KeyReused,
}

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
    /// Creates a resource; with a key that was seen before, answers what was answered then.
    pub(crate) async fn create(
        &self,
        new: NewResource,
        created_by: ClientId,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created, StoreError> {
        let fingerprint = idempotency::fingerprint(&new)?;
        let mut transaction = self.begin().await?;
        if let Some(key) = key {
            match idempotency::look_up(&mut transaction, created_by, key, &fingerprint).await? {
                Some(Seen::Same(resource)) => return Ok(first_version(*resource)),
                Some(Seen::Other) => return Ok(Created::KeyReused),
                None => (),
            }
        }
        // Made by the one writer, so that ids come into the table in their order and no page skips one.
        let (id, now) = (Uuid::now_v7(), now());
        let NewResource { name, content } = new;
        let resource = Resource { id, name, content, created_by, created_at: now, updated_at: now };
        insert(&mut transaction, &resource).await?;
        if let Some(key) = key {
            let oldest = now.saturating_sub(self.key_retention).unwrap_or(Timestamp::MIN);
            idempotency::forget_before(&mut transaction, oldest).await?;
            idempotency::remember(&mut transaction, key, &fingerprint, &resource).await?;
        }
        transaction.commit().await?;
        Ok(first_version(resource))
    }

    /// Replaces a resource's name and content, with the permit that a policy gives for the resource as it is.
    ///
    /// Asked in this order: whether it exists, whether the caller may change it, whether it is the right version.
    pub(crate) async fn replace(
        &self,
        id: Uuid,
        new: NewResource,
        permit: impl FnOnce(&Resource) -> Result<Permit<OwnerPolicy>, Denial>,
        precondition: &impl Precondition,
    ) -> Result<Change<Box<Versioned>>, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(current) = current(&mut transaction, id).await? else { return Ok(Change::Absent) };
        let permit = match permit(&current.resource) {
            Ok(permit) => permit,
            Err(denial) => return Ok(Change::Denied(denial)),
        };
        if !precondition.allows(current.version) {
            return Ok(Change::Stale);
        }
        let NewResource { name, content } = new;
        let resource = Resource { name, content, updated_at: now(), ..current.resource };
        let changed = Versioned { resource, version: current.version + 1 };
        update(&mut transaction, &permit, &changed).await?;
        transaction.commit().await?;
        Ok(Change::Done(Box::new(changed)))
    }

    /// Deletes a resource; asks as [`Self::replace`] does.
    pub(crate) async fn delete(
        &self,
        id: Uuid,
        permit: impl FnOnce(&Resource) -> Result<Permit<OwnerPolicy>, Denial>,
        precondition: &impl Precondition,
    ) -> Result<Change<()>, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(current) = current(&mut transaction, id).await? else { return Ok(Change::Absent) };
        let permit = match permit(&current.resource) {
            Ok(permit) => permit,
            Err(denial) => return Ok(Change::Denied(denial)),
        };
        if !precondition.allows(current.version) {
            return Ok(Change::Stale);
        }
        remove(&mut transaction, &permit).await?;
        transaction.commit().await?;
        Ok(Change::Done(()))
    }

    /// A transaction that may write from its start: it never has to be repeated because another one wrote first.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

fn first_version(resource: Resource) -> Created {
    Created::Done(Box::new(Versioned { resource, version: 1 }))
}

/// To the millisecond: more than anybody needs, and it reads well.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

async fn current(connection: &mut SqliteConnection, id: Uuid) -> Result<Option<Versioned>, StoreError> {
    let row: Option<Row> = sqlx::query_as("SELECT * FROM resources WHERE id = ?")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    row.map(Versioned::try_from).transpose()
}

async fn insert(connection: &mut SqliteConnection, resource: &Resource) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO resources (id, name, content, created_by, created_at, updated_at, version)
         VALUES (?, ?, ?, ?, ?, ?, 1)",
    )
    .bind(resource.id.to_string())
    .bind(&resource.name)
    .bind(json(&resource.content)?)
    .bind(resource.created_by.to_string())
    .bind(text(resource.created_at))
    .bind(text(resource.updated_at))
    .execute(connection)
    .await?;
    Ok(())
}

/// The permit says which resource is changed, so that one for another resource changes nothing else.
async fn update(
    connection: &mut SqliteConnection,
    permit: &Permit<OwnerPolicy>,
    changed: &Versioned,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE resources SET name = ?, content = ?, updated_at = ?, version = ? WHERE id = ?")
        .bind(&changed.resource.name)
        .bind(json(&changed.resource.content)?)
        .bind(text(changed.resource.updated_at))
        .bind(changed.version)
        .bind(permit.resource().to_string())
        .execute(connection)
        .await?;
    Ok(())
}

async fn remove(connection: &mut SqliteConnection, permit: &Permit<OwnerPolicy>) -> Result<(), StoreError> {
    let query = sqlx::query("DELETE FROM resources WHERE id = ?");
    query.bind(permit.resource().to_string()).execute(connection).await?;
    Ok(())
}

pub(super) fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Unreadable("request"))
}

/// With three decimals always, so that texts compare as the times do.
pub(super) fn text(time: Timestamp) -> String {
    DateTimePrinter::new().precision(Some(3)).timestamp_to_string(&time)
}
