//! Header members that change the meaning of the signed bytes; Entra uses none of them.

use serde_json::{Value, json};

use crate::MintError;
use crate::catalogue::Expected::InvalidToken;
use crate::catalogue::forge::{Forge, Rows, row};

pub(super) fn add(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let members: Vec<(&str, Value)> = vec![
        ("crit-unknown", json!({ "crit": ["x"], "x": 1 })),
        ("crit-absent-member", json!({ "crit": ["y"] })),
        ("crit-b64", json!({ "crit": ["b64"], "b64": false })),
        ("crit-empty", json!({ "crit": [] })),
        ("crit-exp", json!({ "crit": ["exp"] })),
        ("crit-alg", json!({ "crit": ["alg"] })),
        ("crit-text", json!({ "crit": "x" })),
        ("crit-repeated", json!({ "crit": ["x", "x"], "x": 1 })),
        ("b64-false", json!({ "b64": false })),
        ("zip", json!({ "zip": "DEF" })),
        ("enc", json!({ "enc": "A256GCM" })),
        ("epk", json!({ "epk": { "kty": "EC" } })),
        ("p2c", json!({ "p2c": 100_000_000, "p2s": "x" })),
        ("typ-empty", json!({ "typ": "" })),
        ("typ-dpop", json!({ "typ": "dpop+jwt" })),
        ("typ-secevent", json!({ "typ": "secevent+jwt" })),
        ("typ-logout", json!({ "typ": "logout+jwt" })),
        ("typ-number", json!({ "typ": 1 })),
        ("cty-nested", json!({ "cty": "JWT" })),
    ];
    for (name, members) in members {
        let token = forge.with_header(members)?;
        row(
            rows,
            InvalidToken,
            (format!("header/{name}"), "the header asks for what no access token needs"),
            token,
        );
    }
    let crit_null = forge.header().to_string().replacen('{', r#"{"crit":null,"#, 1);
    let token = forge.signed(crit_null, forge.claims().to_string())?;
    row(rows, InvalidToken, ("header/crit-null", "the header asks for what no access token needs"), token);
    let nested = forge.good_token()?;
    let token = forge.signed(forge.header_with(json!({ "cty": "JWT" })).to_string(), nested)?;
    row(rows, InvalidToken, ("header/nested-jwt", "the payload is itself a token"), token);
    Ok(())
}
