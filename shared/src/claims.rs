//! The claims of an Entra access token, versions 1.0 and 2.0.

use serde::{Deserialize, Deserializer, Serialize};

use crate::azure_ad::Version;
use crate::ids::{ClientId, ObjectId, TenantId};

/// The claims of an access token, as the stand-in mints them.
///
/// A resource reads fewer: Entra changes the opaque ones without notice. Members are in Entra's order; unknown claims are
/// dropped.
///
/// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Audience: the resource's client id (v2.0) or the resource that the client asked for (v1.0). Always a string.
    pub aud: String,
    /// Issuer: see [`crate::azure_ad::Authority::issuer`].
    pub iss: String,
    /// Issued at, in seconds since 1970 (RFC 7519 `NumericDate`). Entra back-dates it by 300 s.
    pub iat: i64,
    /// Not valid before, in seconds since 1970; equal to `iat`.
    pub nbf: i64,
    /// Expires, in seconds since 1970.
    pub exp: i64,
    /// Opaque; for Entra only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aio: Option<String>,
    /// The client's application id (v1.0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appid: Option<ClientId>,
    /// How the client authenticated (v1.0); see [`ClientAuthentication`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appidacr: Option<String>,
    /// The client's application id (v2.0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azp: Option<ClientId>,
    /// How the client authenticated (v2.0); see [`ClientAuthentication`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azpacr: Option<String>,
    /// The identity provider, equal to `iss` (v1.0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idp: Option<String>,
    /// `app` for an app-only token, if the resource configured this optional claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idtyp: Option<String>,
    /// The object id of the client's service principal (or of the user).
    pub oid: ObjectId,
    /// Opaque; for Entra only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rh: Option<String>,
    /// The app roles granted to the client on this resource; absent when there are none.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Delegated permissions (scopes), which only tokens for users have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scp: Option<String>,
    /// Subject: equal to `oid` in an app-only token.
    pub sub: String,
    /// The tenant that issued the token.
    pub tid: TenantId,
    /// The token's own id, equivalent to `jti`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uti: Option<String>,
    /// The version of the token.
    pub ver: Version,
    /// Opaque; for Entra only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xms_ftd: Option<String>,
}

/// How a client authenticated at the token endpoint, from the claim `azpacr` or `appidacr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// The client did not authenticate, since it is a public client.
    Public,
    /// With a client secret.
    Secret,
    /// With a certificate or a federated credential.
    Certificate,
}

impl ClientAuthentication {
    /// Parses the claim's value; `None` if it is unknown.
    #[must_use]
    pub fn from_class(class: &str) -> Option<Self> {
        match class {
            "0" => Some(Self::Public),
            "1" => Some(Self::Secret),
            "2" => Some(Self::Certificate),
            _ => None,
        }
    }

    /// Returns the claim's value.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Public => "0",
            Self::Secret => "1",
            Self::Certificate => "2",
        }
    }
}

fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = r#"{"aud":"d03a9bf4-b880-4793-926f-95bb5ce74a77",
        "iss":"https://login.microsoftonline.com/14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41/v2.0",
        "iat":1754479503,"nbf":1754479503,"exp":1754483403,
        "azp":"f2b24498-3c66-46cd-9a61-92acb473b959","azpacr":"1",
        "oid":"99f268b3-61d1-4536-bfd5-85f426e2146f","roles":["Sample.Read"],
        "sub":"99f268b3-61d1-4536-bfd5-85f426e2146f","tid":"14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41",
        "ver":"2.0","xms_unheard_of":{"a":[1]}}"#;

    fn v2_with(
        edit: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>),
    ) -> serde_json::Result<Claims> {
        let mut claims = serde_json::from_str(V2).unwrap();
        edit(&mut claims);
        serde_json::from_value(claims.into())
    }

    #[test]
    fn absent_roles_are_none_and_other_shapes_are_malformed() {
        assert!(v2_with(|c| _ = c.remove("roles")).unwrap().roles.is_empty());
        assert!(v2_with(|c| _ = c.insert("roles".into(), ().into())).unwrap().roles.is_empty());
        assert!(v2_with(|c| _ = c.insert("roles".into(), "Sample.Read".into())).is_err());
        assert!(v2_with(|c| _ = c.insert("aud".into(), vec!["x"].into())).is_err());
        assert!(v2_with(|c| _ = c.insert("exp".into(), "1754483403".into())).is_err());
    }

    #[test]
    fn a_token_without_roles_is_written_without_the_claim() {
        let claims = v2_with(|c| _ = c.remove("roles")).unwrap();
        assert!(!serde_json::to_string(&claims).unwrap().contains("roles"));
    }
}
