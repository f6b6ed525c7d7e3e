//! Reads the manifests of app registrations, and prepares them to be written.

use entra_shared::ids::ClientId;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Members that only the server writes. A POST or PATCH with one of them is refused.
///
/// Secrets are among them, since Graph makes those (`addPassword`).
/// <https://learn.microsoft.com/graph/api/resources/application#properties>
const READ_ONLY: [&str; 10] = [
    "appId",
    "applicationTemplateId",
    "certification",
    "createdDateTime",
    "deletedDateTime",
    "disabledByMicrosoftStatus",
    "id",
    "passwordCredentials",
    "publisherDomain",
    "verifiedPublisher",
];

/// Members of list items that only the server writes.
const READ_ONLY_IN_LISTS: [(&str, &str); 2] =
    [("appRoles", "origin"), ("keyCredentials", "hasExtendedValue")];

/// A manifest in Microsoft Graph's format.
///
/// <https://learn.microsoft.com/graph/api/resources/application>
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub(crate) app_id: ClientId,
    pub(crate) display_name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) identifier_uris: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) app_roles: Vec<AppRole>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) api: Api,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) optional_claims: OptionalClaims,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) required_resource_access: Vec<RequiredResource>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) password_credentials: Vec<Credential>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) key_credentials: Vec<Credential>,
    /// The federated credentials; `None` in exports that were made without them, such as the portal's.
    pub(crate) federated_identity_credentials: Option<Vec<FederatedCredential>>,
    pub(crate) is_fallback_public_client: Option<bool>,
    pub(crate) sign_in_audience: Option<String>,
    #[serde(skip)]
    pub(crate) document: Value,
}

/// An entry of `appRoles`.
///
/// <https://learn.microsoft.com/graph/api/resources/approle>
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppRole {
    pub(crate) id: String,
    pub(crate) value: Option<String>,
    #[serde(default)]
    pub(crate) is_enabled: Option<bool>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) allowed_member_types: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Api {
    requested_access_token_version: Option<u8>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OptionalClaims {
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) access_token: Vec<OptionalClaim>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OptionalClaim {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) additional_properties: Vec<String>,
}

/// An entry of `requiredResourceAccess`, with the permissions that a client requests on a resource.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequiredResource {
    pub(crate) resource_app_id: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) resource_access: Vec<RequiredAccess>,
}

/// A requested permission, which is an app role (`Role`) or a delegated one (`Scope`).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RequiredAccess {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// An entry of `passwordCredentials` or `keyCredentials`, which hold no secret when they are read.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credential {
    pub(crate) display_name: Option<String>,
    pub(crate) end_date_time: Option<String>,
    /// A certificate's DER in base64. Exports leave it out.
    pub(crate) key: Option<String>,
}

/// An entry of `federatedIdentityCredentials`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FederatedCredential {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(crate) audiences: Vec<String>,
}

/// A document that is no manifest. The text names the member, never its value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidManifest {
    /// The text is no JSON.
    #[error("it is not JSON")]
    Json(#[source] serde_json::Error),
    /// The document is no JSON object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// A required member is missing.
    #[error("{0}")]
    MissingMember(serde_json::Error),
    /// The member at this path has the wrong type, or lacks a member.
    #[error("`{0}`: not as Microsoft Graph documents it")]
    InvalidMember(String),
    /// The document is neither a manifest nor a list of app roles.
    #[error("it has no `appRoles`; export the manifest of the API's app registration")]
    NoAppRoles,
    /// An item of `appRoles` is no app role; the first item is 1.
    #[error("member {0} of `appRoles` is not an app role")]
    AppRole(usize),
}

impl Manifest {
    /// Reads a manifest in Microsoft Graph's format.
    ///
    /// # Errors
    /// Names the member that is missing or has the wrong type.
    pub fn from_document(document: Value) -> Result<Self, InvalidManifest> {
        if !document.is_object() {
            return Err(InvalidManifest::NotAnObject);
        }
        let read: Result<Self, _> = serde_path_to_error::deserialize(&document);
        let read = read.map_err(|error| match error.path().to_string() {
            // An object as a whole is only refused for want of a member, so that the text quotes no value.
            path if path == "." => InvalidManifest::MissingMember(error.into_inner()),
            path => InvalidManifest::InvalidMember(path),
        })?;
        Ok(Self { document, ..read })
    }

