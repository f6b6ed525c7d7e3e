//! What a caller may do: policies made of requirements, each met by one of its handlers.
//!
//! # Layout
//!
//! - [`Subject`]: what a policy may know about whoever calls.
//! - [`Requirement`]: one condition, with the [`Handler`]s that can meet it. Any one suffices, unless another vetoes.
//! - [`Policy`]: requirements that must all be met. Pure: the same subject gets the same answer.
//! - [`ReadPolicy`], [`WritePolicy`], [`DefaultPolicy`]: the policies of this API, each a type.
//! - [`Policies`]: answers with a [`Proof`] that names the policy in its type, or with a [`Denial`].
//! - [`DevelopmentHandler`]: succeeds without a token, where that is allowed at all.
//!
//! Dependency rule: nothing here imports anything else of this crate, so that the folder can be lifted out.
//! That is why a [`Subject`] is plain data, and not the type that authentication makes.

mod development;
mod handlers;
mod policies;
mod policy;
mod requirement;
mod role;
mod subject;

pub use development::DevelopmentHandler;
pub use policies::{DefaultPolicy, ReadPolicy, WritePolicy};
pub use policy::{Denial, NamedPolicy, Policies, Policy, PolicyError, Proof};
pub use requirement::{Handler, Outcome, Requirement};
pub use role::Role;
pub use subject::Subject;
