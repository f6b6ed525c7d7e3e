//! The app roles and the policies of this API.

use entra_guard::{AppIdentity, AppRole, ClientId, Policy, Requirements, ResourcePolicy, TenantId};
use uuid::Uuid;

/// Allows listing and reading resources.
pub(crate) const READ: AppRole = AppRole::new(
    "Resource.Read",
    "c125abc9-00a9-469d-a02c-5cfffc6d2d9c",
    "Read resources as the calling application.",
);

/// Allows creating, replacing and deleting resources, but not reading them.
pub(crate) const WRITE: AppRole = AppRole::new(
    "Resource.Write",
    "f8d39977-e31e-460b-b92c-9cef51d14f98",
    "Create, replace and delete resources as the calling application.",
);

/// May list and read resources.
pub(crate) struct ReadPolicy;

impl Policy for ReadPolicy {
    const NAME: &'static str = "ReadPolicy";

    fn requirements() -> Requirements {
        Requirements::app().role(READ)
    }
}

/// May create, replace and delete resources.
pub(crate) struct WritePolicy;

impl Policy for WritePolicy {
    const NAME: &'static str = "WritePolicy";

    fn requirements() -> Requirements {
        Requirements::app().role(WRITE)
    }
}

/// Is an app with a valid token, whatever its roles.
pub(crate) struct DefaultPolicy;

impl Policy for DefaultPolicy {
    const NAME: &'static str = "DefaultPolicy";

    fn requirements() -> Requirements {
        Requirements::app()
    }
}

/// May replace or delete one resource: any, or only its own if the settings demand that.
///
/// A caller with [`WritePolicy`] learns from a 403 that the resource exists, as it does from the 412 of a wrong
/// `If-Match`. Reading the resource needs [`ReadPolicy`] either way.
pub(crate) struct OwnerPolicy;

/// The part of a resource that [`OwnerPolicy`] is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) id: Uuid,
    pub(crate) tenant: TenantId,
    /// The app of that tenant that created the resource.
    pub(crate) created_by: ClientId,
}

impl ResourcePolicy for OwnerPolicy {
    const NAME: &'static str = "OwnerPolicy";
    type Resource = Target;
    type Caller = WritePolicy;

    fn requirements() -> Requirements<Target> {
        Requirements::resource()
    }

    fn creator(target: &Target) -> Option<AppIdentity> {
        Some(AppIdentity { tenant: target.tenant, client_id: target.created_by })
    }
}
