//! The app roles of this API.

use std::fmt;

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
    /// The manifest's `value`: how the `roles` claim writes it.
    #[must_use]
    pub const fn value(self) -> &'static str {
        match self {
            Self::ResourceRead => "Resource.Read",
            Self::ResourceWrite => "Resource.Write",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.value())
    }
}
