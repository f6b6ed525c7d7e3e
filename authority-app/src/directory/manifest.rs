//! App registrations as the portal shows them: the Microsoft Graph format of the manifest.
//!
//! Members that mean nothing here are passed over, so that an exported manifest can be used as it is.
//! <https://learn.microsoft.com/entra/identity-platform/reference-microsoft-graph-app-manifest>

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use shared::azure_ad::Version;
use shared::ids::{AppIdUri, AppRole, ClientId};
use uuid::Uuid;

use super::{AppRoleDefinition, Application, DirectoryError, OptionalClaims};
use crate::credentials::{Credential, Secret, SecretHash};

/// The hashes of the secrets whose values are known, by key id.
pub(super) type SecretHashes = HashMap<Uuid, SecretHash>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) app_id: ClientId,
    display_name: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    identifier_uris: Vec<AppIdUri>,
    #[serde(default, deserialize_with = "null_as_empty")]
    app_roles: Vec<Role>,
    api: Option<Api>,
    optional_claims: Option<RequestedClaims>,
    #[serde(default, deserialize_with = "null_as_empty")]
    password_credentials: Vec<PasswordCredential>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    id: Uuid,
    value: Option<AppRole>,
    allowed_member_types: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Api {
    requested_access_token_version: Option<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestedClaims {
    #[serde(default, deserialize_with = "null_as_empty")]
    access_token: Vec<RequestedClaim>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestedClaim {
    name: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    additional_properties: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PasswordCredential {
    key_id: Uuid,
    start_date_time: Timestamp,
    end_date_time: Timestamp,
}

impl Manifest {
    /// Whether the registration has a client secret of this id.
    pub(super) fn has_secret(&self, key_id: Uuid) -> bool {
        self.password_credentials.iter().any(|credential| credential.key_id == key_id)
    }

    pub(super) fn into_application(
        self,
        file: &str,
        secrets: &SecretHashes,
    ) -> Result<Application, DirectoryError> {
        let token_version = match self.api.and_then(|api| api.requested_access_token_version) {
            None | Some(1) => Version::V1,
            Some(2) => Version::V2,
            Some(_) => {
                let remedy = "there is no such version; write 1, 2 or null (which is 1)";
                return Err(DirectoryError::key(file, "api.requestedAccessTokenVersion", remedy));
            }
        };
        let credential = |credential: &PasswordCredential| {
            let hash = secrets.get(&credential.key_id)?.clone();
            let (start, end) = (credential.start_date_time, credential.end_date_time);
            Some(Credential::Secret(Secret { hash, start, end }))
        };
        Ok(Application {
            client_id: self.app_id,
            display_name: self.display_name,
            identifier_uris: self.identifier_uris,
            app_roles: self.app_roles.into_iter().map(AppRoleDefinition::from).collect(),
            token_version,
            optional_claims: self.optional_claims.map(OptionalClaims::from).unwrap_or_default(),
            credentials: self.password_credentials.iter().filter_map(credential).collect(),
        })
    }
}

impl From<Role> for AppRoleDefinition {
    fn from(role: Role) -> Self {
        Self {
            id: role.id,
            value: role.value.map(|value| value.as_str().to_owned()),
            for_applications: role.allowed_member_types.iter().any(|kind| kind == "Application"),
        }
    }
}

impl From<RequestedClaims> for OptionalClaims {
    fn from(requested: RequestedClaims) -> Self {
        let find = |name| requested.access_token.iter().find(|claim| claim.name == name);
        let use_guid = |claim: &RequestedClaim| claim.additional_properties.iter().any(|p| p == "use_guid");
        Self { idtyp: find("idtyp").is_some(), aud_as_guid: find("aud").is_some_and(use_guid) }
    }
}

fn null_as_empty<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
