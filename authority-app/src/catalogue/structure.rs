//! What is no JWS in compact serialization, or no JWT (RFC 7515, RFC 7519, RFC 8725).

use serde_json::{Value, json};

use super::Expected::{InvalidRequest, InvalidToken, Malformed, TooLarge};
use super::forge::{Forge, Rows, encode, join, message, parts, row};
use crate::MintError;

pub(super) fn add(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    segments(forge, rows)?;
    encodings(forge, rows)?;
    json_texts(forge, rows)?;
    repeated_members(forge, rows)?;
    header_members(forge, rows)?;
    other_tokens(forge, rows)
}

fn segments(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let good = forge.good_token()?;
    let [h, p, s] = parts(&good)?;
    let shapes = [
        ("one-segment", "x".to_owned()),
        ("one-dot", ".".to_owned()),
        ("two-dots", "..".to_owned()),
        ("three-dots", "...".to_owned()),
        ("two-words", "a.b".to_owned()),
        ("no-header", format!(".{p}.{s}")),
        ("no-payload", format!("{h}..{s}")),
        ("empty-signature", format!("{h}.{p}.")),
        ("no-signature", format!("{h}.{p}")),
        ("header-missing", format!("{p}.{s}")),
        ("fourth-segment", format!("{good}.x")),
        ("fourth-segment-empty", format!("{good}.")),
        ("five-segments", format!("{good}.x.y")),
    ];
    for (name, token) in shapes {
        row(
            rows,
            InvalidToken,
            (format!("segments/{name}"), "not three segments with something in each"),
            token,
        );
    }
    let dots = ("segments/many-dots", "8 KB of dots");
    row(rows, TooLarge, dots, ".".repeat(8 * 1024));
    let flattened = json!({ "protected": h, "payload": p, "signature": s }).to_string();
    row(rows, InvalidRequest, ("segments/json-flattened", "the JSON serialization of a JWS"), flattened);
    let general = json!({ "payload": p, "signatures": [{ "protected": h, "signature": s }] }).to_string();
    row(rows, InvalidRequest, ("segments/json-general", "the JSON serialization of a JWS"), general);
    for (name, word) in [
        ("null", "null"),
        ("undefined", "undefined"),
        ("bearer", "Bearer"),
        ("guid", "a5b1c2d3-0000-4000-8000-123456789abc"),
    ] {
        row(
            rows,
            InvalidToken,
            (format!("segments/word-{name}"), "a word in place of a token"),
            word.to_owned(),
        );
    }
    row(rows, InvalidToken, ("segments/opaque", "2 KB that are no JWT"), "A".repeat(2048));
    let oversized = forge.with_claims(json!({ "padding": "x".repeat(24 * 1024) }))?;
    row(rows, TooLarge, ("segments/oversized", "a token of 32 KB, properly signed"), oversized);
    Ok(())
}

fn encodings(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let (header, payload) = (forge.header().to_string(), forge.claims().to_string());
    let good = forge.good_token()?;
    let [h, p, s] = parts(&good)?;
    let wrong = "padding, which base64url in a JWS has not";
    row(rows, Malformed, ("base64/padded-header", wrong), forge.signed_message(&format!("{h}=.{p}"))?);
    row(rows, Malformed, ("base64/padded-payload", wrong), forge.signed_message(&format!("{h}.{p}="))?);
    row(rows, InvalidToken, ("base64/padded-signature", wrong), format!("{good}=="));
    row(rows, InvalidToken, ("base64/padded-signature-by-one", wrong), format!("{good}="));
    let wrong = "bits after the last byte that are not zero";
    let loose_header = with_loose_bits(&header);
    row(
        rows,
        InvalidToken,
        ("base64/loose-bits-header", wrong),
        forge.signed_message(&format!("{loose_header}.{p}"))?,
    );
    let loose_payload = with_loose_bits(&payload);
    row(
        rows,
        InvalidToken,
        ("base64/loose-bits-payload", wrong),
        forge.signed_message(&format!("{h}.{loose_payload}"))?,
    );
    row(rows, InvalidToken, ("base64/loose-bits-signature", wrong), format!("{h}.{p}.{}", loosened(s)));
    let wrong = "the alphabet of plain base64";
    row(rows, InvalidToken, ("base64/plain-alphabet", wrong), in_plain_base64(forge)?);
    for (name, space) in [("space", ' '), ("tab", '\t')] {
        let wrong = "white space in a segment";
        let inside = |segment: &str| {
            let (before, after) = segment.split_at(segment.len() / 2);
            format!("{before}{space}{after}")
        };
        row(
            rows,
            Malformed,
            (format!("base64/{name}-in-header"), wrong),
            forge.signed_message(&format!("{}.{p}", inside(h)))?,
        );
        row(
            rows,
            Malformed,
            (format!("base64/{name}-in-payload"), wrong),
            forge.signed_message(&format!("{h}.{}", inside(p)))?,
        );
        row(
            rows,
            Malformed,
            (format!("base64/{name}-in-signature"), wrong),
            format!("{h}.{p}.{}", inside(s)),
        );
    }
    Ok(())
}

/// A good token whose signature has one of the two characters that base64 and base64url write otherwise: nearly every one.
fn in_plain_base64(forge: &Forge) -> Result<String, MintError> {
    for number in 0..100 {
        let token = forge.with_claims(json!({ "nonce": number }))?;
        let [h, p, s] = parts(&token)?;
        if s.contains(['-', '_']) {
            return Ok(format!("{h}.{p}.{}", s.replace('-', "+").replace('_', "/")));
        }
    }
    Err(MintError::Failed)
}

