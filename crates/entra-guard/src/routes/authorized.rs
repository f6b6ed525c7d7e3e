//! The proofs that handlers take.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use entra_shared::ids::{ClientId, TenantId};
use http::request::Parts;
use http::{Extensions, StatusCode};

use super::{On, RouteGuard, RouteRules, Trying};
use crate::decision::SharedDecision;
use crate::policy::{Denial, ResourcePolicy};
use crate::principal::Principal;

/// The proof that the guard puts into a request which a policy granted. Each guarded route replaces it.
#[derive(Clone)]
pub(super) struct Granted {
    pub(super) principal: Principal,
    pub(super) rules: Arc<RouteRules>,
    pub(super) decision: SharedDecision,
}

/// A request's principal, as proof that the policies of `G` granted the request.
///
/// `G` is a [`Policy`](crate::Policy); [`AuthorizedOn`] and [`AuthorizedTrying`] are the other forms. Only a guarded route has a
/// proof: anywhere else the request ends with 500.
pub struct Authorized<G> {
    granted: Granted,
    guard: PhantomData<fn() -> G>,
}

/// A request's principal, as proof that `P`'s policy about callers granted the request.
///
/// [`Self::on`] evaluates `P` itself, once there is a resource.
pub type AuthorizedOn<P> = Authorized<On<P>>;

/// A request's principal, as proof that the policy `P` allowed the request; the policy `N` is on trial.
///
/// `N` is evaluated and its result logged, but it never denies a request.
pub type AuthorizedTrying<P, N> = Authorized<Trying<P, N>>;

/// A resource, as proof that the policy `P` granted the request for it; only [`AuthorizedOn::on`] makes one.
pub struct Permit<P: ResourcePolicy> {
    resource: P::Resource,
}

/// A handler asked for a proof on a route that its policy does not guard: a mistake in the service, answered with 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this route is not guarded by the handler's policy; register it with `guard.routes()`")]
pub struct MissingGuard;

impl IntoResponse for MissingGuard {
    fn into_response(self) -> Response {
        tracing::error!(error = %self, "refused");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

impl<G: RouteGuard> Authorized<G> {
    /// Takes the proof from a request's extensions, for a server without axum's handlers such as tonic's.
    ///
    /// # Errors
    /// The request did not pass the guard's layer for this policy.
    pub fn from_extensions(extensions: &Extensions) -> Result<Self, MissingGuard> {
        let granted: Option<&Granted> = extensions.get();
        let granted = granted.filter(|granted| G::guards(&granted.rules)).cloned();
        Ok(Self { granted: granted.ok_or(MissingGuard)?, guard: PhantomData })
    }

    /// Returns the sender of the request.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.granted.principal
    }

    /// Returns the calling app's client id.
    #[must_use]
    pub fn client_id(&self) -> ClientId {
        self.principal().client_id()
    }

    /// Returns the calling app's tenant.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.principal().tenant()
    }
}

impl<P: ResourcePolicy> AuthorizedOn<P> {
    /// Evaluates the policy on a resource.
    ///
    /// # Errors
    /// The policy denies. From then on the guard lets no other answer out than the denial or a server error.
    pub fn on(&self, resource: P::Resource) -> Result<Permit<P>, Denial> {
        let Granted { principal, rules, decision } = &self.granted;
        // The route has this policy; otherwise there would be no proof.
        let rules = rules.for_resource::<P>().ok_or_else(|| Denial::no_policy(P::NAME));
        let answer = rules.and_then(|rules| rules.evaluate(&principal.subject(), &resource));
        match &answer {
            Ok(would_deny) => decision.lock().granted(P::NAME, would_deny),
            Err(denial) => decision.lock().denied(denial),
        }
        answer.map(|_| Permit { resource })
    }
}

impl<G: RouteGuard> fmt::Debug for Authorized<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Authorized");
        debug.field("policy", &G::NAME).field("principal", self.principal()).finish()
    }
}

impl<S: Send + Sync, G: RouteGuard> FromRequestParts<S> for Authorized<G> {
    type Rejection = MissingGuard;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingGuard> {
        Self::from_extensions(&parts.extensions)
    }
}

impl<P: ResourcePolicy> Permit<P> {
    /// Returns the resource.
    #[must_use]
    pub fn resource(&self) -> &P::Resource {
        &self.resource
    }

    /// Gives the resource back.
    #[must_use]
    pub fn into_resource(self) -> P::Resource {
        self.resource
    }
}

impl<P: ResourcePolicy> fmt::Debug for Permit<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&P::NAME).finish()
    }
}
