//! Compares manifests in the members that tokens and grants depend on.
//!
//! Names and descriptions are not compared, since a tenant may change them freely.

use std::collections::{BTreeMap, BTreeSet};

use super::{Difference, Differences, Fix};
use crate::declared_role::DeclaredRole;
use crate::manifest::{self, AppRole, InvalidManifest, Manifest};

/// Compares an API's app roles with an exported manifest, or with the bare list of its `appRoles`.
///
/// # Errors
/// The export is no manifest.
pub fn app_role_drift(
    roles: &[DeclaredRole<'_>],
    exported: &str,
) -> Result<Vec<Difference>, InvalidManifest> {
    let expected: Vec<AppRole> = roles.iter().map(AppRole::from).collect();
    let mut differences = Differences::new(Fix::InTenant);
    compare_roles(&expected, &manifest::exported_app_roles(exported)?, &mut differences);
    Ok(differences.found)
}

/// Compares a directory's manifest with an exported one; remedies call the directory's manifest `file`.
///
/// Compared are app roles, token version, identifier URIs, optional claims, requested permissions, whether the app is a
/// public client, its audience, and its federated credentials if the export has them.
#[must_use]
pub fn manifest_drift(expected: &Manifest, file: &str, exported: &Manifest) -> Vec<Difference> {
    let mut differences = Differences::new(Fix::InFile(file));
    compare_settings(expected, exported, &mut differences);
    compare_roles(&expected.app_roles, &exported.app_roles, &mut differences);
    compare_lists(expected, exported, &mut differences);
    differences.found
}

fn compare_settings(expected: &Manifest, exported: &Manifest, differences: &mut Differences<'_>) {
    let mut compare = |subject, member, value: fn(&Manifest) -> String| {
        differences.compare(subject, member, &value(expected), &value(exported));
    };
    compare("token version", "`api.requestedAccessTokenVersion`", |app| app.token_version().to_string());
    compare("public client", "`isFallbackPublicClient`", |app| {
        app.is_fallback_public_client.unwrap_or(false).to_string()
    });
    compare("sign-in audience", "`signInAudience`", |app| {
        app.sign_in_audience.clone().unwrap_or_else(|| "AzureADMyOrg".to_owned())
    });
}

/// Matches roles by id, which grants refer to, or else by value, which code requires.
fn compare_roles(expected: &[AppRole], exported: &[AppRole], differences: &mut Differences<'_>) {
    const LIST: &str = "`appRoles`";
    for role in expected {
        let subject = format!("app role {}", role.name());
        match counterpart(role, exported) {
            Some(other) => compare_role(&subject, role, other, differences),
            None => differences.missing(&subject, &role.id, LIST),
        }
    }
    for role in exported.iter().filter(|role| counterpart(role, expected).is_none()) {
        differences.extra(&format!("app role {}", role.name()), &role.id, LIST);
    }
}

fn counterpart<'r>(role: &AppRole, others: &'r [AppRole]) -> Option<&'r AppRole> {
    let has_same_id = |other: &&AppRole| other.id.eq_ignore_ascii_case(&role.id);
    let has_same_value = |other: &&AppRole| other.value.is_some() && other.value == role.value;
    others.iter().find(has_same_id).or_else(|| others.iter().find(has_same_value))
}

fn compare_role(subject: &str, expected: &AppRole, exported: &AppRole, differences: &mut Differences<'_>) {
    let mut compare = |aspect, member, value: fn(&AppRole) -> String| {
        differences.compare(&format!("{subject}, {aspect}"), member, &value(expected), &value(exported));
    };
    // Entra writes ids in lower case, people paste either.
    compare("id", "its `id`", |role| role.id.to_ascii_lowercase());
    compare("value", "its `value`", |role| role.value.clone().unwrap_or_else(|| "null".to_owned()));
    compare("enabled", "its `isEnabled`", |role| role.is_enabled().to_string());
    compare("member types", "its `allowedMemberTypes`", |role| set(&role.allowed_member_types));
}

/// The items of one of the manifest's lists, by name, with the value to compare.
type Items = fn(&Manifest) -> BTreeMap<String, String>;

fn compare_lists(expected: &Manifest, exported: &Manifest, differences: &mut Differences<'_>) {
    let mut lists: Vec<(&str, &str, Items)> = vec![
        ("identifier URI", "`identifierUris`", identifier_uris),
        ("optional claim", "`optionalClaims.accessToken`", optional_claims),
        ("requested permission", "`requiredResourceAccess`", permissions),
    ];
    if exported.federated_identity_credentials.is_some() {
        lists.push(("federated credential", "`federatedIdentityCredentials`", federated_credentials));
    }
    for (kind, list, items) in lists {
        let (expected, exported) = (items(expected), items(exported));
        for (name, value) in &expected {
            let subject = format!("{kind} {name}");
            match exported.get(name) {
                Some(other) if other != value => {
                    differences.add(&subject, value, other, &format!("change it in {list}"));
                }
                Some(_) => (),
                None => differences.missing(&subject, value, list),
            }
        }
        for (name, value) in exported.iter().filter(|(name, _)| !expected.contains_key(*name)) {
            differences.extra(&format!("{kind} {name}"), value, list);
        }
    }
}

/// Returns the App ID URIs. The app's own client id in one counts as equal, since each tenant assigns another.
fn identifier_uris(manifest: &Manifest) -> BTreeMap<String, String> {
    let own = manifest.app_id.to_string();
    let general = |uri: &String| uri.replace(&own, "{appId}");
    manifest.identifier_uris.iter().map(|uri| (general(uri), "it".to_owned())).collect()
}

