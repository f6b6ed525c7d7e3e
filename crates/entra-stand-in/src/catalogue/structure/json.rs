//! Headers and payloads that are not a JSON object, or that parsers read differently (RFC 8259 section 4).

use serde_json::json;

use crate::MintError;
use crate::catalogue::Expected::InvalidToken;
use crate::catalogue::forge::{Forge, Rows, row};

pub(super) fn add(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
    texts(forge, rows)?;
    repeated_members(forge, rows)
}

fn texts(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
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
        row(rows, InvalidToken, (format!("repeated/header-{name}"), "a repeated header member"), token);
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
        row(rows, InvalidToken, (format!("repeated/claim-{name}"), "a repeated claim"), token);
    }
    Ok(())
}
