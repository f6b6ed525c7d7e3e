//! Tokens without exactly three segments.

use serde_json::json;

use crate::MintError;
use crate::catalogue::Expected::{InvalidRequest, InvalidToken, TooLarge};
use crate::catalogue::forge::{Forge, Rows, parts, row};

pub(super) fn add(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
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
