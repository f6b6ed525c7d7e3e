//! Creating resources.

use entra_guard::AppIdentity;
use entra_shared::resource::{NewResource, Resource};
use uuid::Uuid;

use super::idempotency::{self, IdempotencyKey, KeyedRequest};
use super::time::now;
use super::{Store, StoreError, Versioned, row};

impl Store {
    /// Creates a resource, or returns the one that the owner created before with the same key and request.
    pub(crate) async fn create(
        &self,
        new: NewResource,
        owner: AppIdentity,
        key: Option<&IdempotencyKey>,
    ) -> Result<Versioned, StoreError> {
        let request = key.map(|key| KeyedRequest::new(owner, key, &new));
        let mut transaction = self.writer.begin().await?;
        let created = async {
            if let Some(request) = &request
                && let Some(resource) = idempotency::answer(&mut transaction.connection, request).await?
            {
                return Ok(Versioned { resource, version: 1 });
            }
            // The single writer creates ids, so rows appear in id order and no page skips one.
            let (id, now) = (Uuid::now_v7(), now());
            let NewResource { name, content } = new;
            let created_by = owner.client_id;
            let resource = Resource { id, name, content, created_by, created_at: now, updated_at: now };
            let versioned = Versioned { resource, version: 1 };
            row::insert(&mut transaction.connection, owner.tenant, &versioned).await?;
            if let Some(request) = &request {
                idempotency::remember(&mut transaction.connection, request, &versioned.resource).await?;
                idempotency::forget(&mut transaction.connection, now, self.key_retention).await?;
            }
            Ok(versioned)
        };
        let created = created.await;
        self.count(transaction.end(created).await)
    }
}
