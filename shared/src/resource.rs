//! The wire types of the resource API.

mod content;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use content::Content;

use crate::ids::ClientId;

/// A resource as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Resource {
    /// A `UUIDv7` that the API creates; sorts by time of creation.
    pub id: Uuid,
    /// 1 to 200 characters, none of them a control character.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001F\u007F-\u009F]+$")
    )]
    pub name: String,
    /// Any JSON of at most 64 KiB.
    #[cfg_attr(feature = "openapi", schema(value_type = Value))]
    pub content: Content,
    /// The client id of the app that created it, from its access token.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub created_by: ClientId,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub updated_at: Timestamp,
}

/// The body of a request to create or replace a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(examples(json!({ "name": "first", "content": { "answer": 42 } }))))]
#[serde(deny_unknown_fields)]
pub struct NewResource {
    /// 1 to 200 characters, none of them a control character.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001F\u007F-\u009F]+$")
    )]
    pub name: String,
    /// Any JSON of at most 64 KiB.
    #[cfg_attr(feature = "openapi", schema(value_type = Value))]
    pub content: Content,
}

/// One page of resources, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResourcePage {
    /// The resources of this page.
    pub items: Vec<Resource>,
    /// The value of `?after=` for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
