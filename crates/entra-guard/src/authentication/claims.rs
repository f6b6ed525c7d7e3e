//! The claims of an access token that this crate reads, of versions 1.0 and 2.0.

use entra_shared::azure_ad::Version;
use entra_shared::claims::ClientAuthentication;
use entra_shared::ids::{ClientId, ObjectId, TenantId};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

/// The claims that this crate reads; they may be unverified.
///
/// All other claims are ignored, whatever their type: Entra adds claims and changes opaque ones without notice. The
/// claims about the client are read only from those of the token's own version.
///
/// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Members")]
pub struct Claims {
    /// Audience: this API's client id (v2.0), or the resource that the client asked for (v1.0). Always a string.
    pub aud: String,
    /// Issuer: see [`entra_shared::azure_ad::Authority::issuer`].
    pub iss: String,
    /// Issued at, in seconds since 1970 (RFC 7519 `NumericDate`).
    pub iat: i64,
    /// Not valid before, in seconds since 1970.
    pub nbf: i64,
    /// Expires, in seconds since 1970.
    ///
    /// RFC 7519 section 2 allows fractions, but Entra writes whole seconds, so a fraction is refused in `exp`, `iat` and `nbf`.
    pub exp: i64,
    /// The client's application id in a v1.0 token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appid: Option<ClientId>,
    /// How the client authenticated, in a v1.0 token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appidacr: Option<String>,
    /// The client's application id in a v2.0 token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azp: Option<ClientId>,
    /// How the client authenticated, in a v2.0 token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azpacr: Option<String>,
    /// `app` in an app-only token, if this API's registration requests this optional claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idtyp: Option<String>,
    /// The object id of the client's service principal (or of the user).
    pub oid: ObjectId,
    /// The app roles granted to the client on this API; absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Delegated permissions, which only a user's token has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scp: Option<String>,
    /// Subject: equal to `oid` in an app-only token.
    pub sub: String,
    /// The tenant that issued the token.
    pub tid: TenantId,
    /// The token's id, equivalent to `jti`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uti: Option<String>,
    /// The version of the token.
    pub ver: Version,
}

impl Claims {
    /// The client's application id: `appid` in v1.0 tokens, `azp` in v2.0 tokens.
    #[must_use]
    pub fn client_id(&self) -> Option<ClientId> {
        match self.ver {
            Version::V1 => self.appid,
            Version::V2 => self.azp,
        }
    }

    /// How the client authenticated: `appidacr` in v1.0 tokens, `azpacr` in v2.0 tokens.
    #[must_use]
    pub fn client_authentication(&self) -> Option<ClientAuthentication> {
        let class = match self.ver {
            Version::V1 => self.appidacr.as_deref(),
            Version::V2 => self.azpacr.as_deref(),
        };
        ClientAuthentication::from_class(class?)
    }
}

/// The claims as they are written, before the version selects the client's.
#[derive(Deserialize)]
struct Members {
    aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    appid: Option<VersionClaim>,
    appidacr: Option<VersionClaim>,
    azp: Option<VersionClaim>,
    azpacr: Option<VersionClaim>,
    idtyp: Option<String>,
    oid: ObjectId,
    #[serde(default, deserialize_with = "null_as_empty")]
    roles: Vec<String>,
    scp: Option<String>,
    sub: String,
    tid: TenantId,
    uti: Option<String>,
    ver: Version,
}

impl TryFrom<Members> for Claims {
    type Error = String;

    fn try_from(members: Members) -> Result<Self, String> {
        let Members { aud, iss, iat, nbf, exp, idtyp, oid, roles, scp, sub, tid, uti, ver, .. } = members;
        let (mut appid, mut appidacr, mut azp, mut azpacr) = (None, None, None, None);
        match ver {
            Version::V1 => {
                appid = VersionClaim::client(members.appid, "appid")?;
                appidacr = VersionClaim::text(members.appidacr, "appidacr")?;
            }
            Version::V2 => {
                azp = VersionClaim::client(members.azp, "azp")?;
                azpacr = VersionClaim::text(members.azpacr, "azpacr")?;
            }
        }
        Ok(Self {
            aud,
            iss,
            iat,
            nbf,
            exp,
            appid,
            appidacr,
            azp,
            azpacr,
            idtyp,
            oid,
            roles,
            scp,
            sub,
            tid,
            uti,
            ver,
        })
    }
}

/// A claim that is a string in one token version and ignored in the other.
#[derive(Deserialize)]
#[serde(untagged)]
enum VersionClaim {
    Text(String),
    Other(IgnoredAny),
}

impl VersionClaim {
    fn text(claim: Option<Self>, name: &str) -> Result<Option<String>, String> {
        match claim {
            None => Ok(None),
            Some(Self::Text(text)) => Ok(Some(text)),
            Some(Self::Other(_)) => Err(format!("`{name}` is not a text")),
        }
    }

    fn client(claim: Option<Self>, name: &str) -> Result<Option<ClientId>, String> {
        let id = Self::text(claim, name)?.map(|id| ClientId::parse(&id)).transpose();
        id.map_err(|error| format!("`{name}`: {error}"))
    }
}

fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::authentication::test_token::{CLIENT, claims, claims_v1};

    fn with(mut claims: Value, changes: &Value) -> serde_json::Result<Claims> {
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(claims)
    }

    #[test]
    fn each_version_names_its_client_in_its_own_claims_and_the_others_count_for_nothing() {
        let v1 = json!({ "azp": [CLIENT], "azpacr": 7 });
        let v2 = json!({ "appid": { "x": [1, null, 1.5] }, "appidacr": false });
        for (claims, odd, authentication) in [
            (claims_v1(), v1, ClientAuthentication::Certificate),
            (claims(), v2, ClientAuthentication::Secret),
        ] {
            for changes in [json!({}), odd] {
                let read = with(claims.clone(), &changes).unwrap();
                assert_eq!(read.client_id().unwrap().to_string(), CLIENT, "{changes}");
                assert_eq!(read.client_authentication(), Some(authentication), "{changes}");
                let written = serde_json::to_value(&read).unwrap();
                assert_eq!(written.get("azp").is_some(), written.get("appid").is_none());
            }
        }
    }

    #[test]
    fn the_clients_claims_of_the_tokens_own_version_are_texts() {
        for (claims, client, class) in [(claims_v1(), "appid", "appidacr"), (claims(), "azp", "azpacr")] {
            for odd in [json!(1), json!([CLIENT]), json!({ "id": CLIENT }), json!(true), json!("no GUID")] {
                let error = with(claims.clone(), &json!({ client: odd })).unwrap_err().to_string();
                assert!(error.contains(client), "{odd}: {error}");
            }
            for odd in [json!(1), json!(["1"]), json!(1.5)] {
                assert!(with(claims.clone(), &json!({ class: odd })).is_err(), "{odd}");
            }
            let without = with(claims, &json!({ client: null, class: null })).unwrap();
            assert_eq!((without.client_id(), without.client_authentication()), (None, None));
        }
    }

    #[test]
    fn absent_roles_are_none_and_other_shapes_are_malformed() {
        assert!(with(claims(), &json!({ "roles": null })).unwrap().roles.is_empty());
        for roles in [json!("Resource.Read"), json!([1]), json!({})] {
            assert!(with(claims(), &json!({ "roles": roles })).is_err(), "{roles}");
        }
    }
}
