//! Opaque cursors of list pages.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// Returns the cursor of the page that follows this resource.
pub(super) fn after(id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(id.as_bytes())
}

/// Parses a cursor; returns the last resource of the previous page.
pub(super) fn parse(cursor: &str) -> Option<Uuid> {
    Uuid::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_round_trips_and_nothing_else_parses() {
        let id = Uuid::now_v7();
        assert_eq!(parse(&after(id)), Some(id));
        for wrong in ["", "x", "AAAA", &id.to_string(), &format!("{}=", after(id)), &"A".repeat(10_000)] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
