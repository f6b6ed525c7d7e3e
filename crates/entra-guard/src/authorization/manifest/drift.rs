//! How the roles of an exported manifest differ from those that this API asks for.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::MEMBER_TYPE;
use crate::authorization::Role;

/// One difference. Its text is one line and says what mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The manifest does not have the role.
    Missing(Role),
    /// The role of this value has another id, to which grants refer.
    Id(Role, String),
    /// The role of this id has another value, which nothing here asks for.
    Value(Role, String),
    /// The role is there but disabled, so that no token has it.
    Disabled(Role),
    /// The role is not for apps, or for users as well.
    MemberTypes(Role, Vec<String>),
    /// A role that nothing here asks for.
    Extra(String),
}

/// Whoever exported it: this is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum InvalidManifest {
    /// It cannot be read as JSON.
    #[error("it is not JSON")]
    Json(#[source] serde_json::Error),
    /// It is neither a manifest nor the list of a manifest's roles.
    #[error("it has no `appRoles`; export the manifest of the API's app registration")]
    NoAppRoles,
    /// A member of the list is no role.
    #[error("member {0} of `appRoles` is not an app role")]
    AppRole(usize),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    id: String,
    value: Option<String>,
    // Both may be left out where a manifest is written by hand; what is left out is the API's default.
    is_enabled: Option<bool>,
    #[serde(default)]
    allowed_member_types: Vec<String>,
}

/// Compares an exported manifest, or the array of its `appRoles`, with the roles that this API asks for.
///
/// Looked at is what tokens and grants depend on; how a role is called and described is the tenant's own affair.
///
/// # Errors
/// It is no manifest.
pub fn differences(exported: &str) -> Result<Vec<Difference>, InvalidManifest> {
    let exported = parse(exported)?;
    let mut differences = Vec::new();
    for role in Role::ALL {
        match exported.iter().find(|other| other.is(role)).or_else(|| with_value(&exported, role)) {
            Some(other) => compare(role, other, &mut differences),
            None => differences.push(Difference::Missing(role)),
        }
    }
    let extra = exported.iter().filter(|other| !Role::ALL.into_iter().any(|role| other.stands_for(role)));
    differences.extend(extra.map(|other| Difference::Extra(other.name())));
    Ok(differences)
}

fn parse(text: &str) -> Result<Vec<Exported>, InvalidManifest> {
    let mut document: Value = serde_json::from_str(text).map_err(InvalidManifest::Json)?;
    let roles = match &mut document {
        Value::Object(members) => members.remove("appRoles").unwrap_or_default(),
        other => other.take(),
    };
    let Value::Array(roles) = roles else { return Err(InvalidManifest::NoAppRoles) };
    let read = |(index, role)| serde_json::from_value(role).map_err(|_| InvalidManifest::AppRole(index + 1));
    roles.into_iter().enumerate().map(read).collect()
}

fn with_value(exported: &[Exported], role: Role) -> Option<&Exported> {
    exported.iter().find(|other| other.has_value(role))
}

fn compare(role: Role, other: &Exported, differences: &mut Vec<Difference>) {
    if !other.is(role) {
        differences.push(Difference::Id(role, other.id.clone()));
    }
    if !other.has_value(role) {
        differences.push(Difference::Value(role, other.value.clone().unwrap_or_default()));
    }
    if other.is_enabled == Some(false) {
        differences.push(Difference::Disabled(role));
    }
    if other.allowed_member_types != [MEMBER_TYPE] {
        differences.push(Difference::MemberTypes(role, other.allowed_member_types.clone()));
    }
}

impl Exported {
    fn is(&self, role: Role) -> bool {
        // Entra writes lower case, people paste either.
        Uuid::try_parse(&self.id).is_ok_and(|id| id == role.id())
    }

    fn has_value(&self, role: Role) -> bool {
        self.value.as_deref() == Some(role.value())
    }

    fn stands_for(&self, role: Role) -> bool {
        self.is(role) || self.has_value(role)
    }