fn optional_claims(manifest: &Manifest) -> BTreeMap<String, String> {
    let claims = &manifest.optional_claims.access_token;
    claims.iter().map(|claim| (claim.name.clone(), set(&claim.additional_properties))).collect()
}

/// Returns the federated credentials by issuer and subject; their names are not compared.
fn federated_credentials(manifest: &Manifest) -> BTreeMap<String, String> {
    let all = manifest.federated_identity_credentials.iter().flatten();
    all.map(|credential| {
        let name = format!("{} of {}", credential.subject, credential.issuer);
        (name, format!("[{}]", credential.audiences.join(", ")))
    })
    .collect()
}

fn permissions(manifest: &Manifest) -> BTreeMap<String, String> {
    let mut permissions = BTreeMap::new();
    for resource in &manifest.required_resource_access {
        for access in &resource.resource_access {
            let name = format!("{} of {}", access.id, resource.resource_app_id).to_lowercase();
            permissions.insert(name, access.kind.clone());
        }
    }
    permissions
}

/// Returns the texts in order, without duplicates.
fn set(texts: &[String]) -> String {
    let texts: BTreeSet<&str> = texts.iter().map(String::as_str).collect();
    format!("[{}]", Vec::from_iter(texts).join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::uuid;

    use super::*;
    use crate::declared_role::app_roles;

    const READ: DeclaredRole<'_> = DeclaredRole {
        id: uuid!("a5f1c2de-0b7c-4f58-9d3c-6b2e8f4d1c01"),
        value: "Orders.Read",
        description: "Read orders.",
    };
    const WRITE: DeclaredRole<'_> = DeclaredRole {
        id: uuid!("b4e0d1cf-1c6b-4e69-8a2d-7c3f9e5b2d02"),
        value: "Orders.Write",
        description: "Write orders.",
    };
    const OTHER_ID: &str = "00000000-0000-0000-0000-000000000001";

    /// Returns the differences after a change to the exported roles.
    fn after(change: impl FnOnce(&mut Vec<Value>)) -> Vec<String> {
        let mut roles = app_roles(&[READ, WRITE]);
        change(roles.as_array_mut().unwrap());
        let drift = |text: &str| app_role_drift(&[READ, WRITE], text).unwrap();
        let bare = drift(&roles.to_string());
        assert_eq!(drift(&json!({ "appId": "x", "appRoles": roles }).to_string()), bare);
        bare.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_manifest_with_the_declared_roles_does_not_differ() {
        let none: [&str; 0] = [];
        assert_eq!(after(|_| ()), none);
        assert_eq!(after(|roles| roles[0]["origin"] = "Application".into()), none);
        assert_eq!(after(|roles| roles.reverse()), none);
        assert_eq!(after(|roles| roles[1]["displayName"] = "Writer".into()), none);
        assert_eq!(after(|roles| roles[1]["id"] = WRITE.id.to_string().to_uppercase().into()), none);
    }

    #[test]
    fn every_difference_that_tokens_or_grants_depend_on_is_named() {
        let missing = |role: DeclaredRole<'_>| {
            format!(
                "app role {}: this API has {}, the manifest has none; add it to `appRoles`",
                role.value, role.id
            )
        };
        let differs = |role: DeclaredRole<'_>, aspect: &str, member: &str, expected: &str, actual: &str| {
            format!(
                "app role {}, {aspect}: this API has {expected}, the manifest has {actual}; set its `{member}` to {expected}",
                role.value
            )
        };
        assert_eq!(after(|roles| _ = roles.pop()), [missing(WRITE)]);
        assert_eq!(after(Vec::clear), [missing(READ), missing(WRITE)]);
        assert_eq!(
            after(|roles| roles[0]["id"] = OTHER_ID.into()),
            [differs(READ, "id", "id", &READ.id.to_string(), OTHER_ID)]
        );
        assert_eq!(
            after(|roles| roles[1]["value"] = "Orders.Wirte".into()),
            [differs(WRITE, "value", "value", "Orders.Write", "Orders.Wirte")]
        );
        assert_eq!(
            after(|roles| roles[0]["value"] = Value::Null),
            [differs(READ, "value", "value", "Orders.Read", "null")]
        );
        assert_eq!(
            after(|roles| roles[0]["isEnabled"] = false.into()),
            [differs(READ, "enabled", "isEnabled", "true", "false")]
        );
        assert_eq!(
            after(|roles| roles[0]["allowedMemberTypes"] = json!(["User", "Application"])),
            [differs(READ, "member types", "allowedMemberTypes", "[Application]", "[Application, User]")]
        );
        let extra = json!({ "id": OTHER_ID, "value": "Orders.Wirte", "allowedMemberTypes": ["Application"] });
        assert_eq!(
            after(|roles| roles.push(extra)),
            [format!(
                "app role Orders.Wirte: this API has none, the manifest has {OTHER_ID}; remove it from `appRoles`"
            )]
        );
    }

    #[test]
    fn a_document_that_is_no_manifest_is_an_error() {
        let drift = |text| app_role_drift(&[READ], text);
        assert!(matches!(drift("{"), Err(InvalidManifest::Json(_))));
        for text in ["{}", "null", r#"{"appRoles":{}}"#] {
            assert!(matches!(drift(text), Err(InvalidManifest::NoAppRoles)), "{text}");
        }
        assert!(matches!(drift("[1]"), Err(InvalidManifest::AppRole(1))));
    }

    #[test]
    fn a_difference_is_one_line_whatever_the_manifest_holds() {
        let extra = json!([{ "id": "a\n\u{1b}[31mb", "value": "c\rd" }]).to_string();
        let found = app_role_drift(&[], &extra).unwrap();
        assert!(!found[0].to_string().contains(|c: char| c.is_control()), "{}", found[0]);
    }
}
