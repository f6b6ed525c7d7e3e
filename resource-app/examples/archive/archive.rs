//! The handler of the new route.

use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use entra_guard::{Authorized, ClientId};
use resource_app::{ApiError, ResourceId, ResourceKey, Store};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::policies::ArchivePolicy;

/// The archived resources, in memory; an app that keeps them adds a column to its table instead.
static ARCHIVE: Mutex<Vec<ResourceKey>> = Mutex::new(Vec::new());

/// An archived resource.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Archived {
    /// The resource.
    id: Uuid,
    /// Its name.
    name: String,
    /// The app that sent the request.
    #[schema(value_type = Uuid)]
    requested_by: ClientId,
    /// Whether this request archived it; false if an earlier one did.
    newly: bool,
}

/// Archives a resource.
#[utoipa::path(
    post,
    path = "/resources/{id}/archive",
    operation_id = "archiveResource",
    tag = "resources",
    params(("id" = Uuid, Path)),
    responses((status = 200, body = Archived)),
)]
pub(crate) async fn archive(
    authorized: Authorized<ArchivePolicy>,
    State(store): State<Store>,
    ResourceId(id): ResourceId,
) -> Result<Json<Archived>, ApiError> {
    let key = ResourceKey { tenant: authorized.tenant(), id };
    let found = store.find(key).await?;
    let mut archive = ARCHIVE.lock().unwrap_or_else(PoisonError::into_inner);
    let newly = !archive.contains(&key);
    if newly {
        archive.push(key);
    }
    Ok(Json(Archived { id, name: found.resource.name, requested_by: authorized.client_id(), newly }))
}