    fn name(&self) -> String {
        self.value.clone().unwrap_or_else(|| self.id.clone())
    }
}

// What comes from the manifest is written with its control characters escaped.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(role) => write!(f, "{role} is missing; add it to `appRoles`"),
            Self::Id(role, id) => {
                write!(f, "{role} has the id {id:?}; it must be {}, or no grant of it is found", role.id())
            }
            Self::Value(role, value) => {
                write!(f, "{role} has the `value` {value:?}; tokens would hold that instead")
            }
            Self::Disabled(role) => write!(f, "{role} is disabled; set its `isEnabled` to true"),
            Self::MemberTypes(role, types) => {
                write!(
                    f,
                    "{role} is for {types:?}; its `allowedMemberTypes` must be [\"{MEMBER_TYPE}\"] alone"
                )
            }
            Self::Extra(name) => write!(f, "{name:?} is a role that this API does not know; remove it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::app_roles;
    use super::*;

    /// The differences after a change to what is exported.
    fn after(change: impl FnOnce(&mut Vec<Value>)) -> Vec<Difference> {
        let mut roles = json!(app_roles());
        change(roles.as_array_mut().unwrap());
        let bare = differences(&roles.to_string()).unwrap();
        assert_eq!(differences(&json!({ "appId": "x", "appRoles": roles }).to_string()).unwrap(), bare);
        bare
    }

    #[test]
    fn what_is_written_is_what_is_asked_for() {
        assert_eq!(after(|_| ()), []);
        assert_eq!(after(|roles| roles[0]["origin"] = "Application".into()), []);
        assert_eq!(after(|roles| roles.reverse()), []);
        assert_eq!(after(|roles| roles[1]["displayName"] = "Writer".into()), []);
    }

    #[test]
    fn every_difference_that_tokens_or_grants_depend_on_is_named() {
        let (read, write) = (Role::ResourceRead, Role::ResourceWrite);
        let other = "00000000-0000-0000-0000-000000000001";
        let member_types = |types: &[&str]| types.iter().map(ToString::to_string).collect::<Vec<_>>();
        let both = member_types(&["User", "Application"]);
        let extra = json!({ "id": other, "value": "Resource.Wirte", "allowedMemberTypes": ["Application"] });
        assert_eq!(after(|roles| _ = roles.pop()), [Difference::Missing(write)]);
        assert_eq!(after(Vec::clear), [Difference::Missing(read), Difference::Missing(write)]);
        assert_eq!(after(|roles| roles[0]["id"] = other.into()), [Difference::Id(read, other.into())]);
        assert_eq!(
            after(|roles| roles[1]["value"] = "Resource.Wirte".into()),
            [Difference::Value(write, "Resource.Wirte".into())]
        );
        assert_eq!(after(|roles| roles[0]["value"] = Value::Null), [Difference::Value(read, String::new())]);
        assert_eq!(after(|roles| roles[0]["isEnabled"] = false.into()), [Difference::Disabled(read)]);
        assert_eq!(
            after(|roles| roles[0]["allowedMemberTypes"] = json!(both)),
            [Difference::MemberTypes(read, both.clone())]
        );
        assert_eq!(after(|roles| roles.push(extra)), [Difference::Extra("Resource.Wirte".into())]);
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        assert!(matches!(differences("{"), Err(InvalidManifest::Json(_))));
        for text in ["{}", "null", r#"{"appRoles":{}}"#] {
            assert!(matches!(differences(text), Err(InvalidManifest::NoAppRoles)), "{text}");
        }
        assert!(matches!(differences("[1]"), Err(InvalidManifest::AppRole(1))));
    }

    #[test]
    fn a_difference_is_one_line_whatever_the_manifest_holds() {
        let text = Difference::Extra("a\n\u{1b}[31mb".to_owned()).to_string();
        assert!(!text.contains(|c: char| c.is_control()), "{text}");
    }
}
