//! The handlers of the resources, and the extractors that they use.

mod body;
mod cursor;
mod etag;
mod idempotency_key;
mod query;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use entra_shared::problem::Problem;
use entra_shared::resource::{NewResource, Resource, ResourcePage};
use http::{HeaderValue, StatusCode, header};
use uuid::Uuid;

pub(crate) use body::MAX_BODY_BYTES;

use crate::error::{ApiError, RequestError};
use crate::json::Json;
use crate::policies::{OwnerPolicy, ReadPolicy, WritePolicy};
use crate::store::{Change, Created, IdempotencyKey, Owner, Page, ResourceKey, Store, Versioned};
use body::Body;
use entra_guard::{Authorized, AuthorizedOn, Principal};
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
        ("after" = Option<String>, Query, description = "The `next` of the previous page."),
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
    let Page { resources, next } = store.list(authorized.principal().tenant(), limit, after).await?;
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
    let found = store.find(key(authorized.principal(), id)).await?;
    Ok(with_etag(StatusCode::OK, found.ok_or(RequestError::ResourceNotFound)?))
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
            ("ETag", description = "The version."), ("Location", description = "The path of the resource."),
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
    match store.create(new, owner(authorized.principal()), key.as_ref()).await? {
        Created::KeyReused => Err(RequestError::IdempotencyKeyReused.into()),
        Created::Done(created) => {
            let location = format!("/api/resources/{}", created.resource.id);
            let mut response = with_etag(StatusCode::CREATED, *created);
            if let Ok(location) = HeaderValue::try_from(location) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            Ok(response)
        }
    }
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
    let replaced = done(
        store
            .replace(key(authorized.principal(), id), new, |target| authorized.on(*target), &if_match)
            .await?,
    )?;
    Ok(with_etag(StatusCode::OK, *replaced))
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
    done(store.delete(key(authorized.principal(), id), |target| authorized.on(*target), &if_match).await?)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns the owner of what the caller creates.
fn owner(principal: &Principal) -> Owner {
    Owner { tenant: principal.tenant(), client_id: principal.client_id() }
}

/// Returns the key of a resource in the caller's tenant.
fn key(principal: &Principal, id: Uuid) -> ResourceKey {
    ResourceKey { tenant: principal.tenant(), id }
}

fn done<T>(change: Change<T>) -> Result<T, ApiError> {
    match change {
        Change::Done(changed) => Ok(changed),
        Change::Stale => Err(RequestError::PreconditionFailed.into()),
        Change::Absent => Err(RequestError::ResourceNotFound.into()),
        Change::Denied(denial) => Err(denial.into()),
    }
}

fn with_etag(status: StatusCode, found: Versioned) -> Response {
    let response = Json(found.resource).into_response();
    if response.status() == StatusCode::OK {
        (status, [(header::ETAG, etag::from_version(found.version))], response).into_response()
    } else {
        response
    }
}
