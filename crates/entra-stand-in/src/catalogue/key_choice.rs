//! Tokens that try to choose the key that verifies them.

use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use serde_json::{Value, json};

use super::Expected::InvalidToken;
use super::forge::{Forge, Rows, join, message, row};
use crate::MintError;
use crate::keys::SigningKey;

pub(super) fn add(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    key_ids(forge, rows)?;
    other_keys(forge, rows)
}

fn key_ids(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let kid = forge.key.kid();
    let other_case: String = kid
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    let first = kid.as_bytes().first().copied().unwrap_or_default();
    let escaped = format!("%{first:02X}{}", kid.get(1..).unwrap_or_default());
    let wrong_ids: Vec<(&str, Value)> = vec![
        ("missing", Value::Null),
        ("number", json!(1)),
        ("list", json!([kid])),
        ("object", json!({ "kid": kid })),
        ("empty", json!("")),
        ("other-case", json!(other_case)),
        ("space-behind", json!(format!("{kid} "))),
        ("space-in-front", json!(format!(" {kid}"))),
        ("percent-encoded", json!(escaped)),
        ("unknown", json!("no-such-key")),
        ("long", json!("K".repeat(300))),
        ("path", json!("../../../../dev/null")),
        ("absolute-path", json!("/dev/null")),
        ("sql", json!("x' UNION SELECT 'key")),
        ("shell", json!("|sleep 10")),
        ("jndi", json!("${jndi:ldap://127.0.0.1/x}")),
        ("ldap", json!("*)(uid=*")),
        ("line-breaks", json!("x\r\nlevel=info msg=forged")),
        ("other-published-key", json!(forge.other_key.kid())),
    ];
    for (name, id) in wrong_ids {
        let token = forge.with_header(json!({ "kid": id }))?;
        row(rows, InvalidToken, (format!("kid/{name}"), "`kid` does not name the key that signed"), token);
    }
    let null = forge.header().to_string().replace(&format!("\"{kid}\""), "null");
    let token = forge.signed(null, forge.claims().to_string())?;
    row(rows, InvalidToken, ("kid/null", "`kid` does not name the key that signed"), token);
    let token = forge.with_header(json!({ "kid": null, "x5t": kid }))?;
    row(rows, InvalidToken, ("kid/x5t-alone", "only a thumbprint names the key"), token);
    Ok(())
}

/// Keys embedded in the token, or of another party (RFC 8725 section 3.10).
fn other_keys(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let (kid, key) = (forge.key.kid(), &forge.foreign_key);
    let jwk = json!({ "kty": "RSA", "use": "sig", "kid": kid, "n": key.modulus(), "e": key.exponent() });
    let url = "https://127.0.0.1:9/keys";
    let headers: Vec<(&str, Value)> = vec![
        ("same-kid", json!({})),
        ("own-kid", json!({ "kid": key.kid() })),
        ("jwk", json!({ "jwk": jwk })),
        ("jwk-own-kid", json!({ "jwk": jwk, "kid": key.kid() })),
        ("jwk-oct", json!({ "jwk": { "kty": "oct", "k": "c2VjcmV0" } })),
        ("jku", json!({ "jku": url })),
        ("jku-file", json!({ "jku": "file:///dev/null" })),
        ("jku-metadata-address", json!({ "jku": "http://169.254.169.254/keys" })),
        ("jku-user-info", json!({ "jku": format!("{}@127.0.0.1:9/keys", forge.instance) })),
        ("x5u", json!({ "x5u": url })),
        ("x5c", json!({ "x5c": [key.certificate()] })),
        ("x5c-and-x5t", json!({ "x5c": [key.certificate()], "x5t": key.kid() })),
        ("x5c-of-the-tenant", json!({ "x5c": [forge.key.certificate()] })),
    ];
    for (name, members) in headers {
        let token = signed_by(key, &forge.header_with(members), &forge.claims())?;
        let wrong = "signed with a key that the tenant does not publish: another tenant's, or an attacker's";
        row(rows, InvalidToken, (format!("foreign-key/{name}"), wrong), token);
    }
    let token = signed_by(&forge.other_key, &forge.header(), &forge.claims())?;
    row(
        rows,
        InvalidToken,
        ("foreign-key/other-published-key", "signed with another key than it names"),
        token,
    );
    Ok(())
}

fn signed_by(key: &SigningKey, header: &Value, claims: &Value) -> Result<String, MintError> {
    let message = message(header.to_string(), claims.to_string());
    let signature = key.signature(&RSA_PKCS1_SHA256, message.as_bytes())?;
    Ok(join(&message, &signature))
}
