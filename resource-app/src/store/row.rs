//! A resource as a row of its table.

use shared::ids::ClientId;
use shared::resource::Resource;
use uuid::Uuid;

use super::{StoreError, Versioned};

/// The columns of a resource, all texts as SQLite keeps them.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    id: String,
    name: String,
    content: String,
    created_by: String,
    created_at: String,
    updated_at: String,
    version: i64,
}

impl TryFrom<Row> for Versioned {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let unreadable = StoreError::Unreadable;
        let resource = Resource {
            id: Uuid::try_parse(&row.id).map_err(|_| unreadable("resource id"))?,
            name: row.name,
            content: serde_json::from_str(&row.content).map_err(|_| unreadable("resource content"))?,
            created_by: ClientId::parse(&row.created_by).map_err(|_| unreadable("app id"))?,
            created_at: row.created_at.parse().map_err(|_| unreadable("time of creation"))?,
            updated_at: row.updated_at.parse().map_err(|_| unreadable("time of change"))?,
        };
        Ok(Self { resource, version: row.version })
    }
}
