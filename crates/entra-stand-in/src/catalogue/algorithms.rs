//! Adds tokens that are not signed with RS256 by the key that they name.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
};
use serde_json::{Value, json};

use super::Expected::InvalidToken;
use super::forge::{Forge, Rows, join, message, parts, row};
use super::weak_secrets::WEAK_SECRETS;
use crate::MintError;
use crate::keys::Encoding;

pub(super) fn add(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    unsigned(forge, rows)?;
    hmacs(forge, rows);
    other_rsa(forge, rows)?;
    changed(forge, rows)
}

/// Adds tokens with `alg: none` in every capitalization, each with and without a signature.
fn unsigned(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let good = forge.good_token()?;
    let [_, _, signature] = parts(&good)?;
    let spellings: Vec<(&str, Value)> = vec![
        ("none", json!("none")),
        ("None", json!("None")),
        ("NONE", json!("NONE")),
        ("nOnE", json!("nOnE")),
        ("none-space", json!("none ")),
        ("empty", json!("")),
        ("number", json!(1)),
        ("list", json!([])),
        ("missing", Value::Null),
    ];
    for (name, alg) in spellings {
        let header = forge.header_with(json!({ "alg": alg })).to_string();
        let message = message(header, forge.claims().to_string());
        let wrong = "`alg` says that nothing is signed";
        row(rows, InvalidToken, (format!("alg/{name}"), wrong), format!("{message}."));
        row(
            rows,
            InvalidToken,
            (format!("alg/{name}-with-a-signature"), wrong),
            format!("{message}.{signature}"),
        );
        row(rows, InvalidToken, (format!("alg/{name}-with-a-byte"), wrong), format!("{message}.AA"));
        row(rows, InvalidToken, (format!("alg/{name}-signed"), wrong), forge.signed_message(&message)?);
    }
    let header = forge.header().to_string().replace("\"RS256\"", "null");
    let token = forge.signed(header, forge.claims().to_string())?;
    row(rows, InvalidToken, ("alg/null", "`alg` says that nothing is signed"), token);
    Ok(())
}

/// Adds HMACs whose secrets are public values (CVE-2016-10555 and similar flaws).
fn hmacs(forge: &Forge, rows: &mut Rows) {
    let algorithms =
        [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)];
    for (alg, algorithm) in algorithms {
        let message =
            message(forge.header_with(json!({ "alg": alg })).to_string(), forge.claims().to_string());
        let keyed = |secret: &[u8]| {
            let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
            join(&message, tag.as_ref())
        };
        for (encoding, public) in forge.key.public_encodings() {
            let wrong = format!("an HMAC keyed with the public key: {encoding}");
            let name = format!("hmac/{alg}-{}", encoding.to_lowercase().replace([' ', '#'], "-"));
            row(rows, InvalidToken, (name, wrong), keyed(&public));
        }
        let secrets = if alg == "HS256" { &WEAK_SECRETS[..] } else { &[] };
        for secret in secrets {
            let name = format!("hmac/{alg}-secret-{}", if secret.is_empty() { "empty" } else { secret });
            row(
                rows,
                InvalidToken,
                (name, "an HMAC with a secret that anybody guesses"),
                keyed(secret.as_bytes()),
            );
        }
    }
}

/// Adds tokens signed with the right key but a wrong algorithm, since each key has one algorithm (RFC 8725 section
/// 3.1).
fn other_rsa(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let ways: [(&str, Encoding); 5] = [
        ("RS384", &RSA_PKCS1_SHA384),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
        ("PS384", &RSA_PSS_SHA384),
        ("PS512", &RSA_PSS_SHA512),
    ];
    for (alg, encoding) in ways {
        for (named, suffix) in [(alg, ""), ("RS256", "-as-RS256")] {
            let header = forge.header_with(json!({ "alg": named })).to_string();
            let message = message(header, forge.claims().to_string());
            let signature = forge.key.signature(encoding, message.as_bytes())?;
            let wrong = format!("signed with {alg}, and says {named}");
            row(rows, InvalidToken, (format!("rsa/{alg}{suffix}"), wrong), join(&message, &signature));
        }
    }
    let long = "R".repeat(4096);
    let names = [
        ("lower-case", "rs256"),
        ("hyphen", "RS-256"),
        ("space", "RS256 "),
        ("nul", "RS256\u{0}"),
        ("RSA1_5", "RSA1_5"),
        ("RS257", "RS257"),
        ("ES256", "ES256"),
        ("EdDSA", "EdDSA"),
        ("long", &long),
    ];
    for (name, alg) in names {
        let token = forge.with_header(json!({ "alg": alg }))?;
        let wrong = "signed with RS256, under another name";
        row(rows, InvalidToken, (format!("rsa/named-{name}"), wrong), token);
    }
    Ok(())
}

/// Adds good tokens of which one part was changed after they were signed.
fn changed(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let good = forge.good_token()?;
    let [h, p, s] = parts(&good)?;
    let (header, payload) = (forge.header().to_string(), forge.claims().to_string());
    let signature = forge.key.signature(&RSA_PKCS1_SHA256, format!("{h}.{p}").as_bytes())?;
    for (place, bytes) in
        [("header", header.as_bytes()), ("payload", payload.as_bytes()), ("signature", &signature)]
    {
        let step = (bytes.len() / 16).max(1);
        for at in (0..bytes.len()).step_by(step) {
            let mut flipped = bytes.to_vec();
            if let Some(byte) = flipped.get_mut(at) {
                *byte ^= 1 << (at % 8);
            }
            let token = match place {
                "header" => format!("{}.{p}.{s}", super::forge::encode(flipped)),
                "payload" => format!("{h}.{}.{s}", super::forge::encode(flipped)),
                _ => join(&format!("{h}.{p}"), &flipped),
            };
            row(
                rows,
                InvalidToken,
                (format!("changed/{place}-bit-of-byte-{at}"), "one bit was flipped"),
                token,
            );
        }
    }
    let other = forge.with_claims(json!({ "roles": ["Another.Role"] }))?;
    let [_, other_payload, other_signature] = parts(&other)?;
    let wrong = "payload and signature are of two good tokens";
    row(rows, InvalidToken, ("changed/payload-swapped", wrong), format!("{h}.{other_payload}.{s}"));
    row(rows, InvalidToken, ("changed/signature-swapped", wrong), format!("{h}.{p}.{other_signature}"));
    Ok(())
}
