//! The handlers of the resources, and the extractors that they use.

mod body;
mod cursor;
mod etag;
mod idempotency_key;
mod query;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use entra_shared::problem::Problem;
use entra_shared::resource::{NewResource, Resource, ResourcePage};
use http::{StatusCode, header};

pub(crate) use body::MAX_BODY_BYTES;

use crate::error::ApiError;
use crate::policies::{OwnerPolicy, ReadPolicy, Target, WritePolicy};
use crate::store::{IdempotencyKey, Page, ResourceKey, Store, StoreError, Versioned};
use body::Body;
use entra_guard::{Authorized, AuthorizedOn, Permit};
use etag::IfMatch;
use query::ListQuery;
pub use query::ResourceId;

/// Lists resources of the caller's tenant, oldest first.
#[utoipa::path(
    get,
    path = "/resources",
    operation_id = "listResources",
    tag = "resources",
    params(
        (
            "limit" = Option<u8>, Query, minimum = 1, maximum = 100,
            description = "The maximum number of resources; 50 by default. A page also ends at 1 MiB of content.",
        ),
        (
            "after" = Option<String>, Query, min_length = 1,
            description = "The `next` of the previous page: opaque text. Any other text is answered 400.",
        ),
    ),
    responses(
        (status = 200, body = ResourcePage),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    authorized: Authorized<ReadPolicy>,
    State(store): State<Store>,
    ListQuery { limit, after }: ListQuery,
) -> Result<Json<ResourcePage>, ApiError> {
    let Page { resources, next } = store.list(authorized.tenant(), limit, after).await?;
    Ok(Json(ResourcePage { items: resources, next: next.map(cursor::after) }))
}

/// Reads one resource.
#[utoipa::path(
    get,
    path = "/resources/{id}",
    operation_id = "readResource",
    tag = "resources",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = Resource, headers(("ETag", description = "The version."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn read(
    authorized: Authorized<ReadPolicy>,
    State(store): State<Store>,
    ResourceId(id): ResourceId,
) -> Result<Response, ApiError> {
    let found = store.find(ResourceKey { tenant: authorized.tenant(), id }).await?;
    Ok(with_etag(StatusCode::OK, found))
}

/// Creates a resource.
#[utoipa::path(
    post,
    path = "/resources",
    operation_id = "createResource",
    tag = "resources",
    params((
        "Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$",
        description = "Repeating a request with the same key and body returns the first answer and creates nothing.",
    )),
    request_body = NewResource,
    responses(
        (status = 201, body = Resource, headers(
            ("ETag", description = "The version."), ("Location", description = "The resource, relative to the request."),
        )),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    authorized: Authorized<WritePolicy>,
    State(store): State<Store>,
    key: Option<IdempotencyKey>,
    Body(new): Body,
) -> Result<Response, ApiError> {
    let created = store.create(new, authorized.principal().app(), key.as_ref()).await?;
    let location = format!("resources/{}", created.resource.id);
    Ok(([(header::LOCATION, location)], with_etag(StatusCode::CREATED, created)).into_response())
}

/// Replaces a resource.
#[utoipa::path(
    put,
    path = "/resources/{id}",
    operation_id = "replaceResource",
    tag = "resources",
    params(
        ("id" = Uuid, Path),
        (
            "If-Match" = String, Header, pattern = r#"^(\*|(W/)?"[!#-+\--~]*"(, ?(W/)?"[!#-+\--~]*")*)$"#,
            description = "The ETag of the version to replace.",
        ),
    ),
    request_body = NewResource,
    responses(
        (status = 200, body = Resource, headers(("ETag", description = "The version."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn replace(
    authorized: AuthorizedOn<OwnerPolicy>,
    State(store): State<Store>,
    ResourceId(id): ResourceId,
    if_match: IfMatch,
    Body(new): Body,
) -> Result<Response, ApiError> {
    let key = ResourceKey { tenant: authorized.tenant(), id };
    let replaced = store.replace(key, new, |target, version| permit(&authorized, &if_match, target, version));
    Ok(with_etag(StatusCode::OK, replaced.await?))
}

/// Deletes a resource.
#[utoipa::path(
    delete,
    path = "/resources/{id}",
    operation_id = "deleteResource",
    tag = "resources",
    params(
        ("id" = Uuid, Path),
        (
            "If-Match" = String, Header, pattern = r#"^(\*|(W/)?"[!#-+\--~]*"(, ?(W/)?"[!#-+\--~]*")*)$"#,
            description = "The ETag of the version to delete.",
        ),
    ),
    responses(
        (status = 204),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn delete(
    authorized: AuthorizedOn<OwnerPolicy>,
    State(store): State<Store>,
    ResourceId(id): ResourceId,
    if_match: IfMatch,
) -> Result<StatusCode, ApiError> {
    let key = ResourceKey { tenant: authorized.tenant(), id };
    store.delete(key, |target, version| permit(&authorized, &if_match, target, version)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Permits a change if the policy grants it for the stored resource, and `If-Match` names the stored version.
fn permit(
    authorized: &AuthorizedOn<OwnerPolicy>,
    if_match: &IfMatch,
    target: Target,
    version: i64,
) -> Result<Permit<OwnerPolicy>, StoreError> {
    let permit = authorized.on(target).map_err(StoreError::Denied)?;
    if if_match.allows(version) { Ok(permit) } else { Err(StoreError::Stale) }
}

fn with_etag(status: StatusCode, found: Versioned) -> Response {
    (status, [(header::ETAG, etag::from_version(found.version))], Json(found.resource)).into_response()
}
