//! App roles, as an API declares them in code.

use std::fmt;

use uuid::Uuid;

/// An app role that a policy requires.
///
/// It corresponds to an item of `appRoles` in the manifest of the API's app registration.
/// <https://learn.microsoft.com/entra/identity-platform/howto-add-app-roles-in-apps>
///
/// ```
/// use entra_guard::AppRole;
///
/// const READ: AppRole = AppRole::new("Orders.Read", "0b4fa4e2-6d0f-4c55-9a34-9f3c1c1d7b21", "Read orders.");
/// ```
///
/// An id that is not a GUID does not compile:
///
/// ```compile_fail
/// const READ: entra_guard::AppRole = entra_guard::AppRole::new("Orders.Read", "0b4fa4e2", "Read orders.");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AppRole {
    value: &'static str,
    id: Uuid,
    description: &'static str,
}

impl AppRole {
    /// Declares a role. In a `const`, a wrong argument is a compile error.
    ///
    /// # Panics
    /// The id is not a GUID, or the value is empty or has characters that a `scope` cannot hold (RFC 6749 section 3.3).
    #[must_use]
    pub const fn new(value: &'static str, id: &str, description: &'static str) -> Self {
        assert!(is_scope_token(value.as_bytes()), "the value of an app role must be a word of visible ASCII");
        match Uuid::try_parse(id) {
            Ok(id) => Self { value, id, description },
            Err(_) => panic!("the id of an app role must be a GUID"),
        }
    }

    /// Returns the role's value, as the `roles` claim holds it.
    #[must_use]
    pub const fn value(&self) -> &'static str {
        self.value
    }

    /// Returns the role's id, which grants refer to; it never changes.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Returns the description that an administrator reads before granting the role.
    #[must_use]
    pub const fn description(&self) -> &'static str {
        self.description
    }
}

const fn is_scope_token(mut bytes: &[u8]) -> bool {
    if bytes.is_empty() {
        return false;
    }
    while let [byte, rest @ ..] = bytes {
        if !byte.is_ascii_graphic() || *byte == b'"' || *byte == b'\\' {
            return false;
        }
        bytes = rest;
    }
    true
}

impl fmt::Display for AppRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.value)
    }
}
