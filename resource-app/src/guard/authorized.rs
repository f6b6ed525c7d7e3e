//! The proofs that handlers under `/api` take.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::Extensions;
use http::request::Parts;

use super::verdict::Identified;
use crate::error::ApiError;
use crate::principal::Principal;
use crate::state::AppState;
use entra_guard::authorization::{Denial, NamedPolicy, Permit, Policies, Proof, ResourcePolicy, Target};

/// A request's principal, and the proof that the policy `P` said yes to it.
///
/// As the first argument of a handler it is evaluated before anything else of the request is looked at.
pub struct Authorized<P> {
    principal: Principal,
    _proof: Proof<P>,
}

/// A request's principal, and the proof that `P`'s policy of callers said yes to it.
///
/// `P` itself is evaluated by [`Self::on`] once there is a resource. What changes one demands the [`Permit`].
pub struct AuthorizedOn<P: ResourcePolicy> {
    identified: Identified,
    policies: Arc<Policies>,
    _proof: Proof<P::Caller>,
}

/// A request's principal, and the proof that the policy `P` said yes to it, while the new policy `N` is tried.
///
/// `N` is evaluated and never enforced: whom it would deny is in the record of the decision and counted, and the
/// request goes on. There is no way to try a policy but beside one that is enforced, and it gives no proof.
pub struct AuthorizedTrying<P, N> {
    authorized: Authorized<P>,
    tried: PhantomData<fn() -> N>,
}

impl<P> Authorized<P> {
    /// Who the request comes from.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
}

impl<P, N> AuthorizedTrying<P, N> {
    /// Who the request comes from.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        self.authorized.principal()
    }
}

impl<P: ResourcePolicy> AuthorizedOn<P> {
    /// Who the request comes from.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        self.identified.principal()
    }

    /// Evaluates the policy on a resource.
    ///
    /// # Errors
    /// The policy said no.
    pub fn on(&self, target: &Target) -> Result<Permit<P>, Denial> {
        let decision = self.policies.authorize_on::<P>(&self.principal().subject(), target);
        match &decision {
            Ok(permit) => self.identified.granted(P::NAME, permit.would_deny()),
            Err(denial) => self.identified.denied(denial),
        }
        decision
    }
}

impl<P: NamedPolicy> fmt::Debug for Authorized<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Authorized");
        debug.field("policy", &P::NAME).field("principal", &self.principal).finish_non_exhaustive()
    }
}

impl<P: NamedPolicy, N: NamedPolicy> fmt::Debug for AuthorizedTrying<P, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("AuthorizedTrying");
        debug.field("authorized", &self.authorized).field("tried", &N::NAME).finish()
    }
}

impl<P: ResourcePolicy> fmt::Debug for AuthorizedOn<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("AuthorizedOn");
        debug.field("policy", &P::NAME).field("principal", self.principal()).finish_non_exhaustive()
    }
}

impl<P: NamedPolicy> FromRequestParts<AppState> for Authorized<P> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let (identified, proof) = authorize(&parts.extensions, state).map_err(ApiError::into_response)?;
        Ok(Self { principal: identified.principal().clone(), _proof: proof })
    }
}

impl<P: ResourcePolicy> FromRequestParts<AppState> for AuthorizedOn<P> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let (identified, proof) = authorize(&parts.extensions, state).map_err(ApiError::into_response)?;
        Ok(Self { identified: identified.clone(), policies: Arc::clone(&state.policies), _proof: proof })
    }
}

impl<P: NamedPolicy, N: NamedPolicy> FromRequestParts<AppState> for AuthorizedTrying<P, N> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let authorized = Authorized::from_request_parts(parts, state).await?;
        if let Some(identified) = parts.extensions.get::<Identified>() {
            identified.tried(N::NAME, &state.policies.would_deny::<N>(&identified.principal().subject()));
        }
        Ok(Self { authorized, tried: PhantomData })
    }
}

fn authorize<'e, P: NamedPolicy>(
    extensions: &'e Extensions,
    state: &AppState,
) -> Result<(&'e Identified, Proof<P>), ApiError> {
    let identified = extensions.get::<Identified>().ok_or(ApiError::Unguarded)?;
    match state.policies.authorize::<P>(&identified.principal().subject()) {
        Ok(proof) => {
            identified.granted(P::NAME, proof.would_deny());
            Ok((identified, proof))
        }
        Err(denial) => {
            identified.denied(&denial);
            Err(denial.into())
        }
    }
}
