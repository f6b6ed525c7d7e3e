//! Valid tokens that seem to have the role but do not.

use serde_json::{Value, json};

use super::Expected::{InsufficientScope, InvalidToken};
use super::forge::{Forge, Rows, row};
use crate::MintError;

/// A user's subject, which is not the object id.
const PAIRWISE: &str = "pEO1RtUFvA2ZzdQ6Y6n9vF8k3bS1cXw7uJtL0mRhN4g";

pub(super) fn add(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let roles = &forge.roles;
    let each = |change: fn(&String) -> String| json!(roles.iter().map(change).collect::<Vec<_>>());
    let cases: Vec<(&str, &str, Value)> = vec![
        ("missing", "no roles", Value::Null),
        ("empty", "no roles", json!([])),
        ("other", "another role", json!(["Another.Role"])),
        ("joined-by-spaces", "all roles in one text", json!([format!("{} x", roles.join(" "))])),
        ("joined-by-commas", "all roles in one text", json!([format!("{},x", roles.join(","))])),
        ("other-case", "the role in another case", each(|role| swapped_case(role))),
        ("space-behind", "a role with a space", each(|role| format!("{role} "))),
        ("space-in-front", "a role with a space", each(|role| format!(" {role}"))),
        ("tab", "a role with a tab", each(|role| format!("{role}\t"))),
        ("no-break-space", "a role with a space", each(|role| format!("{role}\u{a0}"))),
        ("zero-width-space", "a role with an invisible space", each(|role| format!("{role}\u{200b}"))),
        ("line-break", "a role with a line break", each(|role| format!("{role}\n"))),
        ("longer", "a role that begins like it", each(|role| format!("{role}.All"))),
        ("longer-in-front", "a role that ends like it", each(|role| format!("X{role}"))),
        ("shorter", "a part of the role", each(|role| role.chars().take(role.len() - 1).collect())),
        ("wildcard", "a wildcard", json!(["*", "Resource.*", ".*"])),
    ];
    for (name, wrong, roles) in cases {
        row(
            rows,
            InsufficientScope,
            (format!("roles/{name}"), wrong),
            forge.with_claims(json!({ "roles": roles }))?,
        );
    }
    let null = forge.claims_with(json!({ "roles": null })).to_string().replacen('{', "{\"roles\":null,", 1);
    let null = forge.signed(forge.header().to_string(), null)?;
    row(rows, InsufficientScope, ("roles/null", "no roles"), null);
    elsewhere(forge, rows)?;
    users(forge, rows)?;
    odd_types(forge, rows)
}

/// Roles in a claim other than `roles`.
fn elsewhere(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let uri = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";
    for claim in ["role", "Roles", "ROLES", "groups", "wids", "scope", "permissions", "authorities", uri] {
        let token = forge.with_claims(json!({ "roles": null, claim: forge.roles }))?;
        let name = if claim == uri { "uri" } else { claim };
        row(rows, InsufficientScope, (format!("roles/in-{name}"), "the roles are in another claim"), token);
    }
    let nested = json!({ "roles": null, "realm_access": { "roles": forge.roles } });
    row(
        rows,
        InsufficientScope,
        ("roles/nested", "the roles are in another claim"),
        forge.with_claims(nested)?,
    );
    Ok(())
}

/// Adds tokens for users, which an API for applications must refuse.
fn users(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let scope = forge.roles.join(" ");
    let cases = [
        ("scope-alone", json!({ "roles": null, "scp": scope, "sub": PAIRWISE, "name": "A user" })),
        ("scope-and-roles", json!({ "scp": "access", "sub": PAIRWISE, "name": "A user" })),
        ("idtyp-user", json!({ "scp": "access", "idtyp": "user", "sub": PAIRWISE })),
        ("scope-in-an-apps-token", json!({ "roles": null, "scp": scope })),
    ];
    for (name, claims) in cases {
        row(rows, InsufficientScope, (format!("user/{name}"), "a user's token"), forge.with_claims(claims)?);
    }
    Ok(())
}

fn odd_types(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let first = forge.roles.first().map_or("x", String::as_str);
    let cases: Vec<(&str, Value)> = vec![
        ("text", json!(first)),
        ("number-in-list", json!([1, first])),
        ("nested-list", json!([[first]])),
        ("objects", json!([{ "value": first }])),
        ("object", json!({ first: true })),
        ("true", json!(true)),
    ];
    for (name, roles) in cases {
        let token = forge.with_claims(json!({ "roles": roles }))?;
        row(rows, InvalidToken, (format!("roles/type-{name}"), "`roles` is no list of texts"), token);
    }
    Ok(())
}

fn swapped_case(role: &str) -> String {
    let swap = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    role.chars().map(swap).collect()
}
