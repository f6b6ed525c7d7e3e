//! The app roles of this API: declared here, once.
//!
//! Policies ask for them, operations of the API's description name them, and the registration's manifest is written from
//! them and compared with them.

use std::fmt;

use uuid::{Uuid, uuid};

/// An app role, as the registration's manifest declares it under `appRoles`.
///
/// <https://learn.microsoft.com/entra/identity-platform/howto-add-app-roles-in-apps>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Lists and reads resources.
    ResourceRead,
    /// Creates, replaces and deletes resources. Does not include reading them.
    ResourceWrite,
}

impl Role {
    /// All of them, in the manifest's order.
    pub const ALL: [Self; 2] = [Self::ResourceRead, Self::ResourceWrite];

    /// The manifest's `value`: how the `roles` claim writes it.
    #[must_use]
    pub const fn value(self) -> &'static str {
        match self {
            Self::ResourceRead => "Resource.Read",
            Self::ResourceWrite => "Resource.Write",
        }
    }

    /// The manifest's `id`: what grants refer to, so that it never changes.
    #[must_use]
    pub const fn id(self) -> Uuid {
        match self {
            Self::ResourceRead => uuid!("c125abc9-00a9-469d-a02c-5cfffc6d2d9c"),
            Self::ResourceWrite => uuid!("f8d39977-e31e-460b-b92c-9cef51d14f98"),
        }
    }

    /// The manifest's `description`: what an administrator reads who grants it.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::ResourceRead => "Read resources as the calling application.",
            Self::ResourceWrite => "Create, replace and delete resources as the calling application.",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.value())
    }
}
