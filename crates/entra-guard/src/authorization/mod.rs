//! What a caller may do: policies made of requirements, each met by one of its handlers.
//!
//! # Layout
//!
//! - [`Subject`]: what a policy may know about whoever calls; [`Target`]: about the resource they want to change.
//! - [`Requirement`]: one condition, with the [`Handler`]s that can meet it. Any one suffices, unless another vetoes.
//! - [`Policy`]: requirements that must all be met. Pure: the same subject gets the same answer.
//! - [`ReadPolicy`], [`WritePolicy`], [`DefaultPolicy`]: the policies of this API, each a type. [`OwnerPolicy`] is
//!   about one resource.
//! - [`Policies`]: answers with a [`Proof`] that names the policy in its type, or with a [`Denial`]; about a resource,
//!   with a [`Permit`] for it.
//! - [`AuthorizationSettings`]: what an operator demands beside that.
//! - [`Role`]: the app roles.
//! - [`DevelopmentHandler`]: succeeds without a token, where that is allowed at all.
//!
//! Dependency rule: nothing here imports anything else of this crate, so that the folder can be lifted out.
//! That is why a [`Subject`] is plain data, and not the type that authentication makes.

mod development;
mod handlers;
mod in_use;
mod policies;
mod policy;
mod requirement;
mod role;
mod settings;
mod subject;

pub use development::DevelopmentHandler;
pub use in_use::Policies;
pub use policies::{CALLER_POLICIES, DefaultPolicy, OwnerPolicy, RESOURCE_POLICIES, ReadPolicy, WritePolicy};
pub use policy::{Denial, NamedPolicy, Permit, Policy, PolicyError, Proof, ResourcePolicy};
pub use requirement::{Handler, Outcome, Requirement};
pub use role::Role;
pub use settings::{AuthorizationSettings, ClientKey, ClientName, ListedClient};
pub use subject::{Subject, Target};