/// The encoding of a text, with a space more where it takes that to have loose bits, and those not zero.
fn with_loose_bits(text: &str) -> String {
    let text = if text.len().is_multiple_of(3) { format!("{text} ") } else { text.to_owned() };
    loosened(&encode(text))
}

/// Every such text ends with A, E, I .. or A, Q, g, w: the next letter decodes to the same bytes.
fn loosened(segment: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut segment = segment.to_owned();
    let next = segment.pop().and_then(|last| ALPHABET.chars().skip_while(|c| *c != last).nth(1));
    segment.extend(next);
    segment
}

fn json_texts(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let (header, payload) = (forge.header().to_string(), forge.claims().to_string());
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let with_bytes = |text: &str, bytes: &[u8]| {
        let inside = text.trim_end_matches('}').as_bytes();
        [inside, b",\"x\":\"", bytes, b"\"}"].concat()
    };
    let open = |text: &str, member: &str| format!("{{{member},{}", text.trim_start_matches('{'));
    let deep = 3_000;
    let forms = |text: &str| -> Vec<(&'static str, Vec<u8>)> {
        vec![
            ("array", b"[]".to_vec()),
            ("text", b"\"x\"".to_vec()),
            ("number", b"1".to_vec()),
            ("null", b"null".to_vec()),
            ("empty-object", b"{}".to_vec()),
            ("trailing-bytes", format!("{text}x").into_bytes()),
            ("second-object", format!("{text}{{}}").into_bytes()),
            ("byte-order-mark", format!("\u{feff}{text}").into_bytes()),
            ("invalid-utf-8", with_bytes(text, b"\xff")),
            ("utf-16", utf16(text)),
            ("single-quotes", text.replace('"', "'").into_bytes()),
            (
                "nested-arrays",
                open(text, &format!("\"x\":{}{}", "[".repeat(deep), "]".repeat(deep))).into_bytes(),
            ),
            (
                "nested-objects",
                open(text, &format!("\"x\":{}1{}", "{\"a\":".repeat(1_000), "}".repeat(1_000))).into_bytes(),
            ),
            ("unclosed", text.trim_end_matches('}').as_bytes().to_vec()),
        ]
    };
    for (name, bytes) in forms(&header) {
        let token = forge.signed(bytes, &payload)?;
        row(
            rows,
            InvalidToken,
            (format!("json/header-{name}"), "the header is no JSON object in UTF-8"),
            token,
        );
    }
    for (name, bytes) in forms(&payload) {
        let token = forge.signed(&header, bytes)?;
        row(
            rows,
            InvalidToken,
            (format!("json/payload-{name}"), "the payload is no JSON object in UTF-8"),
            token,
        );
    }
    let surrogate = payload.replacen('{', r#"{"x":"\ud800","#, 1);
    row(
        rows,
        InvalidToken,
        ("json/lone-surrogate", "half of a surrogate pair"),
        forge.signed(&header, surrogate)?,
    );
    for (name, number) in [
        ("1e400", "1e400".to_owned()),
        ("two-to-64", "18446744073709551616".to_owned()),
        ("negative-zero", "-0".to_owned()),
        ("400-digits", "9".repeat(400)),
        ("tiny", "1e-400".to_owned()),
    ] {
        for claim in ["exp", "iat"] {
            if claim == "iat" && matches!(name, "negative-zero" | "tiny") {
                continue; // a number like others, where it is not too long ago
            }
            let text = forge.claims_with(json!({ claim: null })).to_string();
            let text = text.replacen('{', &format!("{{\"{claim}\":{number},"), 1);
            let wrong = "a number that is no time";
            row(rows, InvalidToken, (format!("json/{claim}-{name}"), wrong), forge.signed(&header, text)?);
        }
    }
    Ok(())
}

fn repeated_members(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    let (header, payload) = (forge.header().to_string(), forge.claims().to_string());
    for (name, first) in [
        ("alg", r#""alg":"none""#),
        ("alg-twice-the-same", r#""alg":"RS256""#),
        ("kid", r#""kid":"another""#),
        ("kid-by-escape", r#""\u006bid":"another""#),
    ] {
        let token = forge.signed(header.replacen('{', &format!("{{{first},"), 1), &payload)?;
        row(
            rows,
            InvalidToken,
            (format!("repeated/header-{name}"), "a header member stands there twice"),
            token,
        );
    }
    for (name, first) in [
        ("exp", r#""exp":9999999999"#),
        ("exp-by-escape", r#""\u0065xp":9999999999"#),
        ("roles", r#""roles":[]"#),
        ("aud", r#""aud":"another""#),
        ("iss", r#""iss":"another""#),
        ("tid", r#""tid":"another""#),
        ("tid-in-another-case", r#""TID":"14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41""#),
    ] {
        let token = forge.signed(&header, payload.replacen('{', &format!("{{{first},"), 1))?;
        row(rows, InvalidToken, (format!("repeated/claim-{name}"), "a claim stands there twice"), token);
    }
    Ok(())
}

/// Members that change what the signed bytes mean, none of which Entra writes.
fn header_members(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
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

/// Tokens of the same issuer that are for something else (RFC 8725 section 3.12).
fn other_tokens(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
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
