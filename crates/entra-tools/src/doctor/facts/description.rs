//! Reads the roles of each operation from an API's description (OpenAPI 3.1, the security requirement object).
//!
//! <https://spec.openapis.org/oas/v3.1.1.html#security-requirement-object>

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

/// The members of a path item that are operations.
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// An operation that requires roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Operation {
    /// Method and path.
    pub(in super::super) name: String,
    /// Sets of roles; a caller with all roles of one set may call.
    pub(in super::super) alternatives: Vec<BTreeSet<String>>,
}

#[derive(Deserialize)]
struct Description {
    #[serde(default)]
    paths: BTreeMap<String, BTreeMap<String, Value>>,
    #[serde(default)]
    components: Components,
    #[serde(default)]
    security: Vec<Requirement>,
}

#[derive(Default, Deserialize)]
struct Components {
    #[serde(default, rename = "securitySchemes")]
    schemes: BTreeMap<String, Value>,
}

/// Maps each security scheme to its roles. A caller needs every role listed.
type Requirement = BTreeMap<String, Vec<String>>;

/// Returns the operations that require roles; nothing if this is no description, or no operation requires any.
pub(super) fn operations(body: &[u8]) -> Option<Vec<Operation>> {
    let description: Description = serde_json::from_slice(body).ok()?;
    let mut operations = Vec::new();
    for (path, item) in &description.paths {
        for (method, operation) in item.iter().filter(|(name, _)| METHODS.contains(&name.as_str())) {
            let own = operation.get("security").map(|own| serde_json::from_value(own.clone()));
            let security: Vec<Requirement> = match own {
                Some(own) => own.ok()?,
                None => description.security.clone(),
            };
            let alternatives: Vec<_> =
                security.iter().map(|all| roles(all, &description.components)).collect();
            if !alternatives.is_empty() && alternatives.iter().all(|roles| !roles.is_empty()) {
                operations
                    .push(Operation { name: format!("{} {path}", method.to_uppercase()), alternatives });
            }
        }
    }
    (!operations.is_empty()).then_some(operations)
}

/// Returns the roles of bearer schemes; OAuth 2.0 schemes list scopes, which are the permissions of users.
fn roles(requirement: &Requirement, components: &Components) -> BTreeSet<String> {
    let is_bearer = |scheme: &str| {
        components.schemes.get(scheme).is_some_and(|scheme| {
            let is = |member: &str, expected: &str| {
                scheme
                    .get(member)
                    .and_then(Value::as_str)
                    .is_some_and(|text| text.eq_ignore_ascii_case(expected))
            };
            is("type", "http") && is("scheme", "bearer")
        })
    };
    requirement.iter().filter(|(scheme, _)| is_bearer(scheme)).flat_map(|(_, roles)| roles.clone()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operations_of(description: &Value) -> Option<Vec<String>> {
        let operations = operations(description.to_string().as_bytes())?;
        Some(operations.iter().map(|o| format!("{}: {:?}", o.name, o.alternatives)).collect())
    }

    #[test]
    fn roles_are_those_of_bearer_schemes_and_an_open_route_requires_none() {
        let components = json!({"securitySchemes": {
            "entra": {"type": "http", "scheme": "Bearer"}, "users": {"type": "oauth2"},
        }});
        let description = json!({
            "components": components,
            "security": [{"entra": ["Orders.Default"]}],
            "paths": {
                "/a": {
                    "summary": "not a method",
                    "get": {"security": [{"entra": ["Orders.Read"]}, {"entra": ["Orders.All", "Orders.Any"]}]},
                    "post": {},
                },
                "/b": {
                    "get": {"security": []},
                    "put": {"security": [{}]},
                    "delete": {"security": [{"users": ["Orders.Read"]}]},
                },
            },
        });
        let expected = [
            r#"GET /a: [{"Orders.Read"}, {"Orders.All", "Orders.Any"}]"#,
            r#"POST /a: [{"Orders.Default"}]"#,
        ];
        assert_eq!(operations_of(&description).unwrap(), expected);
    }

    #[test]
    fn what_names_no_role_is_no_description_of_roles() {
        for description in [json!([]), json!({}), json!({"paths": {"/a": {"get": {}}}}), json!({"paths": 1})]
        {
            assert_eq!(operations_of(&description), None, "{description}");
        }
    }
}
