//! The claims of an access token that this crate reads, of versions 1.0 and 2.0.

use std::convert::Infallible;
use std::fmt::Display;

use entra_shared::azure_ad::Version;
use entra_shared::claims::ClientAuthentication;
use entra_shared::ids::{ClientId, ObjectId, TenantId};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::agent::{Agent, present};

/// The claims that this crate reads; they may be unverified.
///
/// All other claims are ignored, whatever their type: Entra adds claims and changes opaque ones without notice. The
/// claims about the client are read only from those of the token's own version, which those of the other version must not
/// contradict.
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
    /// Delegated permissions (scopes), which only tokens for users have.
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
    /// The agent that the claims `xms_par_app_azp`, `xms_act_fct` and `xms_sub_fct` describe, if they describe one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
}

impl Claims {
    /// Returns the client's application id: `appid` in v1.0 tokens, `azp` in v2.0 tokens.
    #[must_use]
    pub fn client_id(&self) -> Option<ClientId> {
        match self.ver {
            Version::V1 => self.appid,
            Version::V2 => self.azp,
        }
    }

    /// Returns how the client authenticated: `appidacr` in v1.0 tokens, `azpacr` in v2.0 tokens.
    #[must_use]
    pub fn client_authentication(&self) -> Option<ClientAuthentication> {
        let class = match self.ver {
            Version::V1 => self.appidacr.as_deref(),
            Version::V2 => self.azpacr.as_deref(),
        };
        ClientAuthentication::from_class(class?)
    }
}

/// The claims as the token holds them, before its version decides which of them identify the client.
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
    #[serde(default, deserialize_with = "present")]
    xms_par_app_azp: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    xms_act_fct: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    xms_sub_fct: Option<Value>,
}

impl TryFrom<Members> for Claims {
    type Error = String;

    fn try_from(members: Members) -> Result<Self, String> {
        let agent = Agent::from_claims(
            members.xms_par_app_azp.as_ref(),
            members.xms_act_fct.as_ref(),
            members.xms_sub_fct.as_ref(),
        );
        let Members { aud, iss, iat, nbf, exp, idtyp, oid, roles, scp, sub, tid, uti, ver, .. } = members;
        let v1 = (("appid", members.appid), ("appidacr", members.appidacr));
        let v2 = (("azp", members.azp), ("azpacr", members.azpacr));
        let ((client, class), (other_client, other_class)) = match ver {
            Version::V1 => (v1, v2),
            Version::V2 => (v2, v1),
        };
        let client = VersionClaim::read(client, other_client, ClientId::parse)?;
        let class = VersionClaim::read(class, other_class, |class| Ok::<_, Infallible>(class.to_owned()))?;
        let ((appid, appidacr), (azp, azpacr)) = match ver {
            Version::V1 => ((client, class), (None, None)),
            Version::V2 => ((None, None), (client, class)),
        };
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
            agent,
        })
    }
}

/// A claim that is a string in one token version and of any type in the other.
#[derive(Deserialize)]
#[serde(untagged)]
enum VersionClaim {
    Text(String),
    Other(IgnoredAny),
}

impl VersionClaim {
    /// Reads a claim of the token's own version, given with its name.
    ///
    /// Its counterpart of the other version is ignored unless it is a text that contradicts it: then the two name
    /// different clients or credentials, and another reader of the token could believe the other one.
    fn read<T: PartialEq, E: Display>(
        (name, own): (&str, Option<Self>),
        (other_name, other): (&str, Option<Self>),
        parse: fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, String> {
        let own = match own {
            None => return Ok(None),
            Some(Self::Other(_)) => return Err(format!("`{name}` is not a text")),
            Some(Self::Text(text)) => parse(&text).map_err(|error| format!("`{name}`: {error}"))?,
        };
        match other {
            Some(Self::Text(text)) if parse(&text).ok().as_ref() != Some(&own) => {
                Err(format!("`{name}` and `{other_name}` contradict each other"))
            }
            _ => Ok(Some(own)),
        }
    }
}

fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::authentication::test_token::{CLIENT, claims, claims_v1};

    fn with(mut claims: Value, changes: &Value) -> serde_json::Result<Claims> {
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(claims)
    }

    #[test]
    fn each_version_names_its_client_in_its_own_claims_and_others_that_are_no_texts_are_ignored() {
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
    fn the_clients_claims_of_the_two_versions_must_not_contradict_each_other() {
        let upper = CLIENT.to_uppercase();
        let other = "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41";
        for (claims, own, counterpart, class, class_counterpart) in [
            (claims_v1(), "appid", "azp", "appidacr", "azpacr"),
            (claims(), "azp", "appid", "azpacr", "appidacr"),
        ] {
            let class_value = claims[class].clone();
            for equal in [
                json!({ counterpart: CLIENT }),
                json!({ counterpart: upper, class_counterpart: class_value }),
            ] {
                let read = with(claims.clone(), &equal).unwrap();
                assert_eq!(read.client_id().unwrap().to_string(), CLIENT, "{equal}");
            }
            for (wrong, names) in [
                (json!({ counterpart: other }), [own, counterpart]),
                (json!({ counterpart: "no GUID" }), [own, counterpart]),
                (json!({ counterpart: "" }), [own, counterpart]),
                (json!({ class_counterpart: "0" }), [class, class_counterpart]),
                (json!({ class_counterpart: "" }), [class, class_counterpart]),
                (json!({ counterpart: CLIENT, class_counterpart: "7" }), [class, class_counterpart]),
            ] {
                let error = with(claims.clone(), &wrong).unwrap_err().to_string();
                assert!(names.iter().all(|name| error.contains(&format!("`{name}`"))), "{wrong}: {error}");
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
