//! Replacing and deleting resources, each in one transaction.

use entra_guard::Permit;
use entra_shared::resource::{NewResource, Resource};

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
        let mut transaction = self.writer.begin().await?;
        let replaced = async {
            let row = row::find(&mut *transaction.connection, key).await?;
            let (target, version) = row::target(&row, key)?;
            let permit = check(target, version)?;
            let Versioned { resource, version } = row::read(&row)?;
            let NewResource { name, content } = new;
            let resource = Resource { name, content, updated_at: now(), ..resource };
            let changed = Versioned { resource, version: version + 1 };
            row::update(&mut transaction.connection, permitted(&permit), &changed).await?;
            Ok(changed)
        };
        let replaced = replaced.await;
        self.count(transaction.end(replaced).await)
    }

    /// Deletes a resource if `check` permits that.
    ///
    /// A resource whose name or content is damaged can be deleted.
    pub(crate) async fn delete(
        &self,
        key: ResourceKey,
        check: impl FnOnce(Target, i64) -> Result<Permit<OwnerPolicy>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        let deleted = async {
            let row = row::find(&mut *transaction.connection, key).await?;
            let (target, version) = row::target(&row, key)?;
            let permit = check(target, version)?;
            row::delete(&mut transaction.connection, permitted(&permit)).await?;
            Ok(())
        };
        let deleted = deleted.await;
        self.count(transaction.end(deleted).await)
    }
}

/// Returns the key of the permitted resource, so that no other one is changed.
fn permitted(permit: &Permit<OwnerPolicy>) -> ResourceKey {
    ResourceKey { tenant: permit.resource().tenant, id: permit.resource().id }
}
