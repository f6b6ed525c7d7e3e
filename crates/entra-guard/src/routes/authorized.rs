//! The proofs that handlers take.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use entra_shared::ids::{ClientId, TenantId};
use http::request::Parts;
use http::{Extensions, StatusCode};

use super::RouteRules;
use crate::decision::SharedDecision;
use crate::policy::{Denial, Policy, ResourcePolicy};
use crate::principal::Principal;

/// What the guard puts into a request that a policy granted. Each guarded route replaces it.
#[derive(Clone)]
pub(super) struct Granted {
    pub(super) principal: Principal,
    pub(super) rules: Arc<RouteRules>,
    pub(super) decision: SharedDecision,
}

/// A request's principal, as proof that the policy `P` granted the request.
///
/// Only a guarded route has one: anywhere else the request ends with 500.
pub struct Authorized<P> {
    principal: Principal,
    policy: PhantomData<fn() -> P>,
}

/// A request's principal, as proof that `P`'s policy about callers granted the request.
///
/// [`Self::on`] evaluates `P` itself, once there is a resource.
pub struct AuthorizedOn<P> {
    granted: Granted,
    policy: PhantomData<fn() -> P>,
}

/// A request's principal, as proof that the policy `P` granted it while the policy `N` is tried.
///
/// `N` is evaluated and reported in the decision log, and denies nothing.
pub struct AuthorizedTrying<P, N> {
    principal: Principal,
    policies: PhantomData<fn() -> (P, N)>,
}

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

macro_rules! proof {
    ([$($policy:ident),+] $name:ident: $bound:ident, |$this:ident| $principal:expr) => {
        impl<$($policy: $bound),+> $name<$($policy),+> {
            /// Who sent the request.
            #[must_use]
            pub fn principal(&self) -> &Principal {
                let $this = self;
                &$principal
            }

            /// The calling app's client id.
            #[must_use]
            pub fn client_id(&self) -> ClientId {
                self.principal().client_id()
            }

            /// The calling app's tenant.
            #[must_use]
            pub fn tenant(&self) -> TenantId {
                self.principal().tenant()
            }
        }

        impl<$($policy: $bound),+> fmt::Debug for $name<$($policy),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let policies = [$($policy::NAME),+];
                let mut debug = f.debug_struct(stringify!($name));
                debug.field("policies", &policies).field("principal", self.principal()).finish()
            }
        }
    };
}

proof!([P] Authorized: Policy, |this| this.principal);
proof!([P] AuthorizedOn: ResourcePolicy, |this| this.granted.principal);
proof!([P, N] AuthorizedTrying: Policy, |this| this.principal);

impl<P: Policy> Authorized<P> {
    /// Takes the proof from a request's extensions, for a server without axum's handlers such as tonic's.
    ///
    /// # Errors
    /// The request did not pass the guard's layer for this policy.
    pub fn from_extensions(extensions: &Extensions) -> Result<Self, MissingGuard> {
        let granted = granted(extensions, |rules| rules.caller_type == TypeId::of::<P>())?;
        Ok(Self { principal: granted.principal.clone(), policy: PhantomData })
    }
}

impl<P: ResourcePolicy> AuthorizedOn<P> {
    /// Evaluates the policy on a resource.
    ///
    /// # Errors
    /// The policy denies. From then on the guard lets no other answer out than the denial or a server error.
    pub fn on(&self, resource: P::Resource) -> Result<Permit<P>, Denial> {
        let Granted { principal, rules, decision } = &self.granted;
        // The extractor has checked that the route has this policy.
        let rules = rules.of_resource::<P>().ok_or_else(|| Denial {
            policy: P::NAME,
            reasons: vec!["no_policy"],
            would_deny: Vec::new(),
            roles: Vec::new(),
        });
        let answer = rules.and_then(|rules| rules.evaluate(&principal.subject(), &resource));
        match &answer {
            Ok(would_deny) => decision.lock().granted(P::NAME, would_deny),
            Err(denial) => decision.lock().denied(denial),
        }
        answer.map(|_| Permit { resource })
    }
}

impl<P: ResourcePolicy> Permit<P> {
    /// The resource.
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

impl<S: Send + Sync, P: Policy> FromRequestParts<S> for Authorized<P> {
    type Rejection = MissingGuard;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingGuard> {
        Self::from_extensions(&parts.extensions)
    }
}

impl<S: Send + Sync, P: ResourcePolicy> FromRequestParts<S> for AuthorizedOn<P> {
    type Rejection = MissingGuard;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingGuard> {
        let granted = granted(&parts.extensions, |rules| rules.of_resource::<P>().is_some())?;
        Ok(Self { granted: granted.clone(), policy: PhantomData })
    }
}

impl<S: Send + Sync, P: Policy, N: Policy> FromRequestParts<S> for AuthorizedTrying<P, N> {
    type Rejection = MissingGuard;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingGuard> {
        let granted = granted(&parts.extensions, |rules| rules.caller_type == TypeId::of::<P>())?;
        Ok(Self { principal: granted.principal.clone(), policies: PhantomData })
    }
}

fn granted(
    extensions: &Extensions,
    has_policy: impl Fn(&RouteRules) -> bool,
) -> Result<&Granted, MissingGuard> {
    extensions.get::<Granted>().filter(|granted| has_policy(&granted.rules)).ok_or(MissingGuard)
}
