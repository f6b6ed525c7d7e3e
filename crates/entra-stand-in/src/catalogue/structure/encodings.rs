//! Segments that are not the base64url of a JWS (RFC 7515 section 2).

use serde_json::json;

use crate::MintError;
use crate::catalogue::Expected::{InvalidToken, Malformed};
use crate::catalogue::forge::{Forge, Rows, encode, parts, row};

pub(super) fn add(forge: &Forge, rows: &mut Rows) -> Result<(), MintError> {
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

/// Returns a good token whose signature differs between base64 and base64url, as nearly all do.
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

/// Encodes a text with trailing bits that are not zero, adding a space if there would be none.
fn with_loose_bits(text: &str) -> String {
    let text = if text.len().is_multiple_of(3) { format!("{text} ") } else { text.to_owned() };
    loosened(&encode(text))
}

/// Returns another encoding of a segment's bytes, whose unused bits are not zero.
///
/// The last letter of the segment is one of A, E, I … or A, Q, g, w, and the letter after it in the alphabet decodes to
/// the same bytes.
fn loosened(segment: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut segment = segment.to_owned();
    let next = segment.pop().and_then(|last| ALPHABET.chars().skip_while(|c| *c != last).nth(1));
    segment.extend(next);
    segment
}
