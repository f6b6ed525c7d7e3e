//! Where a page ends, in a form that callers do not take apart.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// The cursor of the page after this resource.
pub(super) fn after(id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(id.as_bytes())
}

/// The resource that a cursor stands after.
pub(super) fn parse(cursor: &str) -> Option<Uuid> {
    Uuid::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let id = Uuid::now_v7();
        assert_eq!(parse(&after(id)), Some(id));
        for wrong in ["", "x", "AAAA", &id.to_string(), &format!("{}=", after(id)), &"A".repeat(10_000)] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
