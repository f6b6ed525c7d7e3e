//! Forwards `/api/resources` to the resource's routes with this client's own token.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use entra_shared::json::{Object, is_utf8};
use entra_shared::resource::{NewResource, ResourcePage};
use uuid::Uuid;

use super::failure::Failure;
use crate::resource_client::{IDEMPOTENCY_KEY, Paging, ResourceClient, Tagged};

type PathId = Result<Path<Uuid>, PathRejection>;
type Body = Result<Json<Object<NewResource>>, JsonRejection>;

pub(super) async fn list(
    Extension(client): Extension<ResourceClient>,
    paging: Result<Query<Paging>, QueryRejection>,
) -> Result<Json<ResourcePage>, Failure> {
    let Query(paging) = paging?;
    Ok(Json(client.list(&paging).await?))
}

pub(super) async fn read(
    Extension(client): Extension<ResourceClient>,
    id: PathId,
) -> Result<Response, Failure> {
    let Path(id) = id?;
    Ok(tagged(StatusCode::OK, client.read(id).await?))
}

pub(super) async fn create(
    Extension(client): Extension<ResourceClient>,
    headers: HeaderMap,
    new: Body,
) -> Result<Response, Failure> {
    let new = body(&headers, new)?;
    let created = client.create(&new, text(&headers, &HeaderName::from_static(IDEMPOTENCY_KEY))?).await?;
    // This service's own URL instead of the resource's, which the caller cannot use; relative for proxies that add a path.
    let location = HeaderValue::try_from(format!("resources/{}", created.resource.id));
    let mut response = tagged(StatusCode::CREATED, created);
    response.headers_mut().extend(location.ok().map(|location| (header::LOCATION, location)));
    Ok(response)
}

pub(super) async fn replace(
    Extension(client): Extension<ResourceClient>,
    id: PathId,
    headers: HeaderMap,
    new: Body,
) -> Result<Response, Failure> {
    let (Path(id), new) = (id?, body(&headers, new)?);
    let replaced = client.replace(id, &new, text(&headers, &header::IF_MATCH)?).await?;
    Ok(tagged(StatusCode::OK, replaced))
}

pub(super) async fn delete(
    Extension(client): Extension<ResourceClient>,
    id: PathId,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let Path(id) = id?;
    client.delete(id, text(&headers, &header::IF_MATCH)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn body(headers: &HeaderMap, body: Body) -> Result<NewResource, Failure> {
    if !is_utf8(headers) {
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"));
    }
    let Json(Object(new)) = body?;
    Ok(new)
}

fn tagged(status: StatusCode, tagged: Tagged) -> Response {
    let etag = tagged.etag.map(|etag| (header::ETAG, etag));
    let mut response = (status, Json(tagged.resource)).into_response();
    response.headers_mut().extend(etag);
    response
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Failure> {
    let text = headers.get(name).map(HeaderValue::to_str).transpose();
    text.map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "invalid_header"))
}
