//! The extractor of the resource's client.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::resource_client::{Correlation, ResourceClient};

/// The resource's client, whose calls carry the current request's correlation headers.
pub(super) struct Client(pub(super) ResourceClient);

impl FromRequestParts<ResourceClient> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, client: &ResourceClient) -> Result<Self, Infallible> {
        let correlation = parts.extensions.get::<Correlation>().cloned().unwrap_or_default();
        Ok(Self(client.on_behalf_of(correlation)))
    }
}
