//! Validates access tokens of Microsoft Entra ID and enforces policies in axum services.
//!
//! # Layout
//!
//! - [`Guard`]: keys, expectations of tokens, and what every guarded route shares.
//! - [`Policy`], [`Requirement`], [`AppRole`]: what a caller must be and have.
//! - [`GuardedRoutes`], [`Authorized`]: routes that cannot be registered without a policy.
//! - [`Answers`], [`codes`]: refusals over HTTP. The decision log has the target `decision`.
//! - `testing`, a feature: an issuer for tests, in process.
//! - [`authentication`]: from a request's headers to the app that sent it.

mod answers;
mod app_role;
pub mod authentication;
mod decision;
mod development;
pub mod explain;
mod guard;
mod policy;
mod principal;
mod routes;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use answers::{Answers, ProblemCode, ProblemJson, ReasonCode, Refusal, codes};
pub use app_role::AppRole;
pub use authentication::{Caller, Tenancy};
#[cfg(feature = "metrics")]
pub use decision::DecisionMetrics;
pub use decision::{Deadline, DecisionObserver};
pub use development::DevelopmentHandler;
pub use guard::{Guard, GuardBuilder, GuardStatus, StartError};
pub use policy::{
    AppIdentity, Context, Demands, Denial, Enforcement, ListedClient, Outcome, Policy, PolicyError,
    Requirement, RequirementHandler, Requirements, ResourcePolicy, Subject,
};
pub use principal::Principal;
#[doc(hidden)]
pub use routes::RouteRules;
#[cfg(feature = "utoipa")]
pub use routes::SECURITY_SCHEME;
pub use routes::{
    Authorized, AuthorizedOn, AuthorizedTrying, GuardedRoutes, HasPolicy, MissingGuard, Permit, RequireLayer,
    RequireService, RouteError, RoutePolicy, RouteTable, TableRow,
};

pub use entra_shared::azure_ad::{Instance, Version};
pub use entra_shared::ids::{AppIdUri, ClientId, TenantId};
