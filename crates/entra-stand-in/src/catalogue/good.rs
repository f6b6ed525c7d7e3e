//! Odd tokens that the standards allow and Entra could issue; an API must accept them.

use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use entra_shared::azure_ad::Version;
use serde_json::{Value, json};

use super::GoodToken;
use super::forge::{Forge, join, message};
use crate::MintError;

/// The subject of an agent's token, and the agent's blueprint.
const AGENT: &str = "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41";
const BLUEPRINT: &str = "30cf4c22-9985-4ef7-8756-91cc888176bd";

pub(super) fn tokens(forge: &Forge) -> Result<Vec<GoodToken>, MintError> {
    let mut tokens = Vec::new();
    let mut add = |name: &str, odd: &str, token: String| {
        tokens.push(GoodToken { name: name.to_owned(), odd: odd.to_owned(), token });
    };
    for (name, odd, members) in headers(forge) {
        add(&format!("header/{name}"), odd, forge.with_header(members)?);
    }
    for (name, odd, claims) in claims(forge) {
        add(&format!("claims/{name}"), odd, forge.with_claims(claims)?);
    }
    let (header, payload) = (forge.header().to_string(), forge.claims().to_string());
    let spaced = |text: &str| format!(" \r\n\t{}\n", text.replace("\",\"", "\" ,\r\n\t\""));
    add("json/white-space", "white space in both parts", forge.signed(spaced(&header), spaced(&payload))?);
    let escaped = header.replacen("\"alg\"", "\"\\u0061lg\"", 1);
    add("json/escaped-name", "a member's name is written with an escape", forge.signed(escaped, &payload)?);
    let message = message(forge.header_with(json!({ "kid": forge.other_key.kid() })).to_string(), payload);
    let signature = forge.other_key.signature(&RSA_PKCS1_SHA256, message.as_bytes())?;
    add("key/other", "signed with another of the published keys", join(&message, &signature));
    Ok(tokens)
}

type Cases = Vec<(&'static str, &'static str, Value)>;

fn headers(forge: &Forge) -> Cases {
    let typ = "another spelling of the type (RFC 9068 section 2.1)";
    vec![
        ("regular", "nothing", json!({})),
        ("typ-missing", typ, json!({ "typ": null })),
        ("typ-lower-case", typ, json!({ "typ": "jwt" })),
        ("typ-access-token", typ, json!({ "typ": "at+jwt" })),
        ("typ-media-type", typ, json!({ "typ": "application/at+jwt" })),
        ("x5t", "the thumbprint that v1.0 tokens have", json!({ "x5t": forge.key.kid() })),
        ("unknown", "unknown members", json!({ "new": [{}], "nonce": "n" })),
    ]
}

fn claims(forge: &Forge) -> Cases {
    let now = forge.number("iat") + 300;
    let reversed: Vec<&String> = forge.roles.iter().rev().collect();
    let repeated: Vec<&String> = forge.roles.iter().chain(&forge.roles).collect();
    let mut many: Vec<String> = (0..200).map(|number| format!("Some.Other.Role.{number:03}")).collect();
    many.extend(forge.roles.iter().cloned());
    let other_version = match forge.version {
        Version::V1 => json!({ "azp": 7, "azpacr": ["2"] }),
        Version::V2 => json!({ "appid": { "x": 1 }, "appidacr": 2 }),
    };
    let both_versions = match forge.version {
        Version::V1 => json!({ "azp": forge.client(), "azpacr": forge.text("appidacr") }),
        Version::V2 => json!({ "appid": forge.client(), "appidacr": forge.text("azpacr") }),
    };
    let mut cases = vec![
        ("unknown", "unknown claims", json!({ "xms_new": { "a": [1, null] }, "é": "ü" })),
        (
            "opaque-missing",
            "without the claims that mean nothing",
            json!({ "aio": null, "rh": null, "uti": null, "xms_ftd": null }),
        ),
        (
            "opaque-of-other-types",
            "the claims that mean nothing, of other types",
            json!({ "aio": ["x"], "rh": { "x": 1 }, "xms_ftd": 7, "idp": { "x": [1] } }),
        ),
        ("other-version", "odd claims that only the other version of tokens has", other_version),
        ("both-versions", "the client's claims of both versions, which agree", both_versions),
        ("idtyp", "with the optional claim `idtyp`", json!({ "idtyp": "app" })),
        (
            "app-sub-not-oid",
            "an app by `idtyp`, with another subject",
            json!({ "idtyp": "app", "sub": AGENT }),
        ),
        (
            "agent",
            "from an agent of Entra Agent ID",
            json!({
                "idtyp": "app", "sub": AGENT, "scp": "/", "xms_par_app_azp": BLUEPRINT,
                "xms_act_fct": "3 9 11", "xms_sub_fct": "9 3 11",
            }),
        ),
        (
            "agent-empty-scope",
            "from an agent whose claims are in a form not seen yet",
            json!({ "idtyp": "app", "scp": "", "xms_par_app_azp": 7, "xms_act_fct": [11] }),
        ),
        ("actor", "with an actor, who has no say here", json!({ "act": { "sub": "another" } })),
        ("certificate", "from a client that used a certificate", json!({ forge.class_claim(): "2" })),
        (
            "clock-ahead",
            "issued by a clock that is half a minute ahead",
            json!({ "iat": now + 30, "nbf": now + 30 }),
        ),
        ("just-expired", "expired half a minute ago", json!({ "exp": now - 30 })),
        ("long-lived", "valid for 24 hours", json!({ "exp": now + 24 * 3600 })),
        ("roles-reversed", "the roles in another order", json!({ "roles": reversed })),
        ("roles-repeated", "each role twice", json!({ "roles": repeated })),
        ("roles-many", "200 roles in addition to those needed", json!({ "roles": many })),
    ];
    if forge.has_audience_without_case() {
        let audience = forge.text("aud").to_uppercase().replacen("API://", "api://", 1);
        cases.push(("audience-upper-case", "the audience in upper case", json!({ "aud": audience })));
    }
    cases
}
