//! Tokens of the same issuer that are for something else (RFC 8725 section 3.12).

use serde_json::json;

use crate::MintError;
use crate::catalogue::Expected::InvalidToken;
use crate::catalogue::forge::{Forge, Rows, join, message, row};

pub(super) fn add(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let client = forge.text(if forge.good.contains_key("azp") { "azp" } else { "appid" });
    let id_token = json!({
        "aud": client, "nonce": "n", "azp": null, "appid": null, "azpacr": null, "appidacr": null, "roles": null,
        "name": "A user", "preferred_username": "user@contoso.com",
    });
    row(rows, InvalidToken, ("other/id-token", "an ID token"), forge.with_claims(id_token)?);
    let endpoint = format!("{}/{}/oauth2/v2.0/token", forge.instance, forge.text("tid"));
    let assertion = json!({
        "iss": client, "sub": client, "aud": endpoint, "jti": "1", "nbf": forge.number("nbf"),
        "iat": forge.number("iat"), "exp": forge.number("exp"),
    });
    let key = &forge.foreign_key;
    let header = json!({ "typ": "JWT", "alg": "RS256", "x5t": key.kid(), "kid": key.kid() });
    let message = message(header.to_string(), assertion.to_string());
    let signature = key.signature(&aws_lc_rs::signature::RSA_PKCS1_SHA256, message.as_bytes())?;
    row(
        rows,
        InvalidToken,
        ("other/client-assertion", "a client's own assertion"),
        join(&message, &signature),
    );
    row(
        rows,
        InvalidToken,
        ("other/token-endpoint-audience", "an assertion's audience"),
        forge.with_claims(json!({ "aud": endpoint }))?,
    );
    row(
        rows,
        InvalidToken,
        ("other/bound-certificate", "bound to a certificate (RFC 8705)"),
        forge.with_claims(json!({ "cnf": { "x5t#S256": "x" } }))?,
    );
    row(
        rows,
        InvalidToken,
        ("other/bound-key", "bound to a key (RFC 9449)"),
        forge.with_claims(json!({ "cnf": { "jkt": "x" } }))?,
    );
    Ok(())
}