    /// Returns the client id.
    #[must_use]
    pub fn app_id(&self) -> ClientId {
        self.app_id
    }

    /// Returns the version of access tokens that the resource requests: 1 unless the manifest says otherwise.
    pub(crate) fn token_version(&self) -> u8 {
        self.api.requested_access_token_version.unwrap_or(1)
    }

    /// Returns the role with this id.
    pub(crate) fn role(&self, id: &str) -> Option<&AppRole> {
        self.app_roles.iter().find(|role| role.id.eq_ignore_ascii_case(id))
    }
}

impl AppRole {
    /// Returns the role's value, or its id if it has none.
    pub(crate) fn name(&self) -> &str {
        self.value.as_deref().unwrap_or(&self.id)
    }

    /// Returns whether the role can be granted, which is so unless the manifest says otherwise.
    pub(crate) fn is_enabled(&self) -> bool {
        self.is_enabled.unwrap_or(true)
    }
}

/// Removes the members that only the server writes, so that the manifest can be sent to Microsoft Graph.
///
/// Certificates without their key are removed too. Exports leave the key out, and Graph refuses such a certificate.
pub fn remove_read_only(manifest: &mut Map<String, Value>) {
    manifest.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
    for (list, name) in READ_ONLY_IN_LISTS {
        for member in manifest.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(member) = member.as_object_mut() {
                member.remove(name);
            }
        }
    }
    if let Some(keys) = manifest.get_mut("keyCredentials").and_then(Value::as_array_mut) {
        keys.retain(|credential| credential.get("key").is_some_and(Value::is_string));
    }
}

/// Returns the app roles of an exported manifest, or of the bare list of its `appRoles`.
pub(crate) fn exported_app_roles(text: &str) -> Result<Vec<AppRole>, InvalidManifest> {
    let mut document: Value = serde_json::from_str(text).map_err(InvalidManifest::Json)?;
    let roles = match &mut document {
        Value::Object(members) => members.remove("appRoles").unwrap_or_default(),
        other => other.take(),
    };
    let Value::Array(roles) = roles else { return Err(InvalidManifest::NoAppRoles) };
    let read = |(index, role)| serde_json::from_value(role).map_err(|_| InvalidManifest::AppRole(index + 1));
    roles.into_iter().enumerate().map(read).collect()
}

fn null_as_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813";

    #[test]
    fn an_invalid_manifest_is_explained_without_its_values() {
        for (document, expected) in [
            (json!("canary"), "it is not a JSON object"),
            (json!([]), "it is not a JSON object"),
            (json!({ "displayName": "canary" }), "missing field `appId`"),
            (
                json!({ "appId": ID, "displayName": 7042 }),
                "`displayName`: not as Microsoft Graph documents it",
            ),
            (
                json!({ "appId": ID, "displayName": "a", "requiredResourceAccess": [null] }),
                "`requiredResourceAccess[0]`: not as Microsoft Graph documents it",
            ),
        ] {
            let error = Manifest::from_document(document).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn null_members_count_as_absent() {
        let document = json!({ "appId": ID, "displayName": "a", "appRoles": null, "api": null });
        let manifest = Manifest::from_document(document).unwrap();
        assert!(manifest.app_roles.is_empty());
        assert_eq!(manifest.token_version(), 1);
    }

    #[test]
    fn members_that_only_the_server_writes_are_removed() {
        let mut manifest = json!({
            "id": "x", "appId": ID, "displayName": "a", "passwordCredentials": [{}],
            "appRoles": [{ "value": "Orders.Read", "origin": "Application" }],
            "keyCredentials": [{ "key": "AQAB", "hasExtendedValue": true }, { "displayName": "without its key" }],
        });
        remove_read_only(manifest.as_object_mut().unwrap());
        let expected = json!({
            "displayName": "a", "appRoles": [{ "value": "Orders.Read" }], "keyCredentials": [{ "key": "AQAB" }],
        });
        assert_eq!(manifest, expected);
    }
}
