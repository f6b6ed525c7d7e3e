//! Creating resources.

use entra_shared::resource::{NewResource, Resource};
use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::idempotency::{self, IdempotencyKey, Seen};
use super::time::now;
use super::{Owner, Store, StoreError, Versioned, row};

/// The outcome of a request to create a resource.
#[derive(Debug)]
pub(crate) enum Created {
    /// Created, now or by an earlier copy of the same request.
    Done(Box<Versioned>),
    /// The key belongs to a different request.
    KeyReused,
}

/// An idempotency key and how long its answer is kept.
#[derive(Clone, Copy)]
struct Keyed<'k> {
    key: &'k IdempotencyKey,
    retention: SignedDuration,
}

impl Store {
    /// Creates a resource, or repeats the earlier answer if the owner has used the key before.
    pub(crate) async fn create(
        &self,
        new: NewResource,
        owner: Owner,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created, StoreError> {
        let keyed = key.map(|key| Keyed { key, retention: self.key_retention });
        let mut turn = self.writer.turn().await?;
        let created = create(&mut turn, new, owner, keyed).await;
        self.count(turn.end(created).await)
    }
}

async fn create(
    connection: &mut SqliteConnection,
    new: NewResource,
    owner: Owner,
    keyed: Option<Keyed<'_>>,
) -> Result<Created, StoreError> {
    let fingerprint = idempotency::fingerprint(&new);
    if let Some(Keyed { key, .. }) = keyed {
        match idempotency::look_up(connection, owner, key, &fingerprint).await? {
            Some(Seen::Same(resource)) => return Ok(first_version(*resource)),
            Some(Seen::Other) => return Ok(Created::KeyReused),
            None => (),
        }
    }
    // The single writer creates ids, so rows appear in id order and no page skips one.
    let (id, now) = (Uuid::now_v7(), now());
    let NewResource { name, content } = new;
    let created_by = owner.client_id;
    let resource = Resource { id, name, content, created_by, created_at: now, updated_at: now };
    let versioned = Versioned { resource, version: 1 };
    row::insert(connection, owner.tenant, &versioned).await?;
    if let Some(Keyed { key, retention }) = keyed {
        let oldest = now.saturating_sub(retention).unwrap_or(Timestamp::MIN);
        idempotency::forget_before(connection, oldest).await?;
        idempotency::remember(connection, owner, key, (&fingerprint, &versioned.resource)).await?;
    }
    Ok(Created::Done(Box::new(versioned)))
}

fn first_version(resource: Resource) -> Created {
    Created::Done(Box::new(Versioned { resource, version: 1 }))
}
