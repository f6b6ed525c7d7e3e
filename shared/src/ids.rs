//! Identifiers, each of its own type so that they cannot be confused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not a valid identifier.
///
/// The error leaves the text out, since it may be a secret pasted in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {expected}")]
pub struct InvalidId {
    expected: &'static str,
}

/// Conversions that every identifier has, by its `parse`.
macro_rules! conversions {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }
    };
}

macro_rules! guid {
    ($(#[$doc:meta])* $name:ident, $expected:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "Uuid")]
        pub struct $name(Uuid);

        impl $name {
            /// Parses the hyphenated form, the only one that Entra uses.
            ///
            /// # Errors
            /// The text is not 36 characters of hyphenated hexadecimal.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                parse_guid(text).map(Self).ok_or_else(|| InvalidId { expected: $expected(text) })
            }

            /// Returns the identifier as a UUID.
            #[must_use]
            pub fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        conversions!($name);
    };
}

guid! {
    /// A directory ("tenant") of Entra ID: the `tid` claim.
    TenantId, expected_tenant
}
guid! {
    /// An app registration's Application (client) ID: the `appid` and `azp` claims, and the `aud` of v2.0 tokens.
    ClientId, |_| GUID
}
guid! {
    /// A service principal's object id in one tenant, from the `oid` claim.
    ObjectId, |_| GUID
}

const GUID: &str = "a GUID like 00000000-0000-0000-0000-000000000000";

fn expected_tenant(text: &str) -> &'static str {
    if Domain::parse(text).is_ok() {
        "a GUID, but a domain; set that as `azure_ad.domain`, and the Directory (tenant) ID as `azure_ad.tenant_id`"
    } else {
        "a GUID like 00000000-0000-0000-0000-000000000000; set the Directory (tenant) ID, since `common`, \
         `organizations` and `consumers` name no tenant"
    }
}

fn parse_guid(text: &str) -> Option<Uuid> {
    // `Uuid` also parses braces, URNs and the form without hyphens.
    (text.len() == uuid::fmt::Hyphenated::LENGTH).then(|| Uuid::try_parse(text).ok()).flatten()
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $is_valid:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses the text.
            ///
            /// # Errors
            #[doc = concat!("The text is not ", $expected, ".")]
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                if $is_valid(&text) { Ok(Self(text)) } else { Err(InvalidId { expected: $expected }) }
            }

            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        conversions!($name);
    };
}

text! {
    /// A tenant's verified domain name, which can replace the tenant id in Entra's URLs.
    Domain, "a domain name like contoso.com", is_domain
}
text! {
    /// A resource's App ID URI: one of its registration's `identifierUris`, or its client id, which Entra also accepts.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/identifier-uri-restrictions>
    AppIdUri, "one App ID URI like api://00000000-0000-0000-0000-000000000000, or one client id", is_app_id_uri
}
text! {
    /// The `value` of an app role, as the `roles` claim contains it.
    ///
    /// <https://learn.microsoft.com/graph/api/resources/approle>
    AppRole, "an app role: 1 to 120 letters, digits or punctuation, without spaces", is_app_role
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

fn is_app_id_uri(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else { return parse_guid(text).is_some() };
    // A list of URIs is a mistake that Entra would report only when a token is requested.
    !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == ',')
        && matches!(url.scheme(), "api" | "https" | "http" | "urn" | "ms-appx")
        && url.query().is_none()
        && url.fragment().is_none()
        && text.len() <= 255
}

fn is_app_role(text: &str) -> bool {
    // The characters that Graph documents; `.` may not come first.
    const PUNCTUATION: &[u8] = b":!#$%&'()*+,-./;<=>?@[]^_`{|}~";
    (1..=120).contains(&text.len())
        && !text.starts_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || PUNCTUATION.contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_read_in_its_hyphenated_form_only() {
        let text = "c125abc9-00a9-469d-a02c-5cfffc6d2d9c";
        assert_eq!(TenantId::parse(text).unwrap().to_string(), text);
        for wrong in
            ["", "contoso.com", "{c125abc9-00a9-469d-a02c-5cfffc6d2d9c}", "c125abc900a9469da02c5cfffc6d2d9c"]
        {
            assert!(TenantId::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn app_roles_have_no_spaces_and_at_most_120_characters() {
        assert!(AppRole::parse("Resource.Read").is_ok());
        for wrong in ["", "Resource Read", " Resource.Read", ".Read", &"x".repeat(121)] {
            assert!(AppRole::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn app_id_uris_are_absolute_and_bare() {
        for right in [
            "api://b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4",
            "https://contoso.com/api/",
            "urn:contoso:api",
            "b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4",
        ] {
            assert!(AppIdUri::parse(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "resource",
            "api://x y",
            "api://a,api://b",
            "https://contoso.com/?a=b",
            "file:///etc",
            "{b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4}",
        ] {
            assert!(AppIdUri::parse(wrong).is_err(), "{wrong}");
        }
    }
}
