//! Policies: requirements that a caller must meet, each a type that a handler names.

mod built_in;
mod clients;
mod demands;
mod requirement;
mod rules;
mod subject;
#[cfg(test)]
mod tests;

pub use clients::ListedClient;
pub use demands::{Demands, Enforcement};
pub use requirement::{Context, Outcome, Requirement, RequirementHandler, Requirements};
pub(crate) use rules::Rules;
pub use rules::{Denial, PolicyError};
pub use subject::{AppIdentity, Subject};

/// A policy about callers: the counterpart of `[Authorize("ReadPolicy")]`.
///
/// Handlers name it as [`Authorized<P>`](crate::Authorized).
pub trait Policy: Send + Sync + 'static {
    /// The name in logs, in the table of routes and in settings.
    const NAME: &'static str;

    /// What a caller must meet, all of it.
    fn requirements() -> Requirements;
}

/// A policy about a caller and one resource, evaluated in the handler when the resource has been found.
///
/// Handlers name it as [`AuthorizedOn<P>`](crate::AuthorizedOn).
pub trait ResourcePolicy: Send + Sync + 'static {
    /// The name in logs and in the table of routes.
    const NAME: &'static str;

    /// The resource that the policy is about.
    type Resource: 'static;

    /// The policy that a caller must pass before any resource is looked up.
    type Caller: Policy;

    /// What a caller must meet for a resource, all of it.
    fn requirements() -> Requirements<Self::Resource>;

    /// The app that created the resource, for [`Demands::only_creator_changes`].
    ///
    /// That demand denies everyone a resource without a creator, which is the default.
    #[must_use]
    fn creator(_resource: &Self::Resource) -> Option<AppIdentity> {
        None
    }
}
