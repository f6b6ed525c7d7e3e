//! App registrations in Microsoft Graph's manifest format, as the portal shows them.
//!
//! Irrelevant members are ignored, so that an exported manifest can be used unchanged.
//! <https://learn.microsoft.com/entra/identity-platform/reference-microsoft-graph-app-manifest>

mod credentials;

use std::collections::{HashMap, HashSet};

use entra_shared::azure_ad::Version;
use entra_shared::ids::{AppIdUri, AppRole, ClientId};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use super::{AppRoleDefinition, Application, DirectoryError, OptionalClaims};
use crate::credentials::{Credential, FederatedCredential, Secret, SecretHash};
use credentials::{KeyCredential, federated};

/// The hashes of known secrets, by app and key id; key ids alone are not unique, since manifests get copied.
pub(super) type SecretHashes = HashMap<(ClientId, Uuid), SecretHash>;

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
    #[serde(default, deserialize_with = "null_as_empty")]
    key_credentials: Vec<KeyCredential>,
    /// The federated credentials. The portal's manifest lacks them, and Graph adds them with
    /// `$expand=federatedIdentityCredentials`.
    #[serde(default, deserialize_with = "null_as_empty")]
    federated_identity_credentials: Vec<FederatedCredential>,
    is_fallback_public_client: Option<bool>,
    sign_in_audience: Option<String>,
    #[serde(default, deserialize_with = "null_as_empty")]
    required_resource_access: Vec<RequiredResource>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    id: Uuid,
    value: Option<AppRole>,
    is_enabled: Option<bool>,
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

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequiredResource {
    resource_app_id: ClientId,
    #[serde(default, deserialize_with = "null_as_empty")]
    resource_access: Vec<RequiredAccess>,
}

#[derive(Debug, Deserialize)]
struct RequiredAccess {
    id: Uuid,
    r#type: String,
}

impl Manifest {
    /// Returns whether the registration has a client secret with this id.
    pub(super) fn has_secret(&self, key_id: Uuid) -> bool {
        self.password_credentials.iter().any(|credential| credential.key_id == key_id)
    }

    pub(super) fn into_application(
        self,
        file: &str,
        secrets: &SecretHashes,
    ) -> Result<Application, DirectoryError> {
        let token_version = match self.api.as_ref().and_then(|api| api.requested_access_token_version) {
            None | Some(1) => Version::V1,
            Some(2) => Version::V2,
            Some(_) => {
                let remedy = "there is no such version; write 1, 2 or null (which is 1)";
                return Err(DirectoryError::key(file, "api.requestedAccessTokenVersion", remedy));
            }
        };
        self.check(file, token_version)?;
        let required = self.required_resource_access.iter();
        let required_roles = required.flat_map(RequiredResource::roles).collect();
        let credentials = self.credentials(file, secrets)?;
        // A registered credential makes it a confidential client, regardless of the fallback.
        let is_confidential = !self.password_credentials.is_empty()
            || !self.key_credentials.is_empty()
            || !self.federated_identity_credentials.is_empty();
        let is_public = self.is_fallback_public_client == Some(true) && !is_confidential;
        Ok(Application {
            client_id: self.app_id,
            display_name: self.display_name,
            identifier_uris: self.identifier_uris,
            app_roles: self.app_roles.into_iter().map(AppRoleDefinition::from).collect(),
            token_version,
            optional_claims: self.optional_claims.map(OptionalClaims::from).unwrap_or_default(),
            credentials,
            is_public,
            token_lifetime: None,
            is_multi_tenant: self.sign_in_audience.is_some_and(|audience| audience != "AzureADMyOrg"),
            required_roles,
        })
    }

    /// Checks for mistakes that Graph refuses as well.
    fn check(&self, file: &str, version: Version) -> Result<(), DirectoryError> {
        let (mut ids, mut values) = (HashSet::new(), HashSet::new());
        for role in &self.app_roles {
            let problem = |member: &str, text: &str| {
                let problem = format!("{text} is there twice; it must be unique among the roles of an app");
                Err(DirectoryError::key(file, &format!("appRoles.{member}"), problem))
            };
            if !ids.insert(role.id) {
                return problem("id", &role.id.to_string());
            }
            if let Some(value) = role.value.as_ref().filter(|value| !values.insert(value.as_str())) {
                return problem("value", value.as_str());
            }
        }
        let audience = self.sign_in_audience.as_deref().unwrap_or_default();
        if version == Version::V1 && audience.contains("PersonalMicrosoftAccount") {
            let remedy = format!("write 2: with the `signInAudience` {audience} there are no other tokens");
            return Err(DirectoryError::key(file, "api.requestedAccessTokenVersion", remedy));
        }
        Ok(())
    }

    fn credentials(&self, file: &str, secrets: &SecretHashes) -> Result<Vec<Credential>, DirectoryError> {
        let secret = |credential: &PasswordCredential| {
            let PasswordCredential { key_id, start_date_time: start, end_date_time: end } = *credential;
            let hash = secrets.get(&(self.app_id, key_id))?.clone();
            let known_from = Timestamp::MIN;
            Some(Credential::Secret(Secret { key_id, hash, start, end, known_from }))
        };
        let mut credentials: Vec<Credential> = self.password_credentials.iter().filter_map(secret).collect();
        for key in &self.key_credentials {
            credentials.extend(key.certificate(file)?.map(Credential::Certificate));
        }
        credentials.extend(federated(file, self.federated_identity_credentials.clone())?);
        Ok(credentials)
    }
}

impl RequiredResource {
    fn roles(&self) -> impl Iterator<Item = (ClientId, Uuid)> {
        let roles = self.resource_access.iter().filter(|access| access.r#type == "Role");
        roles.map(|access| (self.resource_app_id, access.id))
    }
}

impl From<Role> for AppRoleDefinition {
    fn from(role: Role) -> Self {
        Self {
            id: role.id,
            value: role.value.map(|value| value.as_str().to_owned()),
            enabled: role.is_enabled.unwrap_or(true),
            for_applications: role.allowed_member_types.iter().any(|kind| kind == "Application"),
        }
    }
}

impl From<RequestedClaims> for OptionalClaims {
    fn from(requested: RequestedClaims) -> Self {
        let find = |name| requested.access_token.iter().find(|claim| claim.name == name);
        let use_guid = |claim: &RequestedClaim| claim.additional_properties.iter().any(|p| p == "use_guid");
        Self {
            idtyp: find("idtyp").is_some(),
            aud_as_guid: find("aud").is_some_and(use_guid),
            client_capabilities: find("xms_cc").is_some(),
        }
    }
}

fn null_as_empty<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
