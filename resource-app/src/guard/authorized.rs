//! The proof that a handler under `/api` takes.

use std::fmt;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::Extensions;
use http::request::Parts;

use crate::authorization::{NamedPolicy, Proof};
use crate::error::ApiError;
use crate::principal::Principal;
use crate::state::AppState;

/// A request's principal, and the proof that the policy `P` said yes to it.
///
/// As the first argument of a handler it is evaluated before anything else of the request is looked at.
pub struct Authorized<P> {
    principal: Principal,
    _proof: Proof<P>,
}

impl<P> Authorized<P> {
    /// Who the request comes from.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
}

impl<P: NamedPolicy> fmt::Debug for Authorized<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Authorized");
        debug.field("policy", &P::NAME).field("principal", &self.principal).finish_non_exhaustive()
    }
}

impl<P: NamedPolicy> FromRequestParts<AppState> for Authorized<P> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        authorize(&parts.extensions, state).map_err(ApiError::into_response)
    }
}

fn authorize<P: NamedPolicy>(extensions: &Extensions, state: &AppState) -> Result<Authorized<P>, ApiError> {
    let principal = extensions.get::<Principal>().cloned().ok_or(ApiError::Unguarded)?;
    let client_id = principal.client_id();
    let proof = state
        .policies
        .authorize::<P>(&principal.subject())
        .map_err(|denial| ApiError::Denied { denial, client_id })?;
    tracing::debug!(policy = P::NAME, %client_id, "granted");
    Ok(Authorized { principal, _proof: proof })
}
