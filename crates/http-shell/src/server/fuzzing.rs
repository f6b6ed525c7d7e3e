//! Opens private functions to `fuzz/`; compiled for cargo-fuzz only.

use super::framing::Framing;
use super::limits::Limits;

/// Returns the bytes that hyper would see, and the reason if it would not see all.
#[must_use]
pub fn passed_on(pieces: &[&[u8]]) -> (Vec<u8>, Option<String>) {
    let mut framing = Framing::new(Limits::default().max_header_bytes);
    let mut passed = Vec::new();
    for piece in pieces {
        if let Err(refused) = framing.follow(piece) {
            passed.extend(piece.iter().take(refused.after));
            return (passed, Some(refused.reason.to_string()));
        }
        passed.extend_from_slice(piece);
    }
    (passed, None)
}
